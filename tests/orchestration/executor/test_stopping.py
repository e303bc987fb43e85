"""Waiting for the ends that a stop asked for: true once they are proven, and never a transaction or a queue meanwhile."""

from threading import Thread

import pytest
from django.db import connection

from orchestration import sessions
from orchestration.executor import control, stopping
from orchestration.models import Executor, Session
from tests.factories import ANA, a_session, a_workspace, an_entry


def end(session: Session) -> None:
    sessions.conclude(session, sessions.Ending(Session.Outcome.STOPPED, "Stopped"))


@pytest.fixture
def running(transactional_db: None) -> list[Session]:
    workspace = a_workspace()
    return [a_session(an_entry(workspace)) for _ in range(3)]


def test_without_a_session_it_does_not_wait(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = a_workspace()
    monkeypatch.setattr(stopping.time, "sleep", lambda _: pytest.fail("it waited"))
    control.stop_all(workspace.pk, by=ANA)
    assert stopping.wait_for_ends(workspace.pk) == []


def test_it_returns_once_all_have_ended_and_others_write_meanwhile(
    running: list[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each pause ends one session, on a connection of its own."""
    left = list(running)

    def pause(_seconds: float) -> None:
        assert not connection.in_atomic_block
        another = Thread(target=lambda: (end(left.pop()), connection.close()))
        another.start()
        another.join()

    monkeypatch.setattr(stopping, "WAIT_S", 60)
    monkeypatch.setattr(stopping.time, "sleep", pause)
    control.stop_all(running[0].workspace_id, by=ANA)
    assert stopping.wait_for_ends(running[0].workspace_id) == []
    assert left == []


def test_those_that_live_on_are_named_oldest_first(running: list[Session], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "WAIT_S", 0.05)
    workspace_id = running[0].workspace_id
    control.stop_all(workspace_id, by=ANA)
    end(running[1])
    assert stopping.wait_for_ends(workspace_id) == [running[0].pk, running[2].pk]
    assert Executor.objects.get(pk=workspace_id).state == "paused"


def test_with_too_many_waiting_a_stop_is_answered_at_once_with_what_is_true(
    running: list[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping.time, "sleep", lambda _: pytest.fail("it waited"))
    monkeypatch.setattr(stopping._waiters, "acquire", lambda **_: False)
    control.stop_all(running[0].workspace_id, by=ANA)
    assert set(stopping.wait_for_ends(running[0].workspace_id)) == {session.pk for session in running}
