"""A host that takes no new sessions: those at work end as ever, and others start on other hosts."""

from django.db.models import QuerySet

from orchestration.messaging import wake_ups
from orchestration.models import Executor, Worker
from workspaces.machine import hosts


def drain(by: str, *, host_id: str = "") -> int:
    """Have a host, by default this one, take no new sessions. Returns how many session workers it has online."""
    return _of(host_id).update(drain_by=by)


def resume(*, host_id: str = "") -> int:
    """Have a host, by default this one, take sessions again. Returns how many session workers it has online."""
    changed = _of(host_id).update(drain_by="")
    for workspace_id in Executor.objects.filter(state=Executor.State.RUNNING).values_list("pk", flat=True):
        wake_ups.enqueue_cycle(workspace_id)
    return changed


def drained_by() -> str:
    """The name of the person who drained this host; a worker that starts while another one there is drained is drained too."""
    return _of("").exclude(drain_by="").values_list("drain_by", flat=True).first() or ""


def _of(host_id: str) -> QuerySet[Worker]:
    return Worker.objects.filter(host_id=host_id or hosts.host_id(), queue="sessions")
