"""A host that takes no new sessions: those at work end as ever, and others start on other hosts."""

from django.db.models import QuerySet

from orchestration.messaging import wake_ups
from orchestration.models import Executor, Worker
from workspaces import hosts


def drain(by: str) -> int:
    """Have this host take no new sessions. Returns how many session workers it has online."""
    return _here().update(drain_by=by)


def resume() -> int:
    """Have this host take sessions again. Returns how many session workers it has online."""
    changed = _here().update(drain_by="")
    for workspace_id in Executor.objects.filter(state=Executor.State.RUNNING).values_list("pk", flat=True):
        wake_ups.enqueue_cycle(workspace_id)
    return changed


def drained_by() -> str:
    """Who drained this host; a worker that starts while another one there is drained is drained too."""
    return _here().exclude(drain_by="").values_list("drain_by", flat=True).first() or ""


def _here() -> QuerySet[Worker]:
    return Worker.objects.filter(host_id=hosts.host_id(), queue="sessions")
