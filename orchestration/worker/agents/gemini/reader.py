"""Reads Gemini CLI: its stream-json for progress, its chat files for the tokens of each request, its result for the remaining usage."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestration.facts import failures
from orchestration.worker.agents.shared.events import Discrepancy, Event, Finished, Started, Text, Waiting
from orchestration.worker.agents.shared.file_tail import FileTail
from orchestration.worker.agents.shared.gemini_cli import ChatReader
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.json_values import nested, parse_object, text
from orchestration.worker.agents.shared.token_counts import TokenCounts, read_counts

CHATS = ".gemini/tmp/*/chats"
FILES = f"{CHATS}/**/*.jsonl"
_ATTEMPT = re.compile(r"^Attempt (\d+) failed")
_EXIT_CODES = {41: "auth", 42: "cli_refused", 44: "cli_refused", 52: "cli_refused", 53: "turns_exhausted", 55: "cli_refused"}


class Reader(ChatReader):
    """The chat files have a line for each request of the conversation and its subagents; only the result includes helpers.

    The reaper reads processes once more whose dead worker kept how far it had read. It knows them by their start: none is later than that
    of the last process that was kept.
    """

    descriptive_keys = ("file_path", "command", "pattern", "url", "dir_path", "query", "prompt")

    def __init__(self, home: Path, cwd: str, thread: Thread | None) -> None:
        super().__init__(cwd, thread, FileTail(home, FILES, nested(thread.totals, "offsets") if thread else None))
        self._home = home
        self._kept_start = text(nested(thread.totals, "started"), 50) if thread else ""
        self._requests: list[tuple[str, str, TokenCounts]] = []
        self._started = ""
        self._answer = ""

    @property
    def thread(self) -> Thread | None:
        return self._thread(started=self._started or self._kept_start)

    @property
    def _is_read_again(self) -> bool:
        return bool(self._started) and self._started <= self._kept_start

    def _is_own(self, at: str) -> bool:
        return self._started <= at and (self._result is None or at <= text(self._result.get("timestamp"), 50))

    def _message(self, message: dict[str, Any]) -> Iterator[Event]:
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
                if answer := self._answer.strip():
                    yield Text(answer[:500])
                self._answer = ""
                yield self._tool(message.get("tool_id"), message.get("tool_name"), message.get("parameters"))
            case "tool_result":
                words = message.get("output") or nested(message, "error", "message") or message.get("status")
                yield from self._tool_answer(message.get("tool_id"), words)
            case "error" if "session turns" in text(message.get("message")).lower():
                yield self._failed("turns_exhausted", text(message.get("message"), 500))
            case "result":
                yield from self._finish(message)

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

    def _early_end(self, exit_code: int, words: str) -> str:
        if exit_code == 42 and "resuming session" in words:
            return "thread_lost"
        return _EXIT_CODES.get(exit_code) or failures.from_text(words) or ("crashed" if self._started else "cli_refused")
