"""What any agent's output comes down to. Agents are equal-shaped modules that read one line into one of these."""

from dataclasses import dataclass

from orchestration.metering import Usage

__all__ = ["Event", "Finished", "Text", "Usage"]


@dataclass(frozen=True, slots=True)
class Text:
    """Something worth showing as progress."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The agent's own word on its work. Never a verdict: verification decides."""

    ok: bool
    summary: str = ""


Event = Text | Usage | Finished
