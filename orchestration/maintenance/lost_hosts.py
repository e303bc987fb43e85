"""Hosts that do not come back: what only they had is given up, and their entries begin again from what they had shared."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from orchestration import events
from orchestration.backlog import entry_state
from orchestration.backlog.transitions import PENDING
from orchestration.landing import queue
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Session, Worker
from orchestration.sessions.absent_hosts import settling
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict
from workspaces.models import Workspace

WORKS = "The host is at work: drain it, and stop its session workers first"
ENDS = "Its sessions have not ended yet: they end soon after their lease, then it can be forgotten"


def forget(host_id: str, *, by: Caller) -> int:
    """Give up a host. Returns how many entries lose work that it had not shared. Raises Conflict while it, or a session of it, is at work."""
    with transaction.atomic():
        workers = Worker.objects.select_for_update().filter(host_id=host_id)
        name = workers.values_list("host", flat=True).first() or host_id
        if workers.filter(seen_at__gt=Now() - timedelta(seconds=settings.LEASE_S)).exists():
            raise Conflict(WORKS)
        if Session.of_any_role.filter(status__in=Session.OPEN, host_id=host_id).exists():
            raise Conflict(ENDS)
        workers.delete()
        settling.give_up_host(host_id, by=by)
        return sum(_forget_in(workspace, host_id, name, by=by) for workspace in Workspace.objects.filter(deleted_at__isnull=True))


def only_there(host_id: str) -> int:
    """How many entries have work on it that no other host has."""
    return _of(host_id).filter(is_shared=False).exclude(status=Entry.Status.DONE).count()


def forget_all() -> None:
    """Give up every host: of a restored database none is known to be there. Sessions that were open end with their lease."""
    Worker.objects.all().delete()
    Entry.objects.exclude(host_id="").update(host_id="", is_shared=True)


def _forget_in(workspace: Workspace, host_id: str, name: str, *, by: Caller) -> int:
    on_it = _of(host_id).filter(workspace=workspace)
    lost = list(on_it.filter(is_shared=False).exclude(status=Entry.Status.DONE).order_by("seq"))
    if lost:
        _begin_again(entry_state.lock_all(lost))
    if not on_it.update(host_id="", is_shared=True):
        return 0
    activity.record(workspace.pk, events.HostForgotten(name=name, lost=[entry.seq for entry in lost]), by=by)
    if lost:
        transaction.on_commit(lambda: wake_ups.enqueue_cycle(workspace.pk))
    return len(lost)


def _of(host_id: str) -> QuerySet[Entry]:
    return Entry.objects.filter(host_id=host_id, deleted_at__isnull=True)


def _begin_again(entries: Sequence[Entry]) -> None:
    """What waited to land leaves the queue: its commit is gone."""
    waiting = [entry for entry in entries if entry.status == Entry.Status.IN_PROGRESS]
    withdrawn = queue.withdraw(waiting, "the host that had the work was given up") if waiting else set()
    if back := [entry for entry in waiting if entry.pk in withdrawn]:
        entry_state.move_all(back, PENDING)
    Entry.objects.filter(pk__in=[entry.pk for entry in entries]).update(next_work=Entry.Work.IMPLEMENT)
