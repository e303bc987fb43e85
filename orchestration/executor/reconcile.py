"""The safety net of every tick: work whose message was lost is found in the database and started again. Idempotent."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from budget.ledger import permits
from budget.models import Hold
from orchestration import funding, sessions
from orchestration.backlog import lost_work
from orchestration.backlog.files import locks, orphans
from orchestration.executor import dispatch, due
from orchestration.facts import events
from orchestration.hosts import online
from orchestration.landing import branch
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, FileLock, Session
from orchestration.proposals import expanding, starting
from orchestration.sessions import Ending
from orchestration.sessions.absent_hosts import settling
from orchestration.sessions.doubts import anomalies, unknown_answers
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.values.standing_query import StandingQuery

log = structlog.get_logger(__name__)

ENQUEUE_AGAIN_S = 10


def run() -> None:
    """One tick over all workspaces."""
    give_back()
    enqueue_again()
    release_orphans()
    lost_work.begin_again_late()
    branch.wake_due()
    permits.expire()
    settling.give_up_overdue()
    unknown_answers.settle_overdue()
    funding.share_out_all_due()
    proposing = set(due.for_proposals().values_list("pk", flat=True)) if due.any_for_proposals.any() else set()
    for workspace_id in proposing:
        expanding.start_due(workspace_id)
    for workspace_id in due.for_a_cycle().values_list("pk", flat=True) if due.any_for_a_cycle.any() else ():
        funding.unblock_affordable(workspace_id, wake=False)
        dispatch.cycle(workspace_id)
    for workspace_id in proposing:
        starting.ask_if_due(workspace_id)
    anomalies.flag()  # last: it only reports


def give_back() -> int:
    """End claims whose host went away, or takes nothing any more, before it took them: their entries start on another host, and nothing
    counts against them."""
    if not _any_overdue.any():
        return 0
    able = online.able(within_s=settings.LEASE_S).filter(slots__gt=0)
    stranded = _overdue().exclude(host_id="").exclude(host_id__in=able.values("host_id")).select_related("workspace", "hold")
    ending = Ending(Session.Outcome.INTERRUPTED, "Its host went away before it began")
    return sum(sessions.conclude(session, ending, expected=Session.Status.CLAIMED) for session in stranded)


def enqueue_again() -> int:
    """Enqueue claimed sessions again that no worker took: the message was lost, or all workers are busy."""
    claims = list(_overdue().values_list("id", "attempt", "host_id")) if _any_overdue.any() else []
    if claims:
        Session.of_any_role.filter(pk__in=[id_ for id_, _, _ in claims]).update(enqueued_at=Now())
        wake_ups.enqueue_sessions(claims)
        log.info("sessions.enqueued_again", count=len(claims))
    return len(claims)


def _overdue() -> QuerySet[Session]:
    return Session.of_any_role.filter(status=Session.Status.CLAIMED, enqueued_at__lt=Now() - timedelta(seconds=ENQUEUE_AGAIN_S))


_any_overdue = StandingQuery(_overdue)


def release_orphans() -> int:
    """Release the locks and reservations of idle entries and ended sessions. There should be none; each is recorded in activity."""
    freed = 0
    orphaned = _orphaned()
    for workspace_id, entry_id in set(orphaned.values_list("workspace_id", "entry_id")) if _any_orphaned.any() else ():
        with transaction.atomic():
            Executor.objects.select_for_update().get(pk=workspace_id)
            if orphaned.filter(entry=entry_id).exists():
                count = locks.release(workspace_id, [entry_id])
                event = events.LocksReleased(count=count)
                activity.record(workspace_id, event, by=MUSTER, object_id=entry_id, reason="orphan")
                freed += count
    if _any_behind_nothing.any():
        _behind_nothing().update(parked_behind=None)
    for reservation in (
        _stranded() if _any_stranded.any() else ()
    ):  # a session's end settles it in the same transaction: this covers manually changed rows
        Hold.objects.filter(pk=reservation.pk, state=Hold.State.OPEN).update(state=Hold.State.SETTLED, settled_at=Now())
        reason = "its session had ended"
        activity.record(reservation.project_id, events.HoldSettled(), by=MUSTER, object_id=reservation.session_ref, reason=reason)
    return freed


def _orphaned() -> QuerySet[FileLock]:
    return orphans.filter_orphans(FileLock.objects.filter(entry__status__in=orphans.IDLE))


def _behind_nothing() -> QuerySet[Entry]:
    still_locking = FileLock.objects.filter(entry_id=OuterRef("parked_behind_id"))
    return Entry.objects.filter(~Exists(still_locking), parked_behind__isnull=False)


def _stranded() -> QuerySet[Hold]:
    return Hold.objects.filter(state=Hold.State.OPEN, session__status=Session.Status.ENDED)


_any_orphaned, _any_behind_nothing = StandingQuery(_orphaned), StandingQuery(_behind_nothing)
_any_stranded = StandingQuery(_stranded)
