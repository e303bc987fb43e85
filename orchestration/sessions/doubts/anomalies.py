"""Sessions that spend several times the usual rate: flagged once while they run, for a person to check. A flag stops no session."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from budget import amounts
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Session
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.values.standing_query import StandingQuery

RATE_FACTOR = 4  # times the usual rate
MIN_SPENT = amounts.usd("0.10")  # below this a session's rate means little
MIN_RUNTIME_S = 30.0
MIN_SESSIONS = 3  # ended sessions of the workspace that give a usual rate for an entry without earlier ones
MAX_HISTORY = 500


@dataclass(frozen=True, slots=True)
class Pace:
    """A session's spend (micro-USD) and duration."""

    spent: int
    seconds: float

    @property
    def rate(self) -> float:
        """Micro-USD per minute."""
        return self.spent * 60 / max(self.seconds, 1.0)


def usual_rate(own: Sequence[Pace], others: Sequence[Pace]) -> float | None:
    """Micro-USD per minute: over the entry's earlier sessions, else the median of the workspace's. None: too few sessions yet."""
    if own:
        return Pace(sum(pace.spent for pace in own), sum(pace.seconds for pace in own)).rate
    return median(pace.rate for pace in others) if len(others) >= MIN_SESSIONS else None


def judge(now: Pace, rate: float | None, *, from_own_rounds: bool) -> str:
    """The sentence for a session that spends too fast; empty when it does not, or when no usual rate is known."""
    if not rate or now.spent < MIN_SPENT or now.seconds < MIN_RUNTIME_S or now.rate < RATE_FACTOR * rate:
        return ""
    basis = "its entry's earlier rounds" if from_own_rounds else "this workspace's sessions"
    return f"Spends {_per_minute(now.rate)}, {now.rate / rate:.0f} times what is usual for {basis} ({_per_minute(rate)})"


def flag(at: datetime | None = None) -> int:
    """Check the running sessions of all workspaces, in three queries and one for each workspace. Returns how many were flagged."""
    if not _any_to_check.any():
        return 0
    at = at or timezone.now()
    running = _to_check().annotate(drawn=F("hold__drawn"))
    paces = {session: Pace(session.drawn, (at - session.started_at).total_seconds()) for session in running}  # type: ignore[operator]
    suspects = [session for session, pace in paces.items() if pace.seconds >= MIN_RUNTIME_S]
    if not suspects:
        return 0
    by_entry, by_workspace = _history([s.owner_id for s in suspects], {s.workspace_id for s in suspects})
    flagged = 0
    for session in suspects:
        own = by_entry.get(session.owner_id, [])
        rate = usual_rate(own, by_workspace.get(session.workspace_id, []))
        if sentence := judge(paces[session], rate, from_own_rounds=bool(own)):
            flagged += _record(session, sentence, paces[session].rate, rate or 0)
    return flagged


def _to_check() -> QuerySet[Session]:
    return Session.objects.filter(status=Session.Status.RUNNING, anomaly="", started_at__isnull=False, hold__drawn__gte=MIN_SPENT)


_any_to_check = StandingQuery(_to_check)
_Paces = dict[str, list[Pace]]


def _history(entry_ids: Collection[str], workspace_ids: Collection[str]) -> tuple[_Paces, _Paces]:
    """The paces of ended sessions: of these entries, and the newest of each of these workspaces."""
    done = Session.objects.filter(
        Q(ended_at__gt=F("started_at")), status=Session.Status.ENDED, started_at__isnull=False, hold__drawn__gt=0
    ).order_by("-claimed_at")
    columns = ("entry_id", "workspace_id", "hold__drawn", "started_at", "ended_at")
    own, others = defaultdict(list), defaultdict(list)
    for entry, _, drawn, began, ended in done.filter(entry_id__in=entry_ids).values_list(*columns)[:MAX_HISTORY]:
        own[entry].append(Pace(drawn, (ended - began).total_seconds()))
    for workspace_id in workspace_ids:
        for _, _, drawn, began, ended in done.filter(workspace_id=workspace_id).values_list(*columns)[:MAX_HISTORY]:
            others[workspace_id].append(Pace(drawn, (ended - began).total_seconds()))
    return own, others


def _record(session: Session, sentence: str, rate: float, usual_rate: float) -> bool:
    """False: another tick was first, or the session has ended."""
    with transaction.atomic():
        fresh = Session.objects.filter(pk=session.pk, status=Session.Status.RUNNING, anomaly="").update(anomaly=sentence)
        if fresh:
            event = events.SessionAnomaly(
                entry=session.owner_id, rate=amounts.number(round(rate)), usual=amounts.number(round(usual_rate))
            )
            activity.record(session.workspace_id, event, by=MUSTER, object_id=session.pk, reason=sentence)
            wake_ups.publish_change(session.workspace_id, "workers", "executor")
    return bool(fresh)


def _per_minute(rate: float) -> str:
    return f"{amounts.format_usd(round(rate))} a minute"
