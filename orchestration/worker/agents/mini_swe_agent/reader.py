"""Understanding mini-swe-agent: its trajectory, written anew after each step, for everything but its waiting."""

import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.worker.agents.shared import failures
from orchestration.worker.agents.shared.events import Event, Failure, Finished, Text, Waiting
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.reading import dig, number, objects, parsed, text
from orchestration.worker.agents.shared.spending import of_chat, reported

_RETRY = re.compile(r"^Retrying .* in (?P<pause>\d+(?:\.\d+)?) seconds as it raised (?P<error>.*)")


class Reader:
    """One process."""

    thread: Thread | None = None

    def __init__(self, trajectory: Path, *, model: str) -> None:
        self._trajectory = trajectory
        self._model = model
        self._stamp: tuple[int, int] | None = None
        self._read = 0
        self._status = ""
        self._failed = False
        self._last_words: deque[str] = deque(maxlen=5)

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        """Its text repeats the trajectory; only that it waits is told here alone."""
        line = line.strip()
        if not line:
            return
        self._last_words.append(line[:500])
        if (found := _RETRY.match(line)) and not self._failed:
            code = failures.from_text(found["error"]) or "overloaded"
            if failures.KINDS[code].cause == "setup":
                yield self._fail(code, found["error"])
            else:
                pause = min(float(found["pause"]), 3600)
                yield Waiting(f"{failures.KINDS[code].title}: {found['error'][:200]}", time.time() + pause, code)

    def hear(self, name: str, attributes: Mapping[str, Any]) -> tuple[()]:
        return ()

    def look(self) -> Iterator[Event]:
        told = self._changed()
        messages = objects(dig(told, "messages"))
        for index, message in enumerate(messages[self._read :], start=self._read):
            yield from self._message(index, message)
        self._read = max(self._read, len(messages))
        if not self._status and (status := text(dig(told, "info", "exit_status"), 100)):
            self._status = status
            yield from self._over(told, status, text(dig(messages[-1] if messages else None, "content"), 1000))

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self.look()
        if exit_code is not None and not self._status and not self._failed:
            words = " ".join(self._last_words)[:1000]
            yield self._fail(failures.from_text(words) or "crashed", words or f"it ended with {exit_code} and told nothing")

    def _changed(self) -> dict[str, Any] | None:
        """The trajectory, if it was written since. Half of one, caught while it is written, is read whole at the next look."""
        try:
            seen = self._trajectory.stat()
            if self._stamp == (seen.st_mtime_ns, seen.st_size):
                return None
            told = parsed(self._trajectory.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return None
        if told is not None:
            self._stamp = (seen.st_mtime_ns, seen.st_size)
        return told

    def _message(self, index: int, message: dict[str, Any]) -> Iterator[Event]:
        """An answer that it could not use is a message of its own words, with the cost of the answer."""
        extra = message.get("extra")
        used = dig(extra, "response", "usage") or dig(extra, "usage")
        cost = reported(dig(extra, "cost"))
        if cost or used:
            model = text(dig(extra, "model"), 200) or self._model
            yield of_chat(f"message:{index}:{dig(extra, 'timestamp')}"[:100], used, model=model, cost=cost)
        if message.get("role") == "assistant" and (said := text(message.get("content")).strip()):
            yield Text(said[:500])

    def _over(self, told: Any, status: str, words: str) -> Iterator[Event]:
        """Its limit of money and that of steps have one name."""
        if status == "Submitted":
            yield Finished(True, text(dig(told, "info", "submission")).strip())
        elif status == "LimitsExceeded":
            limit = number(dig(told, "info", "config", "agent", "cost_limit"))
            if 0 < limit <= number(dig(told, "info", "model_stats", "instance_cost")):
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
