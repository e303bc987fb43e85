"""Putting an entry on hold once its session has finished the round."""

import pytest

from orchestration import sessions
from orchestration.models import Entry, Session
from tests.dashboard.seeds import entries as seed
from workspaces.errors import NotFound
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return seed.busy()


@pytest.fixture
def session(workspace: Workspace) -> Session:
    running = Session.objects.filter(workspace=workspace, status="running").order_by("id").first()
    assert running is not None
    return running


def end(session: Session) -> Entry:
    assert sessions.conclude(session, sessions.Ending(Session.Outcome.INTERRUPTED, "the worker was shut down"))
    return Entry.objects.get(pk=session.entry_id)


def test_the_round_continues_and_then_the_entry_is_on_hold(workspace: Workspace, session: Session) -> None:
    sessions.hold_after(workspace.pk, session.pk, by=seed.ANA)
    session.refresh_from_db()
    assert session.status == "running" and session.stop_wanted_at is None
    entry = end(session)
    assert (entry.status, entry.reason_code) == ("blocked", "human_hold") and "as ana asked" in entry.reason_message


def test_the_request_can_be_withdrawn_and_both_are_recorded_once(workspace: Workspace, session: Session) -> None:
    for requested in (True, True, False, False):
        sessions.hold_after(workspace.pk, session.pk, by=seed.ANA, requested=requested)
    assert end(session).status == "pending"
    verbs = Event.objects.filter(object_id=session.pk, verb__startswith="session.hold_after").values_list("verb", flat=True)
    assert sorted(verbs) == ["session.hold_after", "session.hold_after_undone"]


def test_an_ended_session_has_no_round_to_finish(workspace: Workspace, session: Session) -> None:
    end(session)
    with pytest.raises(NotFound):
        sessions.hold_after(workspace.pk, session.pk, by=seed.ANA)


def test_its_phases_are_kept_with_their_times(session: Session) -> None:
    assert [phase for phase, _ in session.phases] == ["starting", "implementation"]
    sessions.wait(session, "429", None)
    sessions.wait(session, "429 again", None)
    sessions.wait(session, "", None)
    sessions.enter(session, Session.Phase.VERIFICATION)
    kept = Session.objects.get(pk=session.pk).phases
    assert [phase for phase, _ in kept][2:] == ["waiting", "implementation", "verification"]
