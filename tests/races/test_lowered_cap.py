"""The cap is lowered below the spend while sessions run: no session is killed, no new one starts, and the change is recorded."""

import pytest

from budget import ledger
from budget.amounts import usd
from budget.limits import caps
from budget.models import BudgetChange, Hold, LedgerEntry
from orchestration import sessions
from orchestration.executor import dispatch
from orchestration.models import Entry, Session
from tests.factories import ANA, a_session, an_entry, ended, project
from tests.races.crowd import at_once
from workspaces.models import Event, Workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.shop(cap="20", round_ceiling_usd=5)]


def spend(session: Session, key: str, amount: str) -> bool:
    """Book a charge as for the agent's usage line."""
    reservation = Hold.objects.select_related("project", "account").get(session_ref=session.pk)
    charge = ledger.Charge(key, usd(amount), LedgerEntry.PriceSource.REPORTED)
    return ledger.charge(
        reservation.project,
        charge,
        account=reservation.account,
        reservation=reservation,
        session_ref=session.pk,
        round_number=1,
        actor="agent",
    )


def a_running_session(shop: Workspace) -> Session:
    session = a_session(an_entry(shop, budget="10"))
    spend(session, "first", "2")
    return session


def lower(shop: Workspace, cap: str) -> None:
    caps.set_project(project(shop), "max_project_spend", usd(cap), by=ANA, reason="less this month")


def test_the_session_continues_within_its_reservation_and_no_new_one_starts(shop: Workspace) -> None:
    session = a_running_session(shop)
    waiting = an_entry(shop, budget="10")
    lower(shop, "1")
    assert spend(session, "second", "1") and project(shop).headroom < 0
    assert dispatch.cycle(shop.pk).started == []
    assert Entry.objects.get(pk=waiting.pk).status == "pending"
    assert Session.objects.get(pk=session.pk).status == "running"


def test_its_reservation_no_longer_grows(shop: Workspace) -> None:
    reservation = Hold.objects.get(session_ref=a_running_session(shop).pk)
    lower(shop, "1")
    assert ledger.grow(reservation, usd(1)) is False
    assert Hold.objects.get(pk=reservation.pk).amount == usd(5)


def test_the_change_is_recorded_with_actor_amounts_and_reason(shop: Workspace) -> None:
    lower(shop, "1")
    change = BudgetChange.objects.get(field="max_project_spend")
    assert (change.before, change.after, change.actor, change.reason) == (usd(20), usd(1), "ana", "less this month")
    assert Event.objects.filter(verb="budget.max_project_spend", actor="ana", reason="less this month").count() == 1


def test_its_end_frees_the_remainder_and_a_raised_cap_starts_waiting_entries(shop: Workspace) -> None:
    session = a_running_session(shop)
    an_entry(shop, budget="10")
    lower(shop, "1")
    ended(session, outcome="passed")
    assert project(shop).held == 0 and dispatch.cycle(shop.pk).started == []
    lower(shop, "20")
    assert len(dispatch.cycle(shop.pk).started) == 1


def test_lowered_in_the_middle_of_many_charges_no_cent_is_lost(shop: Workspace) -> None:
    session = a_running_session(shop)
    booked = at_once([*(lambda n=n: spend(session, f"k{n}", "0.1") for n in range(12)), lambda: lower(shop, "1")])
    assert booked[:12] == [True] * 12
    row = project(shop)
    assert (row.total_spent, row.held, row.max_project_spend) == (usd("3.2"), usd("1.8"), usd(1))
    assert sessions.conclude(session, sessions.Ending(Session.Outcome("stopped")))
    assert project(shop).held == 0
