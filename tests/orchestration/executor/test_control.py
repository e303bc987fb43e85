"""The desired state of an executor: which changes are made, refused and recorded."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestration.executor import control
from orchestration.executor.control import Outdated
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Integration
from tests.factories import ANA, a_session, a_workspace, an_entry
from workspaces.errors import Invalid
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def row(workspace: Workspace) -> Executor:
    return Executor.objects.get(pk=workspace.pk)


@pytest.mark.parametrize(
    ("before", "verb", "after", "version"),
    [
        ("stopped", control.start, "running", 1),
        ("paused", control.start, "running", 1),
        ("running", control.start, "running", 0),
        ("running", control.pause, "paused", 1),
        ("paused", control.pause, "paused", 0),
        ("stopped", control.pause, "stopped", 0),
        ("paused", control.resume, "running", 1),
        ("running", control.resume, "running", 0),
        ("running", control.stop_all, "paused", 1),
        ("stopped", control.stop_all, "stopped", 0),
    ],
)
def test_each_verb_leads_to_its_state_and_is_recorded(
    before: str, verb: Callable[..., object], after: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wake_ups, "enqueue_cycle", woken.append)
    workspace, other = a_workspace(state=before), a_workspace(name="Other", state=before)
    Integration.objects.create(workspace=workspace, due=False)
    verb(workspace.pk, by=ANA)
    assert (row(workspace).state, row(workspace).version, row(workspace).changed_by) == (after, version, "ana" if version else "")
    assert (row(workspace).changed_at is not None) is (version > 0)
    event = Event.objects.get(object_id=workspace.pk)
    assert (event.data["before"], event.data["after"], event.actor) == (before, after, "ana")
    assert (row(other).state, row(other).version) == (before, 0)
    assert woken == [workspace.pk] * (verb in (control.start, control.resume))
    assert Integration.objects.get().due is (version > 0 and after == "running"), "landings waited for it"


def test_an_executor_that_was_never_started_is_not_resumed() -> None:
    workspace = a_workspace(state="stopped")
    with pytest.raises(Invalid, match="never started"):
        control.resume(workspace.pk, by=ANA)
    assert row(workspace).state == "stopped"


@pytest.mark.parametrize("verb", [control.start, control.pause, control.resume])
def test_a_change_of_a_state_that_another_has_changed_is_refused(verb: Callable[..., object]) -> None:
    workspace = a_workspace()
    control.pause(workspace.pk, by=ANA, expected=0)
    with pytest.raises(Outdated, match=r"ana changed the executor meanwhile: it is paused now") as refused:
        verb(workspace.pk, by=ANA, expected=0)
    assert refused.value.now.version == 1
    verb(workspace.pk, by=ANA, expected=1)


def test_stop_all_is_remembered_until_the_executor_runs_again() -> None:
    workspace, other = a_workspace(), a_workspace(name="Other")
    sessions = [a_session(an_entry(each)) for each in (workspace, other)]
    assert control.stop_all(workspace.pk, by=ANA) == 1
    assert row(workspace).stop_all_at is not None and row(workspace).stop_all_by == "ana" and row(other).stop_all_at is None
    for session in sessions:
        session.refresh_from_db()
    assert [session.stop_wanted_at is not None for session in sessions] == [True, False]
    control.resume(workspace.pk, by=ANA)
    assert row(workspace).stop_all_at is None


def test_stop_all_of_three_sessions_takes_as_many_statements_as_of_one() -> None:
    """The agents hear of it only once all of it is committed."""
    statements = []
    for number in (1, 3):
        workspace = a_workspace(name=f"Of {number}")
        for n in range(number):
            a_session(an_entry(workspace, files=[f"{n}.py"]))
        with CaptureQueriesContext(connection) as seen:
            assert control.stop_all(workspace.pk, by=ANA) == number
        statements.append(len(seen))
        assert Event.objects.filter(workspace=workspace, verb="session.stop", actor="ana").count() == number
    assert statements[0] == statements[1]
