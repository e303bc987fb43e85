"""A session's phases over time: `[[phase, ISO start time], ...]`. Pure: lifecycle writes it with the phase, pages draw it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WAITING = "waiting"
MAX_PHASES = 200  # beyond that, a provider that refuses every few seconds for hours becomes one long wait


@dataclass(frozen=True, slots=True)
class Span:
    """A phase, or a wait within the phase `within`. `end`: None while it lasts."""

    phase: str
    start: datetime
    end: datetime | None
    within: str = ""


def started(phase: str, at: datetime) -> list[list[str]]:
    return [[str(phase), at.isoformat(timespec="milliseconds")]]


def entered(before: Any, phase: str, at: datetime) -> list[list[str]]:
    """Add a phase, unless it is the current one."""
    phases = _readable(before)
    return phases if phases and phases[-1][0] == phase else [*phases, *started(phase, at)]


def waited(before: Any, phase: str, at: datetime, *, waits: bool) -> list[list[str]]:
    """The history after a wait started or ended. Beyond MAX_PHASES the last wait lasts as long as its phase."""
    phases = _readable(before)
    if len(phases) >= MAX_PHASES:
        return phases
    return entered(phases, WAITING if waits else phase, at)


def spans(phases: Any, until: datetime | None) -> list[Span]:
    """The phases as spans, each until the next; the last until `until`. Unreadable items are left out."""
    result: list[Span] = []
    steps = _readable(phases)
    within = ""
    for n, (phase, began) in enumerate(steps):
        end = datetime.fromisoformat(steps[n + 1][1]) if n + 1 < len(steps) else until
        result.append(Span(phase, datetime.fromisoformat(began), end, within if phase == WAITING else ""))
        within = within if phase == WAITING else phase
    return result


def _readable(phases: Any) -> list[list[str]]:
    steps: Sequence[Any] = phases if isinstance(phases, list) else []
    return [list(step) for step in steps if _is_step(step)]


def _is_step(step: Any) -> bool:
    try:
        return isinstance(step[0], str) and datetime.fromisoformat(step[1]).tzinfo is not None and len(step) == 2
    except (TypeError, ValueError, IndexError, KeyError):
        return False
