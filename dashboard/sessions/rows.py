"""A session as the list and its own page show it: state, steps, silence, urgency."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from dashboard.shared.fragments import ALARMING_AFTER, QUIET_AFTER
from dashboard.shared.texts import labels
from orchestration.configuration import Config
from orchestration.edge import queries
from orchestration.lists import sessions
from orchestration.models import Entry, Session

UNANSWERED_AFTER = timedelta(seconds=30)
STEPS = {
    "starting": "set up",
    "implementation": "implement",
    "interception": "review",
    "verification": "verify",
    "merging": "merge",
}


@dataclass(frozen=True)
class Row:
    """`quiet`: `quiet` or `alarming`, after a long time without output. `need`: its urgency, smaller is more urgent."""

    session: Session
    status: str
    over: bool
    quiet: str
    silent_since: datetime
    steps: list[tuple[str, str]]
    step: int
    late: bool
    need: int

    @property
    def phase(self) -> str:
        return labels.PHASES[self.session.phase]

    @property
    def entry(self) -> Entry:
        return self.session.entry

    @property
    def round_cost(self) -> int | None:
        return self.session.hold.drawn if self.session.hold else None

    @property
    def entry_cost(self) -> int:
        return int(self.session.entry.account.spent)


def build_row(session: Session, config: Config, at: datetime) -> Row:
    """`at`: now."""
    over = session.status == Session.Status.ENDED
    silent_since = sessions.silent_since(session)
    silent = at - silent_since
    quiet = "" if over else "alarming" if silent > ALARMING_AFTER else "quiet" if silent > QUIET_AFTER else ""
    late = not over and session.worker is not None and at - session.worker.seen_at > timedelta(seconds=settings.LEASE_S / 2)
    steps, step = steps_of(session, config)
    row: dict[str, Any] = {"over": over, "quiet": quiet, "late": late}
    return Row(
        session,
        queries.shown_status(session),
        silent_since=silent_since,
        steps=steps,
        step=step,
        need=urgency(session, at, **row),
        **row,
    )


def steps_of(session: Session, config: Config) -> tuple[list[tuple[str, str]], int]:
    """The phases of this session as (word, `done`, `now` or empty), and the number of the current one, from 1."""
    left_out = set() if config.interceptor else {"interception"}
    if session.work == Entry.Work.VERIFY:
        left_out |= {"implementation", "interception"}
    names = [name for name in STEPS if name not in left_out or name == session.phase]
    at = names.index(session.phase)
    passed = session.status == Session.Status.ENDED and session.outcome == Session.Outcome.PASSED
    states = ["done" if n < at or passed else "now" if n == at else "" for n in range(len(names))]
    return [(STEPS[name], state) for name, state in zip(names, states, strict=True)], at + 1


def urgency(session: Session, at: datetime, *, over: bool, quiet: str, late: bool) -> int:
    """The urgency of the session for a person: smaller is more urgent."""
    if over:
        return 20
    if session.stop_wanted_at is not None and at - session.stop_wanted_at > UNANSWERED_AFTER:
        return 0
    if quiet == "alarming":
        return 1
    if late:
        return 2
    if session.waiting_for:
        return 3
    if session.anomaly or session.unpriced_model:
        return 4
    return 5 if quiet else 9
