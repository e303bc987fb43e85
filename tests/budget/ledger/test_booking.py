"""Every amount once, every hold settled once, and counters that cannot drift."""

from datetime import UTC, datetime
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from budget import ledger
from budget.amounts import usd
from budget.ledger import awaited, permits
from budget.limits import caps
from budget.models import Account, Category, DaySpend, Hold, LedgerEntry, ModelSpend, Project, RoundSpend
from orchestration.models import Entry
from tests.factories import ANA, a_workspace, an_entry, project
from workspaces.errors import Invalid
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def a_hold(entry: Entry, amount: str) -> Hold:
    return Hold.objects.create(
        project=project(entry.workspace), account=entry.account, session_ref=f"s{entry.pk}", amount=usd(amount)
    )


def a_charge(key: str, amount: str, **more: object) -> ledger.Charge:
    return ledger.Charge(key, usd(amount), LedgerEntry.PriceSource.REPORTED, **more)  # type: ignore[arg-type]


def book(entry: Entry, key: str, amount: str, hold: Hold | None = None, round_number: int = 1) -> bool:
    return ledger.charge(
        project(entry.workspace),
        a_charge(key, amount),
        account=entry.account,
        reservation=hold,
        round_number=round_number,
        actor="agent",
    )


def project_of(hold: Hold) -> Workspace:
    return Workspace.objects.get(pk=hold.project_id)


def balances(workspace: Workspace) -> tuple[int, int]:
    row = project(workspace)
    return row.total_spent, row.held


def test_a_charge_draws_its_reservation_down() -> None:
    entry = an_entry(a_workspace(), budget="5")
    hold = a_hold(entry, "2")
    assert book(entry, "k1", "0.5", hold)
    assert balances(entry.workspace) == (usd("0.5"), usd("1.5"))
    account = Account.objects.get(pk=entry.pk)
    assert (account.spent, account.held) == (usd("0.5"), usd("1.5"))
    assert RoundSpend.objects.get(account=account, number=1).cost == usd("0.5")


def test_a_repeated_event_counts_once() -> None:
    entry = an_entry(a_workspace())
    assert [book(entry, "same", "0.1") for _ in range(3)] == [True, False, False]
    assert balances(entry.workspace)[0] == usd("0.1")


def test_spend_beyond_the_reservation_is_booked_in_full() -> None:
    entry = an_entry(a_workspace(), budget="1")
    hold = a_hold(entry, "1")
    book(entry, "k1", "1.3", hold)
    assert balances(entry.workspace) == (usd("1.3"), 0)


def test_a_reservation_is_settled_exactly_once() -> None:
    entry = an_entry(a_workspace(), budget="2")
    hold = a_hold(entry, "2")
    book(entry, "k1", "0.5", hold)
    assert ledger.settle(hold.pk) is True
    assert ledger.settle(hold.pk) is False
    assert balances(entry.workspace) == (usd("0.5"), 0)


def test_an_unknown_cost_settles_at_the_full_reservation() -> None:
    entry = an_entry(a_workspace(), budget="2")
    hold = a_hold(entry, "2")
    book(entry, "k1", "0.5", hold)
    ledger.settle(hold.pk, remainder_key="unknown", round_number=1)
    assert balances(entry.workspace) == (usd(2), 0)


def test_a_reservation_beyond_the_cap_is_refused_by_the_database() -> None:
    workspace = a_workspace(cap="1")
    entry, two = an_entry(workspace, budget="5"), an_entry(workspace, budget="5")
    a_hold(entry, "0.9")
    with pytest.raises(IntegrityError, match="project cap"), transaction.atomic():
        a_hold(two, "0.2")
    assert balances(workspace) == (0, usd("0.9"))


def test_a_reservation_beyond_the_entrys_budget_is_refused_by_the_database() -> None:
    entry = an_entry(a_workspace(), budget="1")
    with pytest.raises(IntegrityError, match="entry budget"), transaction.atomic():
        a_hold(entry, "1.1")


def test_a_reservation_grows_only_within_the_caps() -> None:
    entry = an_entry(a_workspace(cap="3"), budget="2")
    hold = a_hold(entry, "1")
    assert ledger.grow(hold, usd(1)) is True
    assert ledger.grow(hold, 1) is False
    assert balances(entry.workspace) == (0, usd(2))


def test_a_settled_reservation_stays_settled() -> None:
    entry = an_entry(a_workspace(), budget="1")
    hold = a_hold(entry, "1")
    ledger.settle(hold.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        Hold.objects.filter(pk=hold.pk).update(state="open")


@pytest.mark.parametrize("verb", ["UPDATE budget_ledgerentry SET amount = 0", "DELETE FROM budget_ledgerentry"])
def test_the_ledger_can_only_grow(verb: str) -> None:
    book(an_entry(a_workspace()), "k1", "0.5")
    with pytest.raises(IntegrityError, match="insert-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(verb)
    assert LedgerEntry.objects.get().amount == usd("0.5")


def test_a_correction_is_another_row_with_a_reason() -> None:
    entry = an_entry(a_workspace())
    book(entry, "k1", "0.5")
    row = LedgerEntry.objects.get()
    with pytest.raises(Invalid):
        ledger.adjust(row, -usd("0.2"), reason=" ", actor="ana", key="fix")
    assert ledger.adjust(row, -usd("0.2"), reason="double counted", actor="ana", key="fix")
    assert balances(entry.workspace)[0] == usd("0.3")
    with pytest.raises(Invalid):
        ledger.adjust(row, -usd("0.4"), reason="too much", actor="ana", key="fix2")


def test_the_four_categories_add_up_and_equal_the_ledger() -> None:
    entry = an_entry(a_workspace())
    for n, category in enumerate(("entry", "interceptor", "expansion", "orchestrator"), start=1):
        what = a_charge(f"k{n}", f"0.{n}", category=category)
        ledger.charge(project(entry.workspace), what, account=entry.account if n < 3 else None, round_number=1, actor="agent")
    row = Project.objects.get(pk=entry.workspace_id)
    assert row.total_spent == sum(LedgerEntry.objects.values_list("amount", flat=True)) == usd("1")
    assert (row.entry_spent, row.interceptor_spent, row.expansion_spent, row.orchestrator_spent) == tuple(
        usd(f"0.{n}") for n in range(1, 5)
    )
    account = Account.objects.get(pk=entry.pk)
    assert (account.spent, account.interceptor_spent) == (usd("0.1"), usd("0.2"))


def test_a_charge_is_one_statement_so_that_the_projects_row_is_locked_within_one_round_trip() -> None:
    entry = an_entry(a_workspace())
    where, account = project(entry.workspace), entry.account
    with CaptureQueriesContext(connection) as asked:
        ledger.charge(where, a_charge("k1", "0.5"), account=account, round_number=1, actor="agent")
    assert len(asked) == 1


def test_an_upgrade_fills_in_the_tokens_of_earlier_rounds() -> None:
    entry = an_entry(a_workspace())
    tokens = {"input_tokens": 10, "cache_read_tokens": 30, "cache_write_tokens": 5}
    for n in range(2):
        item = a_charge(f"key:{n}", "1", **tokens)
        ledger.charge(project(entry.workspace), item, account=entry.account, round_number=1, actor="agent")
    kept = RoundSpend.objects.filter(account=entry.account).values_list("input_tokens", "cached_tokens")
    assert list(kept) == [(90, 60)]
    RoundSpend.objects.update(input_tokens=0, cached_tokens=0)
    with connection.cursor() as cursor:
        cursor.execute(import_module("budget.migrations.0019_tokens_of_rounds").BEFORE)
    assert list(kept.all()) == [(90, 60)]


def test_an_upgrade_fills_in_what_each_model_cost_in_earlier_rounds() -> None:
    entry = an_entry(a_workspace())
    tokens = {"input_tokens": 10, "cache_read_tokens": 30, "cache_write_tokens": 5}
    for n, model in enumerate(("large", "small", "large", "")):
        item = a_charge(f"key:{n}", "1", model=model, **tokens)
        ledger.charge(project(entry.workspace), item, account=entry.account, round_number=1 + n // 3, actor="agent")
    kept = ModelSpend.objects.order_by("number", "model").values_list("number", "model", "cost", "input_tokens", "cached_tokens")
    by_trigger = list(kept)
    assert by_trigger == [
        (1, "large", usd(2), 90, 60), (1, "small", usd(1), 45, 30), (2, "", usd(1), 45, 30),
    ]  # fmt: skip
    ModelSpend.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(import_module("budget.migrations.0029_models_of_rounds").ROUNDS)
    assert list(kept.all()) == by_trigger


def test_a_reservation_that_was_overdrawn_grows_by_what_was_asked_for_beyond_that() -> None:
    entry = an_entry(a_workspace(), budget="2")
    hold = a_hold(entry, "1")
    book(entry, "k", "1.5", hold)
    assert ledger.extend(hold.pk, usd(1)) == usd(1)
    assert ledger.drawn(hold.pk) == (usd(2), usd("1.5")) and balances(entry.workspace) == (usd("1.5"), usd("0.5"))


@pytest.mark.parametrize("kept", [-1, 6])
def test_the_database_refuses_more_tokens_kept_for_an_hour_than_were_written(kept: int) -> None:
    book(an_entry(a_workspace()), "once", "0.5")
    row = LedgerEntry.objects.get()
    row.pk, row.event_key, row.cache_write_tokens, row.cache_write_1h_tokens = None, "again", 5, kept
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_only_what_awaits_its_host_is_given_up() -> None:
    """A session that runs again, or has ended meanwhile, says itself what it spent."""
    hold = a_hold(an_entry(a_workspace()), "0.5")
    given = {"estimate_key": "k", "at_most": None, "round_number": 1, "reason": "its host did not come back"}
    assert not awaited.give_up(hold.pk, **given)
    assert awaited.keep(hold.pk, host="east", seconds=60) and awaited.give_up(hold.pk, **given)
    assert not awaited.give_up(hold.pk, **given) and not awaited.keep(hold.pk, host="east", seconds=60)
    hold.refresh_from_db()
    assert (hold.state, hold.drawn) == ("settled", usd("0.5"))


@pytest.mark.parametrize("budget", ["0.5", "0.5005"])
def test_where_there_is_no_room_a_reservation_stays_as_it_is(budget: str) -> None:
    """Also one that is overdrawn; less than a tenth of a cent is no room."""
    entry = an_entry(a_workspace(), budget=budget)
    hold = a_hold(entry, "0.5")
    for drawn in ("0.1", "0.7"):
        book(entry, drawn, drawn, hold)
        assert ledger.extend(hold.pk, usd(1)) == 0
    hold.refresh_from_db()
    assert hold.amount == usd("0.5")


def test_a_charge_is_booked_as_of_its_own_time_with_its_reason_and_all_its_tokens() -> None:
    entry = an_entry(a_workspace())
    tokens = {"input_tokens": 1, "output_tokens": 2, "cache_read_tokens": 3, "cache_write_tokens": 4, "cache_write_1h_tokens": 9}
    more = {"reported": 5, "computed": 6, "price_version": "v1", "model": "m", "reason": "r" * 501}
    at = datetime(2026, 8, 4, 12, tzinfo=UTC)
    item = a_charge("k", "0.5", at=at, **tokens, **more)
    ledger.charge(project(entry.workspace), item, account=entry.account, session_ref="s", round_number=7, actor="agent")
    row = LedgerEntry.objects.values().get()
    kept = tokens | more | {"reason": "r" * 500, "cache_write_1h_tokens": 4, "at": at, "session_ref": "s", "round": 7}
    assert {name: row[name] for name in kept} == kept


def test_only_open_reservations_grow_and_shrink_and_others_stay_as_they_are() -> None:
    shop = a_workspace()
    hold, other = a_hold(an_entry(shop, budget="5"), "1"), a_hold(an_entry(shop, budget="5"), "1")
    ended = a_hold(an_entry(shop, budget="5"), "1")
    ledger.settle(ended.pk)
    assert ledger.grow(hold, usd(1)) and not ledger.grow(ended, usd(1))
    assert ledger.drawn(hold.pk) == (usd(2), 0) and ledger.drawn(other.pk) == ledger.drawn(ended.pk) == (usd(1), 0)
    assert ledger.shrink(hold.pk, keep=usd(1)) and not ledger.shrink(hold.pk, keep=usd(1))
    assert not ledger.shrink(ended.pk, keep=0) and not ledger.shrink(hold.pk, keep=usd(3))
    assert ledger.drawn(hold.pk) == ledger.drawn(other.pk) == (usd(1), 0)


def test_a_reservation_shrinks_to_what_is_spent_and_what_it_keeps() -> None:
    entry = an_entry(a_workspace(), budget="5")
    hold = a_hold(entry, "2")
    book(entry, "k", "0.5", hold)
    assert ledger.shrink(hold.pk, keep=usd(1)) and ledger.drawn(hold.pk) == (usd("1.5"), usd("0.5"))
    assert balances(entry.workspace) == (usd("0.5"), usd(1))


@pytest.mark.parametrize(("cap", "grown"), [("1.25", "0.25"), ("1.001", "0.001"), ("1.000999", "0"), ("9", "0.5")])
def test_a_reservation_grows_by_what_is_left_up_to_what_was_asked_for(cap: str, grown: str) -> None:
    hold = a_hold(an_entry(a_workspace(cap=cap), budget="5"), "1")
    assert ledger.extend(hold.pk, usd("0.5")) == usd(grown) and ledger.drawn(hold.pk) == (usd(1) + usd(grown), 0)


@pytest.mark.parametrize(("by", "grown"), [(383, 383), (384, 0)])
def test_a_reservation_grows_by_a_tiny_amount_where_no_more_is_lacking(by: int, grown: int) -> None:
    hold = a_hold(an_entry(a_workspace(cap="1.000383"), budget="5"), "1")
    assert ledger.extend(hold.pk, by) == grown


@pytest.mark.parametrize(("budget", "grown"), [("1.25", "0.25"), ("1.001", "0.001"), ("1.000999", "0"), ("9", "0.5")])
def test_a_reservation_grows_by_what_is_left_of_the_entrys_own_budget(budget: str, grown: str) -> None:
    shop = a_workspace()
    an_entry(shop, budget="9")
    hold = a_hold(an_entry(shop, budget=budget), "1")
    assert ledger.extend(hold.pk, usd("0.5")) == usd(grown) and ledger.drawn(hold.pk) == (usd(1) + usd(grown), 0)


def test_what_awaits_its_host_neither_grows_nor_shrinks_and_can_be_settled() -> None:
    hold = a_hold(an_entry(a_workspace(), budget="5"), "1")
    awaited.keep(hold.pk, host="east", seconds=60)
    assert not ledger.grow(hold, usd(1)) and not ledger.shrink(hold.pk, keep=0) and ledger.extend(hold.pk, usd(1)) == 0
    assert ledger.drawn(hold.pk) == (usd(1), 0)
    assert ledger.settle(hold.pk) and balances(project_of(hold)) == (0, 0)


def test_only_a_charge_of_entries_belongs_to_the_newest_round_by_itself() -> None:
    entry = an_entry(a_workspace())
    book(entry, "k", "0.5", round_number=3)
    RoundSpend.objects.create(account=entry.account, number=4, cost=0)  # it has begun, and cost nothing yet
    for n, category in enumerate(("entry", "interceptor")):
        ledger.charge(project(entry.workspace), a_charge(f"k{n}", "0.1", category=category), account=entry.account, actor="agent")
    assert list(LedgerEntry.objects.order_by("id").values_list("category", "round")) == [
        ("entry", 3),
        ("entry", 4),
        ("interceptor", None),
    ]


def test_a_reservation_without_an_entry_grows_within_the_limits_of_its_category() -> None:
    shop = a_workspace()
    for category, amount in (("expansion", "1.5"), ("orchestrator", "0")):
        caps.set_limit(project(shop), category, "all", usd(amount), by=ANA)
    permit = permits.open_permit(project(shop), None, category=Category.EXPANSION, amount=usd(1), by=ANA)
    assert ledger.extend(permit.pk, usd(1)) == usd("0.5")


@pytest.mark.parametrize(("at_most", "charged"), [(None, "1.5"), ("0.4", "0.4"), ("9", "1.5")])
def test_an_unknown_cost_is_charged_where_its_reservation_was(at_most: str | None, charged: str) -> None:
    entry = an_entry(a_workspace(), budget="2")
    hold = a_hold(entry, "2")
    book(entry, "k1", "0.5", hold)
    bound = None if at_most is None else usd(at_most)
    assert ledger.settle(hold.pk, remainder_key="rest", at_most=bound, round_number=4, actor="ana", reason="it died")
    row = LedgerEntry.objects.get(event_key="rest")
    assert (row.amount, row.round, row.actor, row.reason) == (usd(charged), 4, "ana", "it died")
    assert (row.account_id, row.session_ref, row.hold_id, row.price_source) == (entry.pk, hold.session_ref, hold.pk, "computed")
    hold.refresh_from_db()
    assert hold.state == "settled" and hold.settled_at and hold.settled_at >= hold.opened_at


def test_an_unknown_cost_of_a_reservation_that_is_used_up_is_nothing_more() -> None:
    entry = an_entry(a_workspace(), budget="1")
    hold = a_hold(entry, "1")
    book(entry, "k1", "1.3", hold)
    assert ledger.settle(hold.pk, remainder_key="rest") and LedgerEntry.objects.count() == 1


def test_the_unknown_cost_of_a_permit_is_of_its_category() -> None:
    shop = a_workspace()
    permit = permits.open_permit(project(shop), None, category=Category.EXPANSION, amount=usd(1), by=ANA)
    ledger.settle(permit.pk, remainder_key="rest")
    row = LedgerEntry.objects.get()
    assert (row.category, row.reason) == ("expansion", "cost not known: settled at the full reservation")


def test_a_session_gets_a_reservation_of_its_own_or_none() -> None:
    shop = a_workspace()
    entry = an_entry(shop, budget="1")
    assert ledger.open_reservation(project(shop), entry.account, session_ref="s1", amount=usd("1.1")) is None
    hold = ledger.open_reservation(project(shop), entry.account, session_ref="s1", amount=usd("0.5"))
    assert hold and (hold.account_id, hold.session_ref, hold.amount, hold.state) == (entry.pk, "s1", usd("0.5"), "open")
    assert ledger.open_reservation(project(shop), entry.account, session_ref="s2", amount=usd("0.1")) is None


def test_a_moment_is_kept_in_utc_and_as_all_others_are() -> None:
    """The statement is our own: SQLite would keep the text of any zone, and compare it as text."""
    entry = an_entry(a_workspace())
    at = datetime(2026, 8, 4, 23, 59, 59, 999_999, tzinfo=UTC)
    for n, zone in enumerate((UTC, ZoneInfo("Asia/Kathmandu"))):
        ledger.charge(
            project(entry.workspace), a_charge(f"k{n}", "1", at=at.astimezone(zone)), account=entry.account, actor="agent"
        )
    assert LedgerEntry.objects.filter(at=at, at__lte=at, at__gte=at).count() == 2
    assert [(row.day, row.amount) for row in DaySpend.objects.all()] == [(at.date(), usd(2))]
