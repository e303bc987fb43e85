"""How a session passed through its phases: `[[phase, ISO time it began], ...]`. Pure: written with the phase itself, drawn by pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WAITING = "waiting"
MAX_PHASES = 200  # a provider that turns away every few seconds for hours is one long wait then


@dataclass(frozen=True, slots=True)
class Span:
    """A phase, or a wait inside of one (`within`: of which). `end`: None while it lasts."""

    phase: str
    start: datetime
    end: datetime | None
    within: str = ""


def started(phase: str, at: datetime) -> list[list[str]]:
    return [[str(phase), at.isoformat(timespec="milliseconds")]]


def entered(before: Any, phase: str, at: datetime) -> list[list[str]]:
    """With a phase added. One that it is in already is not entered again."""
    phases = _readable(before)
    return phases if phases and phases[-1][0] == phase else [*phases, *started(phase, at)]


def waited(before: Any, phase: str, at: datetime, *, waits: bool) -> list[list[str]]:
    """With a wait begun or over. Too many of them: the last one goes on for as long as the phase."""
    phases = _readable(before)
    if len(phases) >= MAX_PHASES:
        return phases
    return entered(phases, WAITING if waits else phase, at)


def spans(phases: Any, until: datetime | None) -> list[Span]:
    """What was told as spans, each until the next; the last until `until`. What cannot be read is left out."""
    spans_found: list[Span] = []
    steps = _readable(phases)
    within = ""
    for n, (phase, began) in enumerate(steps):
        end = datetime.fromisoformat(steps[n + 1][1]) if n + 1 < len(steps) else until
        spans_found.append(Span(phase, datetime.fromisoformat(began), end, within if phase == WAITING else ""))
        within = within if phase == WAITING else phase
    return spans_found


def _readable(phases: Any) -> list[list[str]]:
    steps: Sequence[Any] = phases if isinstance(phases, list) else []
    return [list(step) for step in steps if _is_step(step)]


def _is_step(step: Any) -> bool:
    try:
        return isinstance(step[0], str) and datetime.fromisoformat(step[1]).tzinfo is not None and len(step) == 2
    except (TypeError, ValueError, IndexError, KeyError):
        return False
