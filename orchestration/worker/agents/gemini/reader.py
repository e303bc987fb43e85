"""Understanding Gemini CLI: its stream-json for what it does, the chats that it keeps for what each request used, its result for the rest."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.worker.agents.shared import failures
from orchestration.worker.agents.shared.appended import Appended
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Started, Text, Waiting
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.reading import dig, parsed, text
from orchestration.worker.agents.shared.spending import Counted, counted

CHATS = ".gemini/tmp/*/chats"
TELLING = ("file_path", "command", "pattern", "url", "dir_path", "query", "prompt")
_ATTEMPT = re.compile(r"^Attempt (\d+) failed")
_EXITS = {41: "auth", 42: "cli_refused", 44: "cli_refused", 52: "cli_refused", 53: "turns_exhausted", 55: "cli_refused"}


class Reader:
    """One process. Its chats have a line for each request of the conversation and of its subagents; helpers' requests are in the result only."""

    def __init__(self, home: Path, cwd: str, thread: Thread | None) -> None:
        self._cwd = cwd
        self._id = thread.id if thread else ""
        self._chats = Appended(home, f"{CHATS}/**/*.jsonl", dig(thread.totals, "offsets") if thread else None)
        self._seen: set[str] = set()
        self._requests: list[tuple[str, str, Counted]] = []
        self._began = ""
        self._answer = ""
        self._result: dict[str, Any] | None = None
        self._failure: Failure | None = None
        self._last_words: deque[str] = deque(maxlen=5)

    @property
    def thread(self) -> Thread | None:
        return Thread(self._id, {"cwd": self._cwd, "offsets": dict(self._chats.offsets)}) if self._id else None

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        told = None if is_error else parsed(line)
        if told is None:
            yield from self._words(line.strip())
            return
        match told.get("type"):
            case "init":
                self._began = text(told.get("timestamp"), 50)
                self._id = text(told.get("session_id"), 200) or self._id
                yield Started(self._id, text(told.get("model"), 200))
            case "message" if told.get("role") == "assistant":
                self._answer += text(told.get("content"))
                self._answer = self._answer[-20_000:]
            case "tool_use":
                yield from self._tool(told)
            case "error" if "session turns" in text(told.get("message")).lower():
                yield self._failed("turns_exhausted", text(told.get("message"), 500))
            case "result":
                yield from self._finish(told)

    def hear(self, name: str, attributes: Mapping[str, Any]) -> tuple[()]:
        return ()

    def look(self) -> Iterator[Event]:
        for line in self._chats.lines():
            told = parsed(line)
            id_ = text(dig(told, "id"), 100)
            if dig(told, "type") != "gemini" or not id_ or id_ in self._seen:
                continue
            if used := counted(dig(told, "tokens"), input="input", output="output", cached="cached", total="total"):
                self._seen.add(id_)  # a line is repeated when its tools have answered
                model = text(dig(told, "model"), 200)
                self._requests.append((text(dig(told, "timestamp"), 50), model, used))
                yield used.usage(id_, model, of_thread=True)

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self._rest()
        if self._failure is None and self._result is None and exit_code is not None:
            yield self._ended_early(exit_code)

    def _words(self, line: str) -> Iterator[Event]:
        """It tries ten times, and says so on stderr."""
        if not line or line.startswith(("at ", "Warning:", "[STARTUP]", "YOLO mode")):
            return
        self._last_words.append(line[:500])
        if found := _ATTEMPT.match(line):
            code = failures.from_text(line) or "overloaded"
            if failures.KINDS[code].cause == "setup":
                yield self._failed(code, line)
            else:
                yield Waiting(f"{failures.KINDS[code].title}, attempt {found[1]}", code=code)

    def _tool(self, told: dict[str, Any]) -> Iterator[Event]:
        if said := self._answer.strip():
            yield Text(said[:500])
        self._answer = ""
        given = told.get("parameters")
        what = next((text(dig(given, key), 300) for key in TELLING if dig(given, key)), "")
        yield Text(f"{text(told.get('tool_name'), 100)} {what}".strip())

    def _finish(self, told: dict[str, Any]) -> Iterator[Event]:
        self._result = told
        ok = told.get("status") == "success"
        words = text(dig(told, "error", "message")) or "it says no more than that it failed"
        yield Finished(ok and self._failure is None, self._answer.strip() or ("" if ok else words))
        if not ok and self._failure is None:
            code = "turns_exhausted" if "max session turns" in words else failures.from_text(words)
            yield self._failed(code or "crashed", words)

    def _rest(self) -> Iterator[Event]:
        """What the result counts beyond the requests seen: helpers of the CLI, for example one that shortens a long conversation."""
        models = dig(self._result, "stats", "models")
        for model, told in models.items() if isinstance(models, dict) else ():
            all_ = counted(told, input="input_tokens", output="output_tokens", cached="cached", total="total_tokens")
            seen = sum((used for at, of, used in self._requests if of == model and at >= self._began), Counted())
            if rest := all_ - seen:
                yield rest.usage(f"rest:{self._began}:{model}"[:100], text(model, 200))
            elif seen.total > all_.total:
                yield Discrepancy(f"{text(model, 100)}: {seen.total} tokens in its requests, {all_.total} in its result")

    def _ended_early(self, exit_code: int) -> Failure:
        words = " ".join(self._last_words)
        if exit_code == 42 and "resuming session" in words:
            return Failure("thread_lost", words[:500])
        code = _EXITS.get(exit_code) or failures.from_text(words) or ("crashed" if self._began else "cli_refused")
        return Failure(code, words[:500] or f"it ended with {exit_code} and without a result")

    def _failed(self, code: str, message: str) -> Failure:
        """Told at once: one that a person must mend ends the process."""
        self._failure = Failure(code, message[:1000])
        return self._failure
