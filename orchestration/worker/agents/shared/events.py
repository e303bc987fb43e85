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
    """A use of a tool that is over, with its arguments and its answer (`shared/tool_uses.py` makes it)."""

    tool: str
    arguments: str
    answer: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to people. `id`: the same when the output is read again."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The CLI waits for its provider and retries by itself. `until`: seconds since the epoch; None: unknown.

    `code`: the failure that this becomes after too long a wait.
    """

    message: str
    until: float | None = None
    code: str = "rate_limited"


@dataclass(frozen=True, slots=True)
class Limits:
    """The provider's report on the windows of its plan."""

    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Two sources report different costs: shown and kept, never corrected silently. `amount`: the difference in micro-USD."""

    message: str
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The agent's own report on its work, with its full last answer. Never a verdict: verification decides.

    `out_of_money`: it stopped at its limit. That is no failure: it continues when there is money. `exit_code`: with which it ends then, where
    that is no failure.
    """

    ok: bool
    summary: str = ""
    out_of_money: bool = False
    exit_code: int = 0


Event = Started | Text | ToolUse | Asked | Usage | Waiting | Limits | Discrepancy | Failure | Finished
