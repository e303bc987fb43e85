"""Progress of stopping all sessions: each session's own confirmation, and never "all stopped" before it is true."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils.timezone import now

from dashboard.shared.page_request import PageRequest
from dashboard.shared.texts import labels
from orchestration.models import Executor, Session

SHOWN_FOR = timedelta(minutes=2)  # after the last confirmation; an unconfirmed stop is shown until it is confirmed
SLOW = timedelta(seconds=2)  # beyond the grace period, within which a KILL always follows


@dataclass(frozen=True)
class SessionStop:
    """A session with a stop request. `state`: ended | waiting | silent | killing."""

    session: Session
    state: str
    took: timedelta | None

    @property
    def words(self) -> str:
        if self.took is not None:
            return f"{labels.ENDED.get(self.session.outcome, 'ended')} after {self.took.total_seconds():.1f} s"
        return {"killing": "is being killed", "silent": "no response: it still lives, and Muster goes on ending it"}.get(
            self.state, "stop requested, ending"
        )


@dataclass(frozen=True)
class Stop:
    """The last stop of all sessions: who requested it, when, and each session's state."""

    by: str
    at: datetime
    sessions: list[SessionStop]
    dispatch_is_off: bool

    @property
    def ended(self) -> int:
        return sum(1 for stop in self.sessions if stop.took is not None)

    @property
    def silent(self) -> list[SessionStop]:
        return [stop for stop in self.sessions if stop.state == "silent"]

    @property
    def all_asked(self) -> bool:
        """Every session has its stop request and dispatch is off: a second stop would change nothing."""
        return self.dispatch_is_off and all(stop.session.stop_wanted_at is not None for stop in self.sessions)

    @property
    def complete(self) -> bool:
        return self.dispatch_is_off and self.ended == len(self.sessions)

    @property
    def summary(self) -> str:
        return f"{self.ended} of {len(self.sessions)} confirmed" if self.sessions else "no session was running"


def load(page_request: PageRequest) -> Stop | None:
    """The current stop, or one that completed within SHOWN_FOR. None without one, or when dispatch resumed since. One query at most."""
    if "stop" not in page_request.memo:
        page_request.memo["stop"] = _read(page_request)
    stop: Stop | None = page_request.memo["stop"]
    return stop


def _read(page_request: PageRequest) -> Stop | None:
    executor = page_request.executor
    if executor.stop_all_at is None or executor.state == Executor.State.RUNNING:
        return None
    criteria = Q(stop_wanted_at__gte=executor.stop_all_at, stop_for_good=False) | Q(status__in=Session.OPEN)
    sessions = Session.of_any_role.filter(criteria, workspace=page_request.workspace).select_related("entry")
    session_stops = [_session_stop(session) for session in sessions.order_by("claimed_at", "id")]
    last = max(
        [
            executor.stop_all_at,
            *(session_stop.session.ended_at for session_stop in session_stops if session_stop.session.ended_at),
        ]
    )
    stop = Stop(executor.stop_all_by, executor.stop_all_at, session_stops, dispatch_is_off=True)
    return None if stop.complete and now() - last > SHOWN_FOR else stop


def region(page_request: PageRequest) -> dict[str, Any]:
    return {"stop": load(page_request)}


def _session_stop(session: Session) -> SessionStop:
    if session.status == Session.Status.ENDED and session.ended_at is not None and session.stop_wanted_at is not None:
        return SessionStop(session, "ended", max(session.ended_at - session.stop_wanted_at, timedelta()))
    patience = timedelta(seconds=settings.STOP_GRACE_S) + SLOW
    if session.kill_wanted_at is not None and now() - session.kill_wanted_at < patience * 2:
        return SessionStop(session, "killing", None)
    silent = session.stop_wanted_at is not None and now() - session.stop_wanted_at > patience
    return SessionStop(session, "silent" if silent else "waiting", None)
