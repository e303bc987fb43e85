"""Sessions that burn several times what is usual: flagged once while they run, for a person to look at. It stops nothing."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from budget import amounts
from orchestration import events
from orchestration.messaging import wake_ups
from orchestration.models import Session
from workspaces import activity
from workspaces.access import MUSTER

TIMES = 4  # this many times the usual rate
LEAST = amounts.usd("0.10")  # what a session must have spent before its rate says anything
SOONEST_S = 30.0
FEWEST = 3  # sessions of a workspace that make something usual, where the entry has none of its own
NEWEST = 500


@dataclass(frozen=True, slots=True)
class Pace:
    """What a session spent (micro-USD) in how many seconds."""

    spent: int
    seconds: float

    @property
    def rate(self) -> float:
        """Micro-USD per minute."""
        return self.spent * 60 / max(self.seconds, 1.0)


def usual(own: Sequence[Pace], others: Sequence[Pace]) -> float | None:
    """Micro-USD per minute: over the entry's earlier sessions, else the median of the workspace's. None: nothing is usual yet."""
    if own:
        return Pace(sum(one.spent for one in own), sum(one.seconds for one in own)).rate
    return median(one.rate for one in others) if len(others) >= FEWEST else None


def judge(now: Pace, rate: float | None, *, of_its_own: bool) -> str:
    """The sentence for one that burns too fast; empty while it does not, or while that cannot be said."""
    if not rate or now.spent < LEAST or now.seconds < SOONEST_S or now.rate < TIMES * rate:
        return ""
    whose = "its entry's earlier rounds" if of_its_own else "this workspace's sessions"
    return f"Spends {_a_minute(now.rate)}, {now.rate / rate:.0f} times what is usual for {whose} ({_a_minute(rate)})"


def flag(at: datetime | None = None) -> int:
    """Look at the running sessions of all workspaces, in three queries. Answers how many were flagged."""
    at = at or timezone.now()
    running = Session.objects.filter(status=Session.Status.RUNNING, anomaly="", started_at__isnull=False, hold__drawn__gte=LEAST)
    running = running.annotate(drawn=F("hold__drawn"))
    paces = {session: Pace(session.drawn, (at - session.started_at).total_seconds()) for session in running}  # type: ignore[operator]
    suspects = [session for session, pace in paces.items() if pace.seconds >= SOONEST_S]
    if not suspects:
        return 0
    by_entry, by_workspace = _history([s.entry_id for s in suspects], {s.workspace_id for s in suspects})
    flagged = 0
    for session in suspects:
        own = by_entry.get(session.entry_id, [])
        rate = usual(own, by_workspace.get(session.workspace_id, []))
        if sentence := judge(paces[session], rate, of_its_own=bool(own)):
            flagged += _tell(session, sentence, paces[session].rate, rate or 0)
    return flagged


_Paces = dict[str, list[Pace]]


def _history(entry_ids: Collection[str], workspace_ids: Collection[str]) -> tuple[_Paces, _Paces]:
    """What ended sessions spent in which time: of these entries, and the newest of these workspaces."""
    done = Session.objects.filter(
        Q(ended_at__gt=F("started_at")), status=Session.Status.ENDED, started_at__isnull=False, hold__drawn__gt=0
    ).order_by("-claimed_at")
    columns = ("entry_id", "workspace_id", "hold__drawn", "started_at", "ended_at")
    own, others = defaultdict(list), defaultdict(list)
    for entry, _, drawn, began, ended in done.filter(entry_id__in=entry_ids).values_list(*columns)[:NEWEST]:
        own[entry].append(Pace(drawn, (ended - began).total_seconds()))
    for _, workspace, drawn, began, ended in done.filter(workspace_id__in=workspace_ids).values_list(*columns)[:NEWEST]:
        others[workspace].append(Pace(drawn, (ended - began).total_seconds()))
    return own, others


def _tell(session: Session, sentence: str, rate: float, usual_rate: float) -> bool:
    """False: another tick was first, or the session has ended."""
    with transaction.atomic():
        fresh = Session.objects.filter(pk=session.pk, status=Session.Status.RUNNING, anomaly="").update(anomaly=sentence)
        if fresh:
            event = events.SessionAnomaly(
                entry=session.entry_id, rate=amounts.number(round(rate)), usual=amounts.number(round(usual_rate))
            )
            activity.record(session.workspace_id, event, by=MUSTER, object_id=session.pk, reason=sentence)
            wake_ups.publish_change(session.workspace_id, "workers", "executor")
    return bool(fresh)


def _a_minute(rate: float) -> str:
    return f"{amounts.format_usd(round(rate))} a minute"
