"""What any agent's output comes down to. Readers turn lines, telemetry and files into these."""

from dataclasses import dataclass

from orchestration.sessions.metering import Usage
from orchestration.worker.agents.shared.failures import Failure

__all__ = ["Discrepancy", "Event", "Failure", "Finished", "Started", "Text", "Usage", "Waiting"]


@dataclass(frozen=True, slots=True)
class Started:
    """The conversation has an identity now: it can be resumed from here on."""

    thread_id: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """Something worth showing as progress."""

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The CLI waits for its provider and tries again by itself. `until`: seconds since the epoch, None when it does not say.

    `code`: the failure that this becomes when it has waited for too long.
    """

    message: str
    until: float | None = None
    code: str = "rate_limited"


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Two tellings of one cost differ by micro-USD: shown and kept, never corrected in silence."""

    message: str
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The agent's own word on its work, its last answer in full. Never a verdict: verification decides.

    `out_of_money`: it kept the limit that it was given and stopped there. That is no failure: it goes on when there is money.
    """

    ok: bool
    summary: str = ""
    out_of_money: bool = False


Event = Started | Text | Usage | Waiting | Discrepancy | Failure | Finished
