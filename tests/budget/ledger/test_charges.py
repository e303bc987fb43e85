"""Charges from outside: what the ledger keeps of a report, and which report is the same one again."""

from dataclasses import replace

import pytest

from budget.amounts import usd
from budget.ledger import charges, permits, prices
from budget.ledger.prices import Tokens
from budget.models import Account, Category, LedgerEntry
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces.errors import Invalid
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db

TOKENS = Tokens("claude-opus-4-5", input=10, output=20, cache_read=30, cache_write=40, cache_write_1h=5)
REPORT = charges.Report(Category.ENTRY, usd("0.5"), TOKENS, reason="a gateway", round_number=2)
OF_NO_ONE = charges.Report(Category.ORCHESTRATOR, usd("0.5"), Tokens(""))


@pytest.fixture
def account(shop: Workspace) -> Account:
    return an_entry(shop, budget="5").account


def book(account: Account | None, report: charges.Report, *, of: Workspace | None = None, **more: object) -> LedgerEntry:
    where = account.project if account else project(of) if of else None
    assert where is not None
    return charges.book(where, account, report, **{"actor": "gateway", "key": "k"} | more)  # type: ignore[arg-type]


def test_a_row_keeps_all_of_its_report_with_its_price_by_the_table_next_to_it(account: Account) -> None:
    row, computed = book(account, REPORT), prices.cost(TOKENS)
    assert (row.account_id, row.round, row.actor, row.reason, row.category) == (account.pk, 2, "gateway", "a gateway", "entry")
    assert (row.amount, row.reported, row.computed, row.price_source) == (usd("0.5"), usd("0.5"), computed, "reported")
    assert (row.model, row.price_version) == ("claude-opus-4-5", prices.VERSION)
    counts = (row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens, row.cache_write_1h_tokens)
    assert counts == (10, 20, 30, 40, 5)


def test_a_report_without_a_price_names_no_price_table(account: Account) -> None:
    row = book(account, replace(REPORT, tokens=Tokens("nobody-knows", input=1)))
    assert (row.computed, row.price_version) == (None, "")


def test_an_amount_of_zero_is_zero_whatever_its_tokens_would_cost(account: Account) -> None:
    row = book(account, replace(REPORT, amount=0))
    assert (row.amount, row.reported, row.price_source) == (0, 0, "reported")


def test_a_charge_without_a_round_belongs_to_the_newest_or_the_first(account: Account, shop: Workspace) -> None:
    first = book(account, replace(REPORT, round_number=None), key="a")
    a_charge(an_entry(shop), "0.1", round=9)  # another entry's rounds are not counted
    for number in (3, 2):
        book(account, replace(REPORT, round_number=number), key=f"k{number}")
    assert (first.round, book(account, replace(REPORT, round_number=None), key="b").round) == (1, 3)


def test_the_same_report_is_the_same_row_also_where_it_names_no_round(account: Account) -> None:
    row = book(account, REPORT)
    assert book(account, REPORT) == row == book(account, replace(REPORT, round_number=None))
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(REPORT, category=Category.INTERCEPTOR),
        replace(REPORT, amount=usd("0.6")),
        replace(REPORT, reason="another"),
        replace(REPORT, round_number=3),
        replace(REPORT, tokens=replace(TOKENS, model="gpt-5")),
        *(replace(REPORT, tokens=replace(TOKENS, **{name: 6})) for name in ("input", "output", "cache_read", "cache_write_1h")),
        replace(REPORT, tokens=replace(TOKENS, cache_write=41)),
    ],
)
def test_a_key_is_refused_with_another_report(account: Account, other: charges.Report) -> None:
    book(account, REPORT)
    with pytest.raises(Invalid, match="used for another charge"):
        book(account, other)
    assert LedgerEntry.objects.count() == 1


def test_a_key_is_refused_for_another_entry_or_with_another_permit(account: Account, shop: Workspace) -> None:
    mine = permits.open_permit(account.project, account, category=Category.ENTRY, amount=usd(1), by=ANA)
    row = book(account, REPORT, permit=mine)
    assert row.hold_id == mine.pk and book(account, REPORT, permit=mine) == row
    for where, permit in ((an_entry(shop).account, None), (account, None)):
        with pytest.raises(Invalid, match="used for another charge"):
            book(where, REPORT, permit=permit)


def test_a_key_is_of_its_caller_in_its_workspace(account: Account) -> None:
    other = an_entry(a_workspace(name="Other")).account
    rows = [book(account, REPORT), book(account, REPORT, actor="planner"), book(other, REPORT)]
    assert len({row.pk for row in rows}) == 3 and [row.account_id for row in rows] == [account.pk, account.pk, other.pk]


def test_more_kept_for_an_hour_than_was_written_is_refused(account: Account) -> None:
    with pytest.raises(Invalid) as refused:
        book(account, replace(REPORT, tokens=replace(TOKENS, cache_write_1h=41)))
    assert refused.value.names == ("cache_write_1h_tokens",) and not LedgerEntry.objects.exists()
    assert book(account, replace(REPORT, tokens=replace(TOKENS, cache_write_1h=40))).cache_write_1h_tokens == 40


def test_a_permit_pays_for_its_own_entry_alone(account: Account, shop: Workspace) -> None:
    permit = permits.open_permit(account.project, account, category=Category.ENTRY, amount=usd(1), by=ANA)
    other = replace(REPORT, category=Category.INTERCEPTOR)
    for where, report in ((an_entry(shop).account, REPORT), (None, OF_NO_ONE), (None, REPORT), (account, other)):
        with pytest.raises(Invalid, match="another category or entry"):
            book(where, report, of=shop, permit=permit)


def test_a_permit_of_no_entry_pays_for_a_charge_of_none(shop: Workspace) -> None:
    permit = permits.open_permit(project(shop), None, category=Category.ORCHESTRATOR, amount=usd(1), by=ANA)
    row = book(None, OF_NO_ONE, of=shop, permit=permit)
    assert (row.hold_id, row.account_id) == (permit.pk, None) and book(None, OF_NO_ONE, of=shop, permit=permit) == row


def test_a_charge_of_entries_names_its_entry(shop: Workspace) -> None:
    with pytest.raises(Invalid, match="must name its entry"):
        book(None, REPORT, of=shop)


@pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (255, True), (256, False)])
def test_a_key_has_1_to_255_characters(shop: Workspace, length: int, fits: bool) -> None:
    if fits:
        assert book(None, OF_NO_ONE, of=shop, key="x" * length)
    else:
        with pytest.raises(Invalid, match="1 to 255 characters"):
            book(None, OF_NO_ONE, of=shop, key="x" * length)


def test_charges_without_a_key_are_each_one_of_their_own(shop: Workspace) -> None:
    rows = {book(None, OF_NO_ONE, of=shop, key=None).pk for _ in range(2)}
    assert len(rows) == 2


@pytest.mark.parametrize(("model", "name"), [("", "amount_usd"), ("nobody-knows", "model")])
def test_a_charge_without_an_amount_needs_a_model_that_has_a_price(shop: Workspace, model: str, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        book(None, replace(OF_NO_ONE, amount=None, tokens=Tokens(model, input=5)), of=shop)
    assert refused.value.names == (name,)
    row = book(None, replace(OF_NO_ONE, amount=None, tokens=Tokens("gpt-5", input=1_000_000)), of=shop)
    assert (row.amount, row.reported, row.computed, row.price_source) == (usd("1.25"), None, usd("1.25"), "computed")
