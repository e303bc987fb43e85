"""Reads mini-swe-agent: its trajectory file, rewritten after each step; and its output for waits only."""

import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.facts import failures
from orchestration.sessions.folders import own_files
from orchestration.worker.agents.shared.events import Event, Failure, Finished, Text, Waiting
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.json_values import MAX_ANSWER, nested, number, objects, parse_object, text
from orchestration.worker.agents.shared.token_counts import chat_usage, reported_cost
from orchestration.worker.agents.shared.tool_uses import tool_use

_RETRY = re.compile(r"^Retrying .* in (?P<pause>\d+(?:\.\d+)?) seconds as it raised (?P<error>.*)")


class Reader:
    """One process."""

    thread: Thread | None = None

    def __init__(self, trajectory: Path, *, model: str) -> None:
        self._trajectory = trajectory
        self._model = model
        self._stamp: tuple[int, int] | None = None
        self._read = 0
        self._commands: dict[str, Any] = {}
        self._status = ""
        self._failed = False
        self._last_lines: deque[str] = deque(maxlen=5)

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        """The output repeats the trajectory; only waits are reported here alone."""
        line = line.strip()
        if not line:
            return
        self._last_lines.append(line[:500])
        if (match := _RETRY.match(line)) and not self._failed:
            code = failures.from_text(match["error"]) or "overloaded"
            if failures.KINDS[code].cause == "setup":
                yield self._fail(code, match["error"])
            else:
                pause = min(float(match["pause"]), 3600)
                yield Waiting(f"{failures.KINDS[code].title}: {match['error'][:200]}", time.time() + pause, code)

    def read_record(self, name: str, attributes: Mapping[str, Any]) -> tuple[()]:
        return ()

    def poll(self) -> Iterator[Event]:
        trajectory = self._changed()
        messages = objects(nested(trajectory, "messages"))
        for index, message in enumerate(messages[self._read :], start=self._read):
            yield from self._message(index, message)
        self._read = max(self._read, len(messages))
        if not self._status and (status := text(nested(trajectory, "info", "exit_status"), 100)):
            self._status = status
            yield from self._finish(trajectory, status, text(nested(messages[-1] if messages else None, "content"), 1000))

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self.poll()
        if exit_code is not None and not self._status and not self._failed:
            words = " ".join(self._last_lines)[:1000]
            yield self._fail(failures.from_text(words) or "crashed", words or f"it ended with {exit_code} and no message")

    def _changed(self) -> dict[str, Any] | None:
        """The trajectory, if it changed. One that is incomplete, because it is being written, is read again at the next poll."""
        try:
            stat = self._trajectory.stat()
            if self._stamp == (stat.st_mtime_ns, stat.st_size):
                return None
            with own_files.reading(self._trajectory) as file:
                trajectory = parse_object(file.read().decode("utf-8", "replace"))
        except OSError:
            return None
        if trajectory is not None:
            self._stamp = (stat.st_mtime_ns, stat.st_size)
        return trajectory

    def _message(self, index: int, message: dict[str, Any]) -> Iterator[Event]:
        """For an unusable answer, mini writes a message of its own that carries the answer's cost."""
        extra = message.get("extra")
        used = nested(extra, "response", "usage") or nested(extra, "usage")
        cost = reported_cost(nested(extra, "cost"))
        if cost or used:
            model = text(nested(extra, "model"), 200) or self._model
            yield chat_usage(f"message:{index}:{nested(extra, 'timestamp')}"[:100], used, model=model, cost=cost)
        if message.get("role") == "assistant" and (words := text(message.get("content")).strip()):
            yield Text(words[:500])
        self._commands |= {text(each.get("tool_call_id"), 200): each.get("command") for each in objects(nested(extra, "actions"))}
        if command := self._commands.pop(text(message.get("tool_call_id"), 200), None):
            yield tool_use("bash", command, message.get("content"))

    def _finish(self, trajectory: Any, status: str, words: str) -> Iterator[Event]:
        """The limits of money and of steps share one status."""
        if status == "Submitted":
            yield Finished(True, text(nested(trajectory, "info", "submission"), MAX_ANSWER).strip())
        elif status == "LimitsExceeded":
            limit = number(nested(trajectory, "info", "config", "agent", "cost_limit"))
            if 0 < limit <= number(nested(trajectory, "info", "model_stats", "instance_cost")):
                yield Finished(False, words, out_of_money=True)
            else:
                yield self._fail("turns_exhausted", words)
        elif status == "TimeExceeded":
            yield self._fail("turns_exhausted", words)
        elif status != "UserInterruption" and status != "KeyboardInterrupt":
            yield Finished(False, words)
            yield self._fail(failures.from_text(f"{status}: {words}") or "crashed", f"{status}: {words}")

    def _fail(self, code: str, message: str) -> Failure:
        self._failed = True
        return Failure(code, message[:1000])
