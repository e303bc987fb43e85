"""Start, pause, resume, stop all: desired state in the database, recorded with who did it."""

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from orchestration import sessions
from orchestration.facts import events
from orchestration.facts.events import ExecutorEvent
from orchestration.landing import branch
from orchestration.messaging import wake_ups
from orchestration.models import Executor
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid
from workspaces.machine import disk


class Outdated(Conflict):
    """Another caller changed the executor's state after this caller read it: nothing was done."""

    def __init__(self, now: Executor) -> None:
        self.now = now
        super().__init__(
            f"{now.changed_by or 'Somebody'} changed the executor meanwhile: it is {now.state} now. Nothing was done"
        )


def start(workspace_id: str, *, by: Caller, expected: int | None = None) -> None:
    """Begin dispatching; also ends a pause. `expected`: the version that the caller saw; raises Outdated for another one."""
    _become(workspace_id, Executor.State.RUNNING, events.ExecutorStarted, by=by, expected=expected)
    wake_ups.enqueue_cycle(workspace_id)


def pause(workspace_id: str, *, by: Caller, expected: int | None = None) -> None:
    """No new dispatch until resume; open sessions continue. An executor that was never started stays stopped."""
    _become(workspace_id, Executor.State.PAUSED, events.ExecutorPaused, by=by, expected=expected)


def resume(workspace_id: str, *, by: Caller, expected: int | None = None) -> None:
    """Dispatch again after a pause. Raises Invalid when it was never started."""
    with transaction.atomic():
        if Executor.objects.select_for_update().get(pk=workspace_id).state == Executor.State.STOPPED:
            raise Invalid("The executor was never started: start it", "workspaceID")
        _become(workspace_id, Executor.State.RUNNING, events.ExecutorResumed, by=by, expected=expected)
    wake_ups.enqueue_cycle(workspace_id)


def stop_all(workspace_id: str, *, by: Caller) -> int:
    """Pause and request a stop of every open session, in one transaction: no dispatch comes in between. Returns how many are open.

    It checks no version: a stop is never too late (docs/explanation/decisions/0022).
    """
    return disk.write_anyway(lambda: _stop_all(workspace_id, by=by))


@transaction.atomic
def _stop_all(workspace_id: str, *, by: Caller) -> int:
    _become(workspace_id, Executor.State.PAUSED, events.ExecutorStoppedAll, by=by)
    Executor.objects.filter(pk=workspace_id).update(stop_all_at=Now(), stop_all_by=by.name)
    return sessions.stop_all(workspace_id, by=by)


def _become(
    workspace_id: str, state: Executor.State, event: type[ExecutorEvent], *, by: Caller, expected: int | None = None
) -> None:
    with transaction.atomic():
        row = Executor.objects.select_for_update().get(pk=workspace_id)
        if expected is not None and row.version != expected:
            raise Outdated(row)
        before = row.state
        started = state == Executor.State.RUNNING or before != Executor.State.STOPPED
        if started and before != state:
            Executor.objects.filter(pk=workspace_id).update(
                state=state, changed_by=by.name, changed_at=Now(), version=F("version") + 1, stop_all_at=None
            )
            if state == Executor.State.RUNNING:
                branch.wake(workspace_id)  # after stop-all, landings wait for this
        filled = event(before=before, after=state if started else before)
        activity.record(workspace_id, filled, by=by, object_id=workspace_id)
    wake_ups.publish_change(workspace_id, "executor", "workers", "entries")
