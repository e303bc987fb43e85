"""The events of the backlog that start a run of the orchestrator. Pure: the caller reads what happened."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestration.models import Run

Trigger = Run.Trigger


@dataclass(frozen=True)
class Facts:
    """A workspace whose executor runs, since its last run. `last`: when that was requested, or refused. `stuck`, `on_plateau`: entries that
    were blocked or failed since. `rounds`: that ended since. `is_idle`: nothing is at work or can start, though there is money and work.
    `has_changed`: an entry was added, or a session ended. `is_open`: a run is at work."""

    now: datetime
    last: datetime | None = None
    stuck: int = 0
    on_plateau: int = 0
    rounds: int = 0
    is_idle: bool = False
    has_changed: bool = False
    is_open: bool = False


def due(facts: Facts, on: Collection[str], *, cooldown_s: int, every_rounds: int) -> Run.Trigger | None:
    """The first event of `on` that has happened, unless a run is at work or it is too soon."""
    if facts.is_open or (facts.last is not None and facts.now - facts.last < timedelta(seconds=cooldown_s)):
        return None
    happened = {
        Trigger.NO_IMPROVEMENT: facts.on_plateau > 0,
        Trigger.STUCK: facts.stuck > 0,
        Trigger.IDLE: facts.is_idle and (facts.last is None or facts.has_changed),
        Trigger.EVERY_N_ROUNDS: facts.rounds >= every_rounds,
    }
    return next((trigger for trigger, has_happened in happened.items() if has_happened and trigger in on), None)
