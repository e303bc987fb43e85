"""Reads Qwen Code: its stream-json for progress, its chat files for the tokens of each request, its result for the remaining usage."""

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.worker.agents.shared import failures
from orchestration.worker.agents.shared.events import Event, Failure, Finished, Started, Text, Waiting
from orchestration.worker.agents.shared.file_tail import FileTail
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.json_values import MAX_ANSWER, count, nested, objects, parse_object, text
from orchestration.worker.agents.shared.token_counts import read_counts

CHATS = ".qwen/projects/*/chats"
CHANGING_TOOLS = frozenset({"write_file", "edit", "run_shell_command"})
DESCRIPTIVE_KEYS = ("file_path", "command", "pattern", "path", "url", "prompt", "description")
API_ERROR = "[API Error"


class Reader:
    """One process. The chat files have a line for each request, helpers included. The result counts the whole conversation."""

    def __init__(self, home: Path, cwd: str, thread: Thread | None, *, model: str) -> None:
        self._cwd = cwd
        self._id = thread.id if thread else ""
        self._model = model
        totals = thread.totals if thread else {}
        self._chats = FileTail(home, f"{CHATS}/**/*.jsonl", nested(totals, "offsets"))
        self._counted = read_counts(totals.get("counted"), input="input", output="", cached="cached", total="total")
        self._seen: set[str] = set()
        self._started = False
        self._changed = False
        self._result: dict[str, Any] | None = None
        self._failure: Failure | None = None
        self._last_lines: deque[str] = deque(maxlen=5)

    @property
    def thread(self) -> Thread | None:
        """With the conversation's counted total: the excess of the next result over it is new usage."""
        if not self._id:
            return None
        so_far = {"input": self._counted.input, "cached": self._counted.cached, "total": self._counted.total}
        return Thread(self._id, {"cwd": self._cwd, "offsets": dict(self._chats.offsets), "counted": so_far})

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        message = None if is_error else parse_object(line)
        if message is None:
            if line.strip():
                self._last_lines.append(line.strip()[:500])
            return
        match message.get("type"):
            case "system" if message.get("subtype") == "init":
                self._started = True
                self._id = text(message.get("session_id"), 200) or self._id
                self._model = text(message.get("model"), 200) or self._model
                yield Started(self._id, self._model)
            case "assistant":
                yield from self._assistant(message)
            case "result":
                yield from self._finish(message)

    def read_record(self, name: str, attributes: Mapping[str, Any]) -> tuple[()]:
        return ()

    def poll(self) -> Iterator[Event]:
        for line in self._chats.lines():
            message = parse_object(line)
            event = nested(message, "systemPayload", "uiEvent")
            match nested(event, "event.name"):
                case "qwen-code.api_response":
                    yield from self._request(text(nested(event, "response_id"), 100) or text(nested(message, "uuid"), 100), event)
                case "qwen-code.api_error" if self._started:  # before its start it belongs to an earlier process
                    yield from self._trouble(event)

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self._missing_usage()
        if self._failure is None and self._result is None and exit_code is not None:
            words = " ".join(self._last_lines)[:1000]
            code = "turns_exhausted" if exit_code == 53 else self._code(words)
            yield self._failed(code, words or f"it ended with {exit_code} and without a result")

    # Money.

    def _request(self, id_: str, event: Any) -> Iterator[Event]:
        names = {"input": "input_token_count", "output": "output_token_count", "cached": "cached_content_token_count"}
        used = read_counts(event, **names, total="total_token_count")
        if used and id_ and id_ not in self._seen:
            self._seen.add(id_)
            self._counted += used
            yield used.usage(id_, text(nested(event, "model"), 200) or self._model, of_thread=True)

    def _missing_usage(self) -> Iterator[Event]:
        """Only if its chats are not recorded: then a round's usage is known at its end."""
        names = {"input": "input_tokens", "output": "output_tokens", "cached": "cache_read_input_tokens"}
        missing = read_counts(nested(self._result, "usage"), **names, total="total_tokens") - self._counted
        if missing:
            self._counted += missing
            yield missing.usage(f"rest:{text(nested(self._result, 'uuid'), 80)}", self._model)

    # Failures.

    def _trouble(self, event: Any) -> Iterator[Event]:
        """Qwen Code retries silently, even if no retry can help; only its chat files show it."""
        status, words = count(nested(event, "status_code")), text(nested(event, "error_message"), 500)
        code = failures.from_status(status, words) if status else failures.from_text(words) or "network"
        if failures.KINDS[code].cause == "setup":
            yield self._failed(code, words)
        elif failures.KINDS[code].cause == "provider":
            yield Waiting(f"{failures.KINDS[code].title}: {words[:200]}", code=code)

    def _code(self, words: str) -> str:
        if "No saved session found" in words:
            return "thread_lost"
        if "Missing API key" in words:
            return "auth"
        return failures.from_text(words) or ("crashed" if self._started else "cli_refused")

    def _failed(self, code: str, message: str) -> Failure:
        self._failure = Failure(code, message[:1000])
        return self._failure

    # Progress and results.

    def _assistant(self, message: dict[str, Any]) -> Iterator[Event]:
        for block in objects(nested(message, "message", "content")):
            if block.get("type") == "tool_use":
                name = text(block.get("name"), 100)
                self._changed = self._changed or name in CHANGING_TOOLS
                detail = next(
                    (text(nested(block, "input", key), 300) for key in DESCRIPTIVE_KEYS if nested(block, "input", key)), ""
                )
                yield Text(f"{name} {detail}".strip())
            elif (words := text(block.get("text"), 500).strip()) and not words.startswith(API_ERROR):
                yield Text(words)

    def _finish(self, message: dict[str, Any]) -> Iterator[Event]:
        """An API error is reported as a `success` that exits with 0: only its text shows the error."""
        self._result = message
        words = text(message.get("result"), MAX_ANSWER) or text(nested(message, "error", "message"))
        failed = message.get("is_error") is True or words.startswith(API_ERROR)
        yield Finished(not failed, words)
        if failed and self._failure is None:
            yield self._failed(self._code(words), words or text(message.get("subtype"), 100) or "no reason given")
        elif objects(message.get("permission_denials")) and not self._changed and not failed:
            yield self._failed("permission_denied", "it changed nothing, and tools were refused to it")
