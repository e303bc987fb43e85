"""Reads of money: of one workspace, page by page, with bounds that are included."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from budget import ledger
from budget.amounts import usd
from budget.categories import ANSWER_KEYS, CATEGORIES
from budget.ledger import permits
from budget.limits import caps
from budget.models import Account, Category, Hold, LedgerEntry
from budget.reads import csv_export, queries, summary
from orchestration.backlog import deletion
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces import paging
from workspaces.errors import Invalid, NotFound
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def other() -> Workspace:
    return a_workspace(name="Other")


def charged(workspace: Workspace, key: str, cents: int, at: datetime | None = None) -> LedgerEntry:
    item = ledger.Charge(key, cents * 10_000, LedgerEntry.PriceSource.REPORTED, category=Category.EXPANSION, at=at)
    ledger.charge(project(workspace), item, actor="agent")
    return LedgerEntry.objects.get(event_key=key)


def test_an_account_is_found_in_its_own_workspace_while_it_is_on_the_backlog(shop: Workspace, other: Workspace) -> None:
    entry = an_entry(shop)
    assert queries.account_for(shop.pk, entry.pk) == entry.account
    deletion.delete_all([gone := an_entry(shop)], by=ANA)
    for where, name in ((other, entry.pk), (shop, gone.pk), (shop, "no id\x00")):
        with pytest.raises(NotFound):
            queries.account_for(where.pk, name)


def test_those_that_spent_most_come_first_without_removed_ones(shop: Workspace, other: Workspace) -> None:
    small, large, none, gone, theirs = (an_entry(where) for where in (shop, shop, shop, shop, other))
    for entry, amount in ((small, "1"), (large, "2"), (gone, "3"), (theirs, "4")):
        a_charge(entry, amount)
    deletion.delete_all([gone], by=ANA)
    assert queries.most_spent(shop.pk, 5) == [large.pk, small.pk] and queries.most_spent(shop.pk, 1) == [large.pk]
    assert set(queries.removed_accounts(shop.pk).values_list("pk", flat=True)) == {gone.pk} and none.pk


def test_rows_of_days_include_the_first_and_the_last(shop: Workspace, other: Workspace) -> None:
    days = [datetime.combine(date(2026, 8, day), clock, UTC) for day, clock in ((3, LAST), (4, time()), (5, LAST), (6, time()))]
    rows = [charged(shop, f"k{n}", 1, at) for n, at in enumerate(days)]
    charged(other, "theirs", 1, days[1])
    assert list(queries.ledger_rows(shop.pk).order_by("id")) == rows
    assert list(queries.ledger_rows(shop.pk, since=date(2026, 8, 4), until=date(2026, 8, 5)).order_by("id")) == rows[1:3]
    assert list(queries.ledger_rows(shop.pk, category="entry")) == []


def test_rows_of_an_entry_are_found_also_of_a_deleted_one_and_of_no_other_workspace(shop: Workspace, other: Workspace) -> None:
    entry, next_to = an_entry(shop), an_entry(shop)
    for single in (entry, next_to):
        a_charge(single, "1")
    deletion.delete_all([entry], by=ANA)
    assert [row.account_id for row in queries.ledger_rows(shop.pk, entry_id=entry.pk)] == [entry.pk]
    for where, name in ((other, entry.pk), (shop, "no id")):
        with pytest.raises(NotFound):
            queries.ledger_rows(where.pk, entry_id=name)


def test_one_row_is_found_in_its_own_workspace(shop: Workspace, other: Workspace) -> None:
    row = charged(shop, "k", 1)
    assert queries.ledger_entry(shop.pk, str(row.pk)) == row
    for where, name in ((other, str(row.pk)), (shop, "x"), (shop, "²"), (shop, "9" * 18), (shop, "9" * 19)):
        with pytest.raises(NotFound):
            queries.ledger_entry(where.pk, name)


LAST = time(23, 59, 59)
PAGES: dict[str, tuple[Callable[..., tuple[list[Any], str | None]], bool]] = {
    "ledger": (lambda shop, **more: queries.ledger_page(queries.ledger_rows(shop), **more), True),
    "changes": (queries.changes_page, True),
    "holds": (queries.holds_page, False),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_have_each_row_once_in_order_and_end(name: str, shop: Workspace, other: Workspace) -> None:
    read, newest_first = PAGES[name]
    for where in (shop, other):
        for n in range(4):
            charged(where, f"{where.pk}{n}", 1)
            caps.set_project(project(where), "max_project_spend", usd(50 + n), by=ANA)
            permits.open_permit(project(where), None, category=Category.EXPANSION, amount=1, by=ANA)
    first, cursor = read(shop.pk, limit=3, cursor=None)
    remaining, end = read(shop.pk, limit=3, cursor=cursor)
    ids = [row.pk for row in first + remaining]
    assert ids == sorted(ids, reverse=newest_first) and len(set(ids)) == 4 and (len(first), end) == (3, None)
    assert {row.project_id for row in first + remaining} == {shop.pk}
    assert read(shop.pk, limit=4, cursor=None)[1] is None
    with pytest.raises(Invalid):
        read(shop.pk, limit=3, cursor="x")


def test_holds_are_those_that_are_reserved(shop: Workspace) -> None:
    for n, state in enumerate(("open", "settled", "awaiting")):
        entry = an_entry(shop)
        hold = Hold.objects.create(project=project(shop), account=entry.account, session_ref=f"s{n}", amount=1)
        more = {"awaits_host": "east", "awaits_until": "2026-08-04T00:00Z"} if state == "awaiting" else {}
        Hold.objects.filter(pk=hold.pk).update(state=state, **more)
    assert [hold.state for hold in queries.holds_page(shop.pk, limit=9, cursor=None)[0]] == ["open", "awaiting"]


@pytest.mark.parametrize("text", ["", "-1", "1.0", "²", "9" * 19])
def test_a_cursor_is_a_number_of_a_row(text: str) -> None:
    with pytest.raises(Invalid, match="not one of this list"):
        paging.position(text)
    assert paging.position("9" * 18) == int("9" * 18)


def test_a_sessions_spend_is_the_sum_of_its_own_rows(shop: Workspace) -> None:
    entry = an_entry(shop)
    tokens = {"input_tokens": 1, "output_tokens": 2, "cache_read_tokens": 3, "cache_write_tokens": 5, "cache_write_1h_tokens": 4}
    for n, session in enumerate(("s", "s", "other")):
        source = LedgerEntry.PriceSource.REPORTED
        item = ledger.Charge(f"k{n}", 10, source, reported=7, **tokens)  # type: ignore[arg-type]
        ledger.charge(project(shop), item, account=entry.account, session_ref=session, round_number=1, actor="agent")
    assert queries.session_spend("s") == {"amount": 20, "reported": 14, "computed": None} | {
        name: 2 * count for name, count in tokens.items()
    }


def test_totals_name_each_category(shop: Workspace) -> None:
    entry = an_entry(shop)
    for cents, category in enumerate(CATEGORIES, start=1):
        a_charge(entry if category == "entry" else None, f"0.0{cents}", category=category, in_=shop)
    shown = queries.totals(queries.project_of(shop.pk))
    assert (ANSWER_KEYS["entry"], ANSWER_KEYS["expansion"]) == ("entries_spent_usd", "expansion_spent_usd")
    spent = {ANSWER_KEYS[category]: cents / 100 for cents, category in enumerate(CATEGORIES, start=1)}
    total = {"total_spent_usd": sum(range(len(CATEGORIES) + 1)) / 100}
    assert shown == {"total_budget_usd": 100, "max_project_spend_usd": 100} | spent | total


@pytest.mark.parametrize(
    ("value", "cell"),
    [(None, ""), (0.25, "0.25"), (2.0, "2"), (10.0, "10"), (100.5, "100.5"), (0.0, "0"), (-0.000001, "-0.000001"), (-5, "-5"), ("-5", "'-5"), ("=1", "'=1"), (" +1", "' +1"),
     ("@x", "'@x"), ("\tx", "'\tx"), ("\rx", "'\rx"), ("\nx", "'\nx"), ("x=1", "x=1"), (datetime(2026, 8, 4, tzinfo=UTC), "2026-08-04T00:00:00+00:00")],
)  # fmt: skip
def test_a_cell_is_no_formula_and_a_number_stays_one(value: Any, cell: str) -> None:
    assert csv_export.cell(value) == cell


def test_a_deleted_entry_that_only_was_reviewed_stays_in_the_summary(shop: Workspace) -> None:
    entry, theirs = an_entry(shop), an_entry(a_workspace(name="Theirs"))
    a_charge(entry, "0.1", category="interceptor")
    a_charge(theirs, "0.1")
    deletion.delete_all([entry], by=ANA)
    body = summary.write(shop.pk).body.decode()
    assert entry.pk in body and theirs.pk not in body and Account.objects.count() == 2
