"""The events into which readers turn an agent's lines, telemetry and files."""

from dataclasses import dataclass

from orchestration.configuration.windows import Reading
from orchestration.facts.failures import Failure
from orchestration.sessions.metering import Usage

__all__ = ["Asked", "Discrepancy", "Event", "Failure", "Finished", "Limits", "Started", "Text", "ToolUse", "Usage", "Waiting"]


@dataclass(frozen=True, slots=True)
class Started:
    """The conversation has an id: it can be resumed from now on."""

    thread_id: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """Text to show as progress."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A finished use of a tool, with its arguments and its answer (`shared/tool_uses.py`)."""

    tool: str
    arguments: str
    answer: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to people."""

    id: str  # stable across readings
    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The CLI waits for its provider, and retries by itself."""

    message: str
    until: float | None = None  # Unix time; None: unknown
    code: str = "rate_limited"  # of the failure after too long a wait


@dataclass(frozen=True, slots=True)
class Limits:
    """The provider's report on the windows of its plan."""

    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A difference between two sources' costs: shown and kept, never corrected silently."""

    message: str
    amount: int = 0  # micro-USD


@dataclass(frozen=True, slots=True)
class Finished:
    """The agent's own report on its work, with its full last answer. Never a verdict: verification decides."""

    ok: bool
    summary: str = ""
    out_of_money: bool = False  # it stopped at its limit: no failure, it continues with new money
    exit_code: int = 0  # of an end without failure


Event = Started | Text | ToolUse | Asked | Usage | Waiting | Limits | Discrepancy | Failure | Finished
