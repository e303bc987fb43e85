"""The agent that works on an entry next: the one that it asks for, or the first of that one's fallbacks whose provider serves it. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.configuration.config.agents import DEFAULT
from orchestration.configuration.provider_trouble import ModelAccess
from workspaces import times

NO_ACCESS = ModelAccess("", "")


@dataclass(frozen=True, slots=True)
class Trouble:
    """An open circuit breaker: after `wait_s` seconds one session is tried."""

    code: str
    message: str
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Terms:
    """The conditions of one agent of the config. `kinds`: of the agents that a session with it needs on its host. `initial_reservation`: the
    most that it reserves at its start, in micro-USD; None: the whole ceiling. `doubted`: why it does not start before a person has said
    whether a session's spend is true. `access`: what its provider limits as one; `needed`: all that must be open, also for its reviewers;
    `chain`: its own name, and those of its fallbacks; `is_plan`: a plan pays it."""

    kinds: frozenset[str] = frozenset()
    initial_reservation: int | None = None
    doubted: str = ""
    access: ModelAccess = NO_ACCESS
    needed: frozenset[ModelAccess] = frozenset()
    chain: tuple[str, ...] = ("",)
    is_plan: bool = False


@dataclass(frozen=True, slots=True)
class Agents:
    """Those of a config by their names, the empty one for the usual agent, with the circuit breakers that are open."""

    terms: Mapping[str, Terms] = field(default_factory=lambda: {"": Terms()})
    troubles: Mapping[ModelAccess, Trouble] = field(default_factory=dict)

    def of(self, name: str) -> Terms:
        """One that the config does not have has no terms."""
        return self.terms.get(name, Terms(chain=(name,)))

    def closed(self, name: str, at_work: Collection[str]) -> Trouble | None:
        """The trouble that lets no session start with this agent: a circuit breaker that waits longest, or that another session tries. `at_work`: the names
        of the agents that have sessions."""
        needed = self.of(name).needed
        matches = [(access, trouble) for access, trouble in self.troubles.items() if access in needed]
        waiting = [trouble for _, trouble in matches if trouble.wait_s > 0]
        if waiting:
            return max(waiting, key=lambda trouble: trouble.wait_s)
        tried = {access for other in at_work for access in self.of(other).needed}
        return next((trouble for access, trouble in matches if access in tried), None)

    def choose(self, name: str, at_work: Collection[str]) -> str | None:
        """The first agent of the chain that may start; None: there is none."""
        return next((each for each in self.of(name).chain if each in self.terms and self.closed(each, at_work) is None), None)

    def why_none(self, name: str, at_work: Collection[str]) -> list[tuple[str, Trouble]]:
        """Each agent of the chain, with what keeps it from starting."""
        closed = ((each, self.closed(each, at_work)) for each in self.of(name).chain if each in self.terms)
        return [(each, trouble) for each, trouble in closed if trouble is not None]

    def is_any_open(self, at_work: Collection[str]) -> bool:
        return any(self.closed(name, at_work) is None for name in self.terms)


def logged(
    agents: Agents,
    closed: Iterable[tuple[str, Trouble]],
    *,
    own: str,
    chosen: str,
    ceilings: Mapping[str, int],
    step: tuple[int, int, str],
    effort: str,
    at: datetime,
) -> dict[str, Any]:
    """A claim's choice, for its session. Empty where there was none: one agent, no route. `own`: the agent of the entry's step; `ceilings`: the most that each
    reserves at its start, in micro-USD; `step`: its number, of how many, and why the one before is over; `at`: now."""
    (number, steps, reason), troubles = step, dict(closed)
    names = [name for name in agents.of(own).chain if name in agents.terms]
    if len(names) < 2 and steps < 2:
        return {}
    considered = [{"agent": name or DEFAULT, "reservation": ceilings[name], **_closed(troubles.get(name), at)} for name in names]
    why = [f"Step {number} of {steps}{f': {reason}' if reason else ''}."] if steps > 1 else []
    passed_over = names[: names.index(chosen)] if chosen in names else []
    why += [_until(name, troubles[name], at) for name in passed_over if name in troubles]
    return {
        "agent": chosen or DEFAULT,
        "effort": effort,
        "step": number,
        "steps": steps,
        "considered": considered,
        "why": " ".join(why) or f"The first of {len(names)} agents.",
    }


def _closed(trouble: Trouble | None, at: datetime) -> dict[str, Any]:
    if trouble is None:
        return {}
    return {"code": trouble.code, "until": times.iso(at + timedelta(seconds=trouble.wait_s)) if trouble.wait_s > 0 else None}


def _until(name: str, trouble: Trouble, at: datetime) -> str:
    until = at + timedelta(seconds=trouble.wait_s)
    when = f"until {times.stamp(until, UTC)}" if trouble.wait_s > 0 else "while one session tries it"
    return f"Not {name or DEFAULT} {when}: {trouble.message}"


def sentence(closed: Iterable[tuple[str, Trouble]], *, among_several: bool) -> str:
    """The reason of an entry whose agents are all closed. `among_several`: the config has more than one, so each is named."""
    parts = []
    for name, trouble in closed:
        when = f"Tried again in {soon(trouble.wait_s)}." if trouble.wait_s > 0 else "One session is trying it now."
        parts.append(f"{f'{name or DEFAULT}: ' if among_several else ''}{trouble.message} {when}")
    return " ".join(parts)


def soon(seconds: float) -> str:
    """A time from now, in the largest unit that says enough."""
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
