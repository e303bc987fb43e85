"""The files in which Codex writes down a thread while it runs: the only place that tells each request's tokens, and at once.

They outlive the process. A later session reads them from where the last one ended, or again from the beginning: an amount is
known by its response's id, or by its thread and running total, so it is booked once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration.sessions.metering import Usage
from orchestration.worker.agents.shared.reading import count, dig, parsed, text

INTERESTING = (b'"token_count"', b'"token_usage_record"', b'"turn_context"')


@dataclass(frozen=True, slots=True)
class Totals:
    """A thread's tokens as Codex counts them: `input` contains what was read from and written to the cache."""

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


def totals_of(told: Any) -> Totals:
    names = ("input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens")
    return Totals(*(count(dig(told, name)) for name in names))


@dataclass(slots=True)
class _File:
    """One thread. `by_record`: it has records with response ids, so its counts say the same once more."""

    offset: int = 0
    model: str = ""
    by_record: bool = False
    totals: Totals = field(default_factory=Totals)


class Rollouts:
    """All threads of a home: the conversation's and those of its subagents."""

    def __init__(self, folder: Path, model: str, offsets: dict[str, Any]) -> None:
        self._folder = folder
        self._model = model
        self._began = {name: count(offset) for name, offset in offsets.items()}
        self._files: dict[str, _File] = {}

    @property
    def offsets(self) -> dict[str, int]:
        return {name: file.offset for name, file in self._files.items()}

    def totals(self, thread_id: str) -> Totals | None:
        """The running total that its file tells. None: there is no such file, or it told none since we read it."""
        found = next((file for name, file in self._files.items() if thread_id and name.endswith(f"{thread_id}.jsonl")), None)
        return found.totals if found and found.totals != Totals() else None

    def model(self, thread_id: str) -> str:
        """The model that the thread runs on; the one that was asked for where its file does not say."""
        found = (file.model for name, file in self._files.items() if thread_id and name.endswith(f"{thread_id}.jsonl"))
        return next(found, "") or self._model

    def news(self) -> Iterator[Usage]:
        """What was written since the last look."""
        for path in sorted(self._folder.rglob("rollout-*.jsonl")):
            file = self._files.setdefault(path.name, _File(self._began.get(path.name, 0), self._model))
            for line in _new_lines(path, file):
                yield from self._read(path.stem[-36:], file, line)

    def _read(self, thread_id: str, file: _File, line: bytes) -> Iterator[Usage]:
        if not any(word in line for word in INTERESTING):
            return
        told = parsed(line.decode("utf-8", "replace"))
        payload = dig(told, "payload")
        if dig(told, "type") == "turn_context":
            file.model = text(dig(payload, "model"), 200) or file.model
        elif dig(told, "type") == "token_usage_record":
            file.by_record = True
            running = totals_of(dig(payload, "thread_token_usage"))
            yield from self._tell(thread_id, file, totals_of(dig(payload, "usage")), running, text(dig(payload, "response_id")))
        elif dig(payload, "type") == "token_count" and not file.by_record:
            running = totals_of(dig(payload, "info", "total_token_usage"))
            yield from self._tell(thread_id, file, totals_of(dig(payload, "info", "last_token_usage")), running, "")

    def _tell(self, thread_id: str, file: _File, used: Totals, running: Totals, response_id: str) -> Iterator[Usage]:
        """A count is repeated when only the rate limits have news: the running total stands still then."""
        if running == file.totals or used == Totals():
            return
        file.totals = running
        yield used.usage(response_id or running_id(thread_id, running), file.model or self._model)


def running_id(thread_id: str, totals: Totals) -> str:
    return f"{thread_id}:{totals.input}:{totals.output}"


def _new_lines(path: Path, file: _File) -> list[bytes]:
    """Whole lines only: the last one may still be being written."""
    try:
        with path.open("rb") as opened:
            opened.seek(file.offset)
            fresh = opened.read()
    except OSError:
        return []
    end = fresh.rfind(b"\n") + 1
    file.offset += end
    return fresh[:end].split(b"\n")[:-1]
