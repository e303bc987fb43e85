"""Work that is on one host alone, which is away: its entry waits for that host, and after MUSTER_LOST_HOST_S begins again from what was shared."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from orchestration.backlog import entry_state, newest_work
from orchestration.backlog.rules.transitions import PENDING
from orchestration.facts import events
from orchestration.facts.reasons import OUT_OF_LINE
from orchestration.landing import queue
from orchestration.messaging import wake_ups
from orchestration.models import Conversation, Entry, Executor, Landing, Round, Session, Worker
from workspaces import activity
from workspaces.access import MUSTER, Caller
from workspaces.errors import Conflict, NotFound
from workspaces.machine import hosts
from workspaces.values.standing_query import StandingQuery

log = structlog.get_logger(__name__)

LOST = "work_lost: the work of this round was on {host} alone, which did not come back: the files are as they were before it"


@dataclass(frozen=True, slots=True)
class Host:
    id: str
    name: str


def only_on(host_id: str = "") -> QuerySet[Entry]:
    """Entries whose newest work no other host has. `host_id`: on this one."""
    alone = Entry.objects.filter(is_shared=False, deleted_at__isnull=True).exclude(status=Entry.Status.DONE).exclude(host_id="")
    return alone.filter(host_id=host_id) if host_id else alone


def elsewhere(round_: Round) -> Host | None:
    """The other host that has the work of a round which is not in the repository here. None: there is no other."""
    session = round_.session
    if not session.workspace.host_id:
        return None  # all hosts have the repository at the same path
    id_, name = session.host_id, session.host
    if not id_:  # its worker was alone, or of an earlier version: the name stands for the id
        known = Worker.objects.filter(host=name, host_id__gt="").values_list("host_id", flat=True).first()
        id_ = known or ("" if name == socket.gethostname() else name[:40])
    return Host(id_, name or id_) if id_ not in ("", hosts.host_id()) else None


def wait_for(entry_id: str, host_id: str) -> None:
    """Its next session runs on the host that has its work."""
    Entry.objects.filter(pk=entry_id).update(host_id=host_id, is_shared=False, host_away_at=None)


def look_for(landing: Landing) -> None:
    """The commit of a landing is not on this host: it waits for the host that has it, which is asked for it. Where there is none, its entry
    begins again."""
    entry, host = landing.entry, elsewhere(landing.round) if landing.round is not None else None
    log.warning("landing.commit_missing", entry=landing.entry_id, commit=landing.commit, host=host.name if host else "")
    if entry is not None and landing.round is not None and host is None:
        begin_again_at_once(entry)
        return
    if entry is not None and host is not None:
        wait_for(entry.pk, host.id)
    what = f"The commit {landing.commit[:12]}" + (f" of #{entry.seq}" if entry else "")
    where = f"is on {host.name} alone, which is asked for it" if host else "is not on this host"
    queue.wait_for_host(landing, f"{what} {where}: it lands once it is shared, and others land meanwhile")
    wake_ups.publish_change(landing.workspace_id, "landing", "entries")


def begin_again_late() -> int:
    """Give up what only hosts have that have been away for MUSTER_LOST_HOST_S. Returns how many entries begin again.

    Nothing is given up while no other host could go on with it, as where the host has the repository itself; nor by a control worker that has not
    watched for so long: after a night in which all were off, the first host to come back is not the only one.
    """
    if not _any_alone.any():
        return 0
    away = only_on().exclude(workspace__origin="", host_id=F("workspace__host_id")).exclude(workspace__host_id="")
    away = away.filter(~Exists(_online(Worker.objects.filter(_its_host()))))
    only_on().filter(host_away_at__isnull=False).filter(Exists(_online(Worker.objects.filter(_its_host())))).update(
        host_away_at=None
    )
    away.filter(host_away_at__isnull=True).update(host_away_at=Now())
    late = Now() - timedelta(seconds=settings.LOST_HOST_S)
    others = _online(Worker.objects.filter(host_id__gt="", slots__gt=0))
    watched = Worker.objects.filter(
        queue="control", started_at__lte=late, seen_at__gt=Now() - timedelta(seconds=settings.LEASE_S)
    )
    at_work = Session.objects.filter(entry=OuterRef("pk"), status__in=Session.OPEN)
    lost = away.filter(Exists(others), Exists(watched), ~Exists(at_work), host_away_at__lte=late)
    begun = 0
    for workspace_id in lost.order_by("workspace_id").values_list("workspace_id", flat=True).distinct():
        with suppress(Conflict):  # one of them lands now
            begun += _begin_again_in(workspace_id, lost)
    return begun


_any_alone = StandingQuery(only_on)


def _begin_again_in(workspace_id: str, lost: QuerySet[Entry]) -> int:
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        begun = begin_again(list(lost.filter(workspace_id=workspace_id).order_by("seq")))
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "entries", "landing", "executor")
    return len(begun)


def _its_host() -> Q:
    """A filter for a worker on the host that has the entry's work. A host of an earlier version is known by its name."""
    return Q(host_id=OuterRef("host_id")) | Q(host=OuterRef("host_id"))


def _online(workers: QuerySet[Worker]) -> QuerySet[Worker]:
    return workers.filter(queue="sessions", seen_at__gt=Now() - timedelta(seconds=settings.LEASE_S))


def begin_again_at_once(entry: Entry) -> None:
    """No host can have its work any more."""
    with suppress(Conflict, NotFound), transaction.atomic():  # it lands now, or is deleted
        Executor.objects.select_for_update().get(pk=entry.workspace_id)
        begin_again([entry])
    wake_ups.enqueue_cycle(entry.workspace_id)


def begin_again(entries: Sequence[Entry], *, by: Caller = MUSTER) -> Sequence[Entry]:
    """Give up the newest work of these entries of one workspace, which is gone with its host. What waited to land leaves the queue, and the next
    session begins from what was shared. The caller's transaction holds the executor's row. Raises Conflict for one that lands now."""
    if not entries:
        return entries
    rows = entry_state.lock_all(entries)
    at_work = set(Session.objects.filter(entry__in=rows, status__in=Session.OPEN).values_list("entry_id", flat=True))
    landing = [row for row in rows if row.status == Entry.Status.IN_PROGRESS and row.pk not in at_work]
    withdrawn = queue.withdraw(landing, "the host that had the work was given up") if landing else set()
    back = [row for row in rows if row.pk in withdrawn or row.reason_code in OUT_OF_LINE]
    if back:
        entry_state.move_all(back, PENDING)
    ids = [row.pk for row in rows]
    Entry.objects.filter(pk__in=ids).update(next_work=Entry.Work.IMPLEMENT, host_id="", is_shared=True, host_away_at=None)
    Conversation.objects.filter(entry_id__in=ids).delete()  # its agent would believe that the work is there
    for row in rows:
        if (newest := newest_work.of(row.pk)) is not None and newest.has_diff:
            give_up(row, newest.round, by=by)
    return rows


def give_up(entry: Entry, round_: Round, *, by: Caller = MUSTER) -> None:
    """The commit of this round is gone: it is no work any more, and the next prompt says so."""
    name = round_.session.host or "a host"
    finding = LOST.format(host=name)
    Round.objects.filter(pk=round_.pk).update(given_up=True, findings=[*round_.findings, finding])
    event = events.WorkGivenUp(round=round_.number, host=name, commit=round_.commit)
    activity.record(entry.workspace_id, event, by=by, object_id=entry.pk)
