"""Hosts that do not come back: what only they had is given up, and their entries begin again from what they had shared."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from orchestration.backlog import lost_work, newest_work
from orchestration.facts import events
from orchestration.git import history
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Session, Worker
from orchestration.repositories import local_repository
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
    """The number of entries with work on this host that no other host has."""
    return lost_work.only_on(host_id).count()


def forget_all() -> None:
    """Give up every host: of a restored database none is known to be there. Sessions that were open end with their lease. An entry whose newest work
    did not come with the repositories, which are restored before, begins again."""
    Worker.objects.all().delete()
    for workspace in Workspace.objects.filter(deleted_at__isnull=True):
        unfinished = Entry.objects.filter(workspace=workspace, deleted_at__isnull=True, rounds__commit__gt="")
        gone = [entry for entry in unfinished.exclude(status=Entry.Status.DONE).distinct() if not _is_here(workspace, entry)]
        with transaction.atomic():
            Executor.objects.select_for_update().get(pk=workspace.pk)
            lost_work.begin_again(gone)
    Entry.objects.exclude(host_id="").update(host_id="", is_shared=True, host_away_at=None)


def _is_here(workspace: Workspace, entry: Entry) -> bool:
    """True if the restored repository has what the entry's next session would verify, or a lander would land."""
    newest = newest_work.of(entry.pk)
    return newest is None or not newest.has_diff or history.has(local_repository.path(workspace), newest.round.commit)


def _forget_in(workspace: Workspace, host_id: str, name: str, *, by: Caller) -> int:
    on_it = _of(host_id).filter(workspace=workspace)
    lost = list(lost_work.only_on(host_id).filter(workspace=workspace).order_by("seq"))
    is_used = on_it.exists()
    lost_work.begin_again(lost, by=by)
    on_it.update(host_id="", is_shared=True, host_away_at=None)
    if not is_used:
        return 0
    activity.record(workspace.pk, events.HostForgotten(name=name, lost=[entry.seq for entry in lost]), by=by)
    if lost:
        transaction.on_commit(lambda: wake_ups.enqueue_cycle(workspace.pk))
    return len(lost)


def _of(host_id: str) -> QuerySet[Entry]:
    return Entry.objects.filter(host_id=host_id, deleted_at__isnull=True)
