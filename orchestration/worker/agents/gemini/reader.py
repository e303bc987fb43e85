"""Reads Gemini CLI: its stream-json for progress, its chat files for the tokens of each request, its result for the remaining usage."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.worker.agents.shared import failures
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Started, Text, Waiting
from orchestration.worker.agents.shared.file_tail import FileTail
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.json_values import nested, parse_object, text
from orchestration.worker.agents.shared.token_counts import TokenCounts, read_counts

CHATS = ".gemini/tmp/*/chats"
FILES = f"{CHATS}/**/*.jsonl"
DESCRIPTIVE_KEYS = ("file_path", "command", "pattern", "url", "dir_path", "query", "prompt")
_ATTEMPT = re.compile(r"^Attempt (\d+) failed")
_EXIT_CODES = {41: "auth", 42: "cli_refused", 44: "cli_refused", 52: "cli_refused", 53: "turns_exhausted", 55: "cli_refused"}


class Reader:
    """One process. The chat files have a line for each request of the conversation and its subagents; only the result includes helpers.

    The reaper reads processes once more whose dead worker kept how far it had read. It knows them by their start: none is later than that
    of the last process that was kept.
    """

    def __init__(self, home: Path, cwd: str, thread: Thread | None) -> None:
        self._home = home
        self._cwd = cwd
        self._id = thread.id if thread else ""
        self._kept_start = text(nested(thread.totals, "started"), 50) if thread else ""
        self._chats = FileTail(home, FILES, nested(thread.totals, "offsets") if thread else None)
        self._seen: set[str] = set()
        self._requests: list[tuple[str, str, TokenCounts]] = []
        self._started = ""
        self._answer = ""
        self._result: dict[str, Any] | None = None
        self._failure: Failure | None = None
        self._last_lines: deque[str] = deque(maxlen=5)

    @property
    def thread(self) -> Thread | None:
        kept = {"cwd": self._cwd, "offsets": dict(self._chats.offsets), "started": self._started or self._kept_start}
        return Thread(self._id, kept) if self._id else None

    @property
    def _is_read_again(self) -> bool:
        return bool(self._started) and self._started <= self._kept_start

    def _is_own(self, at: str) -> bool:
        return self._started <= at and (self._result is None or at <= text(self._result.get("timestamp"), 50))

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        message = None if is_error else parse_object(line)
        if message is None:
            yield from self._words(line.strip())
            return
        match message.get("type"):
            case "init":
                self._started = text(message.get("timestamp"), 50)
                if self._is_read_again:
                    self._chats = FileTail(self._home, FILES)  # else the result would count again what the worker had read
                self._id = text(message.get("session_id"), 200) or self._id
                yield Started(self._id, text(message.get("model"), 200))
            case "message" if message.get("role") == "assistant":
                self._answer += text(message.get("content"))
                self._answer = self._answer[-20_000:]
            case "tool_use":
                yield from self._tool(message)
            case "error" if "session turns" in text(message.get("message")).lower():
                yield self._failed("turns_exhausted", text(message.get("message"), 500))
            case "result":
                yield from self._finish(message)

    def read_record(self, name: str, attributes: Mapping[str, Any]) -> tuple[()]:
        return ()

    def poll(self) -> Iterator[Event]:
        for line in self._chats.lines():
            message = parse_object(line)
            id_ = text(nested(message, "id"), 100)
            if nested(message, "type") != "gemini" or not id_ or id_ in self._seen:
                continue
            if self._is_read_again and not self._is_own(text(nested(message, "timestamp"), 50)):
                continue  # another process's, which is booked with that one
            if used := read_counts(nested(message, "tokens"), input="input", output="output", cached="cached", total="total"):
                self._seen.add(id_)  # the line is repeated after its tools have answered
                model = text(nested(message, "model"), 200)
                self._requests.append((text(nested(message, "timestamp"), 50), model, used))
                yield used.usage(id_, model, of_thread=True)

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self._missing_usage()
        if self._failure is None and self._result is None and exit_code is not None:
            yield self._ended_early(exit_code)

    def _words(self, line: str) -> Iterator[Event]:
        """Gemini CLI retries ten times, and reports that on stderr."""
        if not line or line.startswith(("at ", "Warning:", "[STARTUP]", "YOLO mode")):
            return
        self._last_lines.append(line[:500])
        if match := _ATTEMPT.match(line):
            code = failures.from_text(line) or "overloaded"
            if failures.KINDS[code].cause == "setup":
                yield self._failed(code, line)
            else:
                yield Waiting(f"{failures.KINDS[code].title}, attempt {match[1]}", code=code)

    def _tool(self, message: dict[str, Any]) -> Iterator[Event]:
        if answer := self._answer.strip():
            yield Text(answer[:500])
        self._answer = ""
        arguments = message.get("parameters")
        detail = next((text(nested(arguments, key), 300) for key in DESCRIPTIVE_KEYS if nested(arguments, key)), "")
        yield Text(f"{text(message.get('tool_name'), 100)} {detail}".strip())

    def _finish(self, message: dict[str, Any]) -> Iterator[Event]:
        self._result = message
        ok = message.get("status") == "success"
        words = text(nested(message, "error", "message")) or "it failed without a message"
        yield Finished(ok and self._failure is None, self._answer.strip() or ("" if ok else words))
        if not ok and self._failure is None:
            code = "turns_exhausted" if "max session turns" in words else failures.from_text(words)
            yield self._failed(code or "crashed", words)

    def _missing_usage(self) -> Iterator[Event]:
        """Usage in the result beyond the seen requests: the CLI's helpers, for example one that shortens a long conversation."""
        models = nested(self._result, "stats", "models")
        for model, message in models.items() if isinstance(models, dict) else ():
            total = read_counts(message, input="input_tokens", output="output_tokens", cached="cached", total="total_tokens")
            seen = sum((used for at, of, used in self._requests if of == model and at >= self._started), TokenCounts())
            if missing := total - seen:
                yield missing.usage(f"rest:{self._started}:{model}"[:100], text(model, 200))
            elif seen.total > total.total:
                yield Discrepancy(f"{text(model, 100)}: {seen.total} tokens in its requests, {total.total} in its result")

    def _ended_early(self, exit_code: int) -> Failure:
        words = " ".join(self._last_lines)
        if exit_code == 42 and "resuming session" in words:
            return Failure("thread_lost", words[:500])
        code = _EXIT_CODES.get(exit_code) or failures.from_text(words) or ("crashed" if self._started else "cli_refused")
        return Failure(code, words[:500] or f"it ended with {exit_code} and without a result")

    def _failed(self, code: str, message: str) -> Failure:
        """Reported at once: a failure that a person must fix ends the process."""
        self._failure = Failure(code, message[:1000])
        return self._failure
