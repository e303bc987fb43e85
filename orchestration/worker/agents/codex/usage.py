"""Codex's token counts: the fields of every usage that it reports, on its output and in its rollout files, and what they are to Muster."""

from dataclasses import dataclass
from typing import Any

from orchestration.sessions.metering import Usage
from orchestration.worker.agents.shared.json_values import count, nested


@dataclass(frozen=True, slots=True)
class Totals:
    """A thread's tokens as Codex counts them: `input` includes cache reads and writes."""

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0

    def __sub__(self, other: "Totals") -> "Totals":
        return Totals(
            self.input - other.input, self.cached - other.cached, self.written - other.written, self.output - other.output
        )

    @property
    def lowest(self) -> int:
        return min(self.input, self.cached, self.written, self.output)

    def usage(self, id_: str, model: str) -> Usage:
        uncached = max(self.input - self.cached - self.written, 0)
        return Usage(id_[:120], None, model, uncached, self.output, self.cached, self.written, of_thread=True)


def totals_of(usage: Any) -> Totals:
    names = ("input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens")
    return Totals(*(count(nested(usage, name)) for name in names))


def running_id(thread_id: str, totals: Totals) -> str:
    return f"{thread_id}:{totals.input}:{totals.output}"
