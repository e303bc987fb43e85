"""A reservation whose host is away: what the host says is booked once, and corrects what was estimated meanwhile."""

from datetime import datetime, timedelta

import pytest
from django.db.models.functions import Now

from budget import ledger
from budget.amounts import usd
from budget.ledger import awaited
from budget.models import Account, Hold, LedgerEntry, RoundSpend
from budget.reads import queries
from tests.factories import a_charge, a_workspace, an_entry, project

pytestmark = pytest.mark.django_db


def a_hold(amount: str = "2", *, spent: str = "0.5") -> Hold:
    """A reservation of an ended session of which some is spent."""
    entry = an_entry(a_workspace(), budget="5")
    hold = Hold.objects.create(project=project(entry.workspace), account=entry.account, session_ref=entry.pk, amount=usd(amount))
    book(hold, spent)
    return hold


def book(hold: Hold, amount: str, at: datetime | None = None) -> None:
    item = ledger.Charge(f"{hold.pk}:{amount}", usd(amount), LedgerEntry.PriceSource.REPORTED, at=at)
    ledger.charge(hold.project, item, account=hold.account, reservation=hold, round_number=1, actor="agent")


def count(hold: Hold, amount: str = "0.25", *, at_most: int | None = 0) -> bool:
    shown = lambda at: book(hold, amount, at)  # noqa: E731
    return awaited.book_count(hold.pk, shown, estimate_key=f"{hold.pk}:estimate", at_most=at_most, round_number=1)


def give_up(hold: Hold, at_most: int | None = None) -> bool:
    return awaited.give_up(hold.pk, estimate_key=f"{hold.pk}:estimate", at_most=at_most, round_number=1, reason="it stayed away")


def money(hold: Hold) -> tuple[int, int]:
    """Spent and reserved of its entry."""
    account = Account.objects.get(pk=hold.account_id)
    return account.spent, account.held


def test_of_an_account_and_of_a_workspace_what_awaits_is_counted_without_what_is_open_or_of_others() -> None:
    hold, other = a_hold(), a_hold()
    next_to = an_entry(hold.account.entry.workspace, budget="5")
    Hold.objects.create(project=hold.project, account=next_to.account, session_ref="open", amount=usd(1))
    assert (awaited.of_account(hold.account_id), queries.not_known(hold.project_id)[0]) == (0, 0)
    for absent in (hold, other):
        awaited.keep(absent.pk, host="east", seconds=60)
    assert (awaited.of_account(hold.account_id), queries.not_known(hold.project_id)[0]) == (usd("1.5"), usd("1.5"))
    book(hold, "3")
    assert (awaited.of_account(hold.account_id), queries.not_known(hold.project_id)[0]) == (0, 0)


def test_a_host_without_a_name_is_awaited_too() -> None:
    hold = a_hold()
    Hold.objects.filter(pk=hold.pk).update(opened_at=Now() - timedelta(hours=1))
    assert awaited.keep(hold.pk, host="", seconds=60) and not awaited.keep(hold.pk, host="", seconds=60)
    hold.refresh_from_db()
    assert hold.awaits_host == awaited.NO_NAME and hold.awaits_until
    assert (
        timedelta(seconds=3660) <= hold.awaits_until - hold.opened_at < timedelta(seconds=3900)
    )  # from its end, not its beginning


@pytest.mark.parametrize(("at_most", "spent"), [(0, "0.75"), (usd("0.1"), "0.85"), (usd(9), "2"), (None, "2")])
def test_its_count_is_booked_once_with_what_it_may_miss(at_most: int | None, spent: str) -> None:
    hold = a_hold()
    awaited.keep(hold.pk, host="east", seconds=60)
    assert count(hold, at_most=at_most) and money(hold) == (usd(spent), 0)
    assert not count(hold, "0.3") and not give_up(hold) and money(hold) == (usd(spent), 0)


def test_a_host_that_is_not_awaited_shows_nothing() -> None:
    hold = a_hold()
    assert not count(hold) and money(hold) == (usd("0.5"), usd("1.5"))


@pytest.mark.parametrize(
    ("estimated", "missing", "spent"),
    [(None, 0, "0.75"), (None, usd("0.1"), "0.85"), (None, None, "2"), (usd("0.4"), 0, "0.75"), (usd("0.4"), None, "1.15")],
)
def test_an_estimate_is_corrected_by_the_count_as_far_as_nothing_can_be_missing(
    estimated: int | None, missing: int | None, spent: str
) -> None:
    hold = a_hold()
    awaited.keep(hold.pk, host="east", seconds=60)
    assert give_up(hold, estimated)
    estimate = LedgerEntry.objects.get(event_key=f"{hold.pk}:estimate")
    assert (estimate.amount, estimate.reason) == (usd("1.5") if estimated is None else estimated, "it stayed away")
    assert count(hold, at_most=missing) and money(hold) == (usd(spent), 0)
    assert set(LedgerEntry.objects.exclude(event_key=f"{hold.pk}:0.5").values_list("at", flat=True)) == {estimate.at}
    assert not count(hold, "0.3") and money(hold) == (usd(spent), 0)


@pytest.mark.parametrize("by_host", [True, False])
def test_what_is_estimated_belongs_to_the_round_of_the_session_though_a_later_one_has_begun(by_host: bool) -> None:
    hold = a_hold()
    awaited.keep(hold.pk, host="east", seconds=60)
    a_charge(hold.account.entry, "0.125", round=2)
    assert count(hold, at_most=None) if by_host else give_up(hold)
    assert dict(RoundSpend.objects.values_list("number", "cost")) == {1: usd(2), 2: usd("0.125")}


def test_what_a_person_took_back_of_an_estimate_is_not_taken_back_again() -> None:
    hold, other = a_hold(), a_hold()
    for absent in (hold, other):
        awaited.keep(absent.pk, host="east", seconds=60)
        give_up(absent)
    for absent, amount in ((hold, "1.4"), (other, "0.7")):
        estimate = LedgerEntry.objects.get(event_key=f"{absent.pk}:estimate")
        ledger.adjust(estimate, -usd(amount), reason="it did little", actor="ana", key=f"{absent.pk}:fix")
    count(hold)
    assert money(hold) == (usd("0.75"), 0)
    [correction] = LedgerEntry.objects.filter(event_key=f"{hold.pk}:estimate:said")
    assert (correction.amount, correction.actor, correction.reason) == (
        -usd("0.1"),
        "muster",
        "its host came back and said what was spent",
    )
