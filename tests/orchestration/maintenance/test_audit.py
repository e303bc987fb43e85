"""`./muster ledger check` keeps errors apart from what is only unusual: reservations, thresholds and caps of one workspace."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from budget import ledger
from budget.amounts import usd
from budget.ledger import awaited, permits
from budget.limits import caps
from budget.models import Account, Category, Hold, Project, ThresholdCrossing
from orchestration.maintenance import audit
from orchestration.models import Session
from tests.factories import ANA, a_charge, a_session, a_workspace, an_entry, ended, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _another_workspace() -> None:
    """With a reservation and charges of its own, which count nowhere else."""
    other = a_workspace(name="Other")
    a_charge(None, "3", category="orchestrator", in_=other)
    permits.open_permit(project(other), None, category=Category.ORCHESTRATOR, amount=usd(1), by=ANA)


@pytest.fixture
def late(settings: Any) -> timedelta:
    """After which a worker's silence is unusual."""
    return timedelta(seconds=settings.LEASE_GRACE_S + audit.PATIENCE_S)


def a_permit(workspace: Workspace) -> Hold:
    return permits.open_permit(project(workspace), None, category=Category.ORCHESTRATOR, amount=usd(1), by=ANA)


def checked(workspace: Workspace) -> tuple[list[str], list[str]]:
    result = audit.check(workspace.pk)
    return result.wrong, result.notes


def test_it_counts_the_rows_reservations_and_spend_of_its_workspace() -> None:
    workspace = a_workspace()
    a_session(an_entry(workspace))
    a_permit(workspace)
    for _ in range(2):
        a_charge(None, "1.5", category="orchestrator", in_=workspace)
    counted = audit.check(workspace.pk)
    assert (counted.rows, counted.spent, counted.holds, counted.wrong, counted.notes) == (2, usd(3), 2, [], [])


def test_a_permit_is_overdue_a_while_after_its_end(late: timedelta) -> None:
    workspace = a_workspace()
    permit = a_permit(workspace)
    for margin, is_noted in ((timedelta(seconds=5), False), (-timedelta(seconds=5), True)):
        Hold.objects.filter(pk=permit.pk).update(expires_at=now() - late + margin)
        wrong, notes = checked(workspace)
        assert (
            wrong == [] and [f"the permit {permit.session_ref} is overdue since" in note for note in notes] == [True] * is_noted
        )


def test_a_session_is_noted_once_its_worker_is_silent_beyond_lease_and_grace(late: timedelta) -> None:
    session = a_session(an_entry(workspace := a_workspace()))
    for margin, is_noted in ((timedelta(seconds=5), False), (-timedelta(seconds=5), True)):
        Session.objects.filter(pk=session.pk).update(lease_until=now() - late + margin)
        wrong, notes = checked(workspace)
        assert wrong == [] and [f"no worker ended its session {session.pk}" in note for note in notes] == [True] * is_noted
    Session.objects.filter(pk=session.pk).update(lease_until=None)
    assert checked(workspace) == ([], [])


def test_a_reservation_without_its_session_and_a_session_without_its_reservation_are_errors() -> None:
    session = a_session(an_entry(workspace := a_workspace()))
    hold = Hold.objects.get(session=session)
    Session.objects.filter(pk=session.pk).update(hold=None)
    assert checked(workspace)[0] == [f"hold {hold.pk}: it is open and belongs to no session ({hold.session_ref})"]
    Session.objects.filter(pk=session.pk).update(hold=hold)
    ledger.settle(hold.pk)
    assert checked(workspace)[0] == [f"hold {hold.pk}: it is settled, and its session {session.pk} is still open"]
    ended(session)
    assert checked(workspace)[0] == []


def test_a_reservation_that_awaits_its_host_belongs_to_an_ended_session_until_its_time_is_over(late: timedelta) -> None:
    session = a_session(an_entry(workspace := a_workspace()))
    hold = Hold.objects.get(session=session)
    assert awaited.keep(hold.pk, host="build-7", seconds=3600)
    assert checked(workspace)[0] == [f"hold {hold.pk}: it awaits build-7, and no ended session is its own"]
    Session.objects.filter(pk=session.pk).update(status="ended", ended_by_version="0.2.0", outcome="lost", ended_at=now())
    [note] = checked(workspace)[1]
    assert note.startswith(f"hold {hold.pk}: $1.000000 reserved until build-7 says what {session.pk} spent")
    for margin, words in ((timedelta(seconds=5), "reserved until build-7"), (-timedelta(seconds=5), "no tick charged it since")):
        Hold.objects.filter(pk=hold.pk).update(awaits_until=now() - late + margin)
        assert words in checked(workspace)[1][0]


def test_a_threshold_counts_from_its_very_percent_and_only_if_something_was_spent() -> None:
    workspace = a_workspace(cap="100")
    percent = min(project(workspace).thresholds)
    a_charge(None, str(percent - 1), category="orchestrator", in_=workspace)
    assert not ThresholdCrossing.objects.filter(project_id=workspace.pk).exists() and checked(workspace)[0] == []
    a_charge(None, "1", category="orchestrator", in_=workspace)
    assert checked(workspace)[0] == []
    crossing = ThresholdCrossing.objects.filter(project_id=workspace.pk)
    crossing.update(rearmed_at=now())
    assert checked(workspace)[0] == [f"threshold {percent} %: the spend has passed it, and it was never reported"]
    crossing.update(rearmed_at=None, percent=percent + 1)
    assert checked(workspace)[0] == [f"threshold {percent} %: the spend has passed it, and it was never reported"]
    empty = a_workspace(name="Empty", cap="0")
    assert checked(empty)[0] == []


def test_a_cap_below_what_is_spent_and_reserved_is_noted_while_something_is_reserved() -> None:
    workspace = a_workspace(cap="100")
    a_charge(None, "10", category="orchestrator", in_=workspace)
    caps.set_project(project(workspace), "max_project_spend", usd(8), by=ANA)
    assert checked(workspace)[1] == []
    caps.set_project(project(workspace), "max_project_spend", usd(100), by=ANA)
    a_permit(workspace)
    caps.set_project(project(workspace), "max_project_spend", usd(10), by=ANA)
    assert checked(workspace)[1] == ["project: spent and held pass the cap by $1.000000: lowered, or crossed by a request"]
    assert Project.objects.get(pk=workspace.pk).headroom == -usd(1)


def test_an_account_below_what_is_spent_and_reserved_is_noted() -> None:
    workspace = a_workspace()
    entry = an_entry(workspace, budget="1")
    a_session(entry)
    caps.edit(entry.account, usd("0.4"), by=ANA)
    account = Account.objects.get(pk=entry.account_id)
    assert checked(workspace)[1] == [f"account {account.pk}: spent and held pass its budget by $0.600000"]
