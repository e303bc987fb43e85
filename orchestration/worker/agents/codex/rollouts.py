"""The files in which Codex records a thread while it runs: the only source with the tokens of each request, without delay.

They outlive the process. A later session continues at the last offset, or reads them again from the start: a response id, or the thread
and its running total, identify an amount, so it is booked once.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestration.configuration.windows import Reading
from orchestration.sessions.folders import own_files
from orchestration.sessions.metering import Usage
from orchestration.worker.agents.codex.usage import Totals, running_id, totals_of
from orchestration.worker.agents.shared.json_values import count, nested, number, parse_object, text

INTERESTING = (b'"token_count"', b'"token_usage_record"', b'"turn_context"')


@dataclass(slots=True)
class _File:
    """One thread's file."""

    offset: int = 0
    model: str = ""
    by_record: bool = False  # it has records with response ids: its counts are duplicates
    totals: Totals = field(default_factory=Totals)


class Rollouts:
    """All threads of a home: the conversation and its subagents."""

    def __init__(self, folder: Path, model: str, offsets: dict[str, Any]) -> None:
        self._folder = folder
        self._model = model
        self._started = {name: count(offset) for name, offset in offsets.items()}
        self._files: dict[str, _File] = {}
        self._limits: dict[int, Reading] = {}
        self._began = time.time() - 1.0  # what earlier sessions read is out of date

    @property
    def offsets(self) -> dict[str, int]:
        return {name: file.offset for name, file in self._files.items()}

    def totals(self, thread_id: str) -> Totals | None:
        """The running total in the thread's file. None: no such file, or no total since the offset."""
        rollout = next((file for name, file in self._files.items() if thread_id and name.endswith(f"{thread_id}.jsonl")), None)
        return rollout.totals if rollout and rollout.totals != Totals() else None

    def model(self, thread_id: str) -> str:
        """The thread's model according to its file, or else the requested one."""
        models = (file.model for name, file in self._files.items() if thread_id and name.endswith(f"{thread_id}.jsonl"))
        return next(models, "") or self._model

    def new_usage(self) -> Iterator[Usage]:
        """The usage written since the last call."""
        for path in sorted(self._folder.rglob("rollout-*.jsonl")):
            file = self._files.setdefault(path.name, _File(self._started.get(path.name, 0), self._model))
            for line in _new_lines(path, file):
                yield from self._read(path.stem[-36:], file, line)

    def _read(self, thread_id: str, file: _File, line: bytes) -> Iterator[Usage]:
        if not any(word in line for word in INTERESTING):
            return
        record = parse_object(line.decode("utf-8", "replace"))
        payload = nested(record, "payload")
        if nested(record, "type") == "turn_context":
            file.model = text(nested(payload, "model"), 200) or file.model
        elif nested(record, "type") == "token_usage_record":
            file.by_record = True
            running = totals_of(nested(payload, "thread_token_usage"))
            yield from self._usage(
                thread_id, file, totals_of(nested(payload, "usage")), running, text(nested(payload, "response_id"))
            )
        elif nested(payload, "type") == "token_count":
            if _moment(nested(record, "timestamp")) >= self._began:
                self._note_limits(nested(payload, "rate_limits"))
            if file.by_record:
                return
            running = totals_of(nested(payload, "info", "total_token_usage"))
            yield from self._usage(thread_id, file, totals_of(nested(payload, "info", "last_token_usage")), running, "")

    def _note_limits(self, limits: Any) -> None:
        """By their duration: which of the two places a window has differs between plans."""
        for place in ("primary", "secondary"):
            window = nested(limits, place)
            minutes = count(nested(window, "window_minutes"))
            resets_at = number(nested(window, "resets_at"))
            if not resets_at and (left := number(nested(window, "resets_in_seconds"))):
                resets_at = time.time() + left
            if minutes and resets_at:
                self._limits[minutes] = Reading(minutes, number(nested(window, "used_percent")), resets_at)

    def new_limits(self) -> tuple[Reading, ...]:
        """The windows that were reported since the last call."""
        readings, self._limits = tuple(self._limits.values()), {}
        return readings

    def _usage(self, thread_id: str, file: _File, used: Totals, running: Totals, response_id: str) -> Iterator[Usage]:
        """Codex repeats a count when only the rate limits change; the running total is then the same."""
        if running == file.totals or used == Totals():
            return
        file.totals = running
        yield used.usage(response_id or running_id(thread_id, running), file.model or self._model)


def _moment(stamp: Any) -> float:
    """Seconds since the epoch; 0 for what is no time."""
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _new_lines(path: Path, file: _File) -> list[bytes]:
    """Complete lines only: the last one may be incomplete."""
    try:
        with own_files.reading(path) as opened:
            opened.seek(file.offset)
            data = opened.read()
    except OSError:
        return []
    end = data.rfind(b"\n") + 1
    file.offset += end
    return data[:end].split(b"\n")[:-1]
