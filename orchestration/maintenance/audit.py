"""Recomputes all money of a workspace, for `./muster ledger check`, and compares what people set with its records. Errors should never
occur; notes explain what only looks wrong.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from budget import amounts
from budget.ledger import rebuild
from budget.models import Account, GatewayRequest, Hold, LedgerEntry, Project, ThresholdCrossing
from orchestration.maintenance import recorded
from orchestration.models import Session

PATIENCE_S = 60.0  # seconds that the reaper may need after lease and grace


@dataclass(slots=True)
class Audit:
    """The result for one workspace. `wrong`: a line for each error. `notes`: correct but unusual."""

    workspace_id: str
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: int = 0
    spent: int = 0
    holds: int = 0


def check(workspace_id: str) -> Audit:
    """Recompute one workspace in a fixed number of queries; charges wait meanwhile."""
    audit = Audit(workspace_id)
    with transaction.atomic():
        rebuild.lock_project(workspace_id)
        for drift in rebuild.find(workspace_id):
            where = drift.kind if drift.kind == "project" else f"{drift.kind} {drift.id}"
            audit.wrong.append(f"{where}: {drift.field} is {_usd(drift.stored)}, its rows say {_usd(drift.expected)}")
        _check_holds(audit)
        _check_thresholds(audit)
        _check_caps(audit)
        audit.wrong += recorded.amounts_without_record(workspace_id)
        audit.notes += recorded.known_from(workspace_id)
        totals = LedgerEntry.objects.filter(project_id=workspace_id).aggregate(rows=Count("pk"), spent=Sum("amount"))
        audit.rows, audit.spent = totals["rows"], totals["spent"] or 0
    return audit


def _check_holds(audit: Audit) -> None:
    """An open hold belongs to a permit or an open session. A session's end settles its hold in the same transaction, so only the hold of a
    dead worker stays open, until lease and grace are over. One that awaits a host belongs to an ended session, until its time is over;
    one with requests whose answer is not known, to an ended session or permit.
    """
    late = timezone.now() - timedelta(seconds=settings.LEASE_GRACE_S + PATIENCE_S)
    reserved = Hold.objects.filter(project_id=audit.workspace_id, state__in=Hold.RESERVED)
    at_work = Q(requests__state__in=(GatewayRequest.State.SENT, GatewayRequest.State.UNKNOWN))
    may_cost = Sum(F("requests__bound") - F("requests__amount"), filter=at_work)
    for reservation in reserved.select_related("session").annotate(may_cost=may_cost):
        audit.holds += 1
        session: Session | None = getattr(reservation, "session", None)
        if reservation.state == Hold.State.AWAITING:
            _check_awaiting(audit, reservation, session, late, may_cost=int(reservation.may_cost or 0))
        elif reservation.expires_at is not None:
            if reservation.expires_at < late:
                audit.notes.append(
                    f"hold {reservation.pk}: the permit {reservation.session_ref} is overdue since {reservation.expires_at:%F %T} UTC"
                )
        elif session is None:
            audit.wrong.append(f"hold {reservation.pk}: it is open and belongs to no session ({reservation.session_ref})")
        elif session.status == Session.Status.ENDED:
            audit.wrong.append(
                f"hold {reservation.pk}: it is open, and its session {session.pk} ended at {session.ended_at:%F %T} UTC"
            )
        elif session.lease_until is not None and session.lease_until < late:
            audit.notes.append(
                f"hold {reservation.pk}: no worker ended its session {session.pk}, silent since {session.lease_until:%F %T} UTC"
            )
    settled = Session.of_any_role.filter(workspace_id=audit.workspace_id, status__in=Session.OPEN, hold__state=Hold.State.SETTLED)
    for pk, hold_id in settled.values_list("pk", "hold_id"):
        audit.wrong.append(f"hold {hold_id}: it is settled, and its session {pk} is still open")


def _check_awaiting(audit: Audit, reservation: Hold, session: Session | None, late: datetime, *, may_cost: int) -> None:
    """`may_cost`: what its requests may still cost, in micro-USD."""
    if reservation.unknown_since is not None:
        _check_unknown(audit, reservation, session, may_cost)
        return
    until = reservation.awaits_until
    assert until is not None  # a constraint
    if session is None or session.status != Session.Status.ENDED:
        audit.wrong.append(f"hold {reservation.pk}: it awaits {reservation.awaits_host}, and no ended session is its own")
    elif until < late:
        audit.notes.append(
            f"hold {reservation.pk}: no tick charged it since {until:%F %T} UTC, when {reservation.awaits_host} had not come back"
        )
    else:
        audit.notes.append(
            f"hold {reservation.pk}: {_usd(reservation.remainder)} reserved until {reservation.awaits_host} says what {session.pk} spent, or {until:%F %T} UTC"
        )


def _check_unknown(audit: Audit, reservation: Hold, session: Session | None, may_cost: int) -> None:
    """It keeps what its requests may still cost, and nothing else."""
    if session is not None and session.status != Session.Status.ENDED:
        audit.wrong.append(f"hold {reservation.pk}: it has ended, and its session {session.pk} has not")
    elif may_cost != reservation.in_flight or reservation.remainder > may_cost:
        audit.wrong.append(
            f"hold {reservation.pk}: it keeps {_usd(reservation.remainder)}, and its requests may still cost {_usd(may_cost)}"
        )
    else:
        since = f"{reservation.unknown_since:%F %T} UTC"
        audit.notes.append(
            f"hold {reservation.pk}: {_usd(reservation.remainder)} reserved since {since} for requests of {reservation.session_ref} whose answer is not known"
        )


def _check_thresholds(audit: Audit) -> None:
    project = Project.objects.get(pk=audit.workspace_id)
    fired = ThresholdCrossing.objects.filter(project=project, rearmed_at__isnull=True)
    fired_percents = set(fired.values_list("percent", flat=True))
    for percent in project.thresholds:
        if (
            project.total_spent > 0
            and project.total_spent * 100 >= percent * project.max_project_spend
            and percent not in fired_percents
        ):
            audit.wrong.append(f"threshold {percent} %: the spend has passed it, and it was never reported")


def _check_caps(audit: Audit) -> None:
    """Admission never passes a cap. Spend can: when a cap is lowered below it, or by the one request that exceeds a hold."""
    project = Project.objects.get(pk=audit.workspace_id)
    if project.headroom < 0 and project.held:
        audit.notes.append(f"project: spent and held pass the cap by {_usd(-project.headroom)}: lowered, or crossed by a request")
    over = Account.objects.filter(project=project, held__gt=0, budget__lt=F("spent") + F("held"))
    for account in over:
        audit.notes.append(f"account {account.pk}: spent and held pass its budget by {_usd(-account.headroom)}")


def _usd(amount: int) -> str:
    return amounts.format_usd(amount, places=6)
