"""Reads Qwen Code: its stream-json for progress, its chat files for the tokens of each request, its result for the remaining usage."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestration.facts import failures
from orchestration.worker.agents.shared.events import Event, Finished, Started, Text, Waiting
from orchestration.worker.agents.shared.file_tail import FileTail
from orchestration.worker.agents.shared.gemini_cli import ChatReader
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.json_values import MAX_ANSWER, count, nested, objects, parse_object, text
from orchestration.worker.agents.shared.token_counts import read_counts

CHATS = ".qwen/projects/*/chats"
CHANGING_TOOLS = frozenset({"write_file", "edit", "run_shell_command"})
API_ERROR = "[API Error"


class Reader(ChatReader):
    """The chat files have a line for each request, helpers included. The result counts the whole conversation."""

    descriptive_keys = ("file_path", "command", "pattern", "path", "url", "prompt", "description")

    def __init__(self, home: Path, cwd: str, thread: Thread | None, *, model: str) -> None:
        totals = thread.totals if thread else {}
        super().__init__(cwd, thread, FileTail(home, f"{CHATS}/**/*.jsonl", nested(totals, "offsets")))
        self._model = model
        self._counted = read_counts(totals.get("counted"), input="input", output="", cached="cached", total="total")
        self._started = False
        self._changed = False

    @property
    def thread(self) -> Thread | None:
        """The conversation with its counted total: what the next result has beyond that is new usage."""
        so_far = {"input": self._counted.input, "cached": self._counted.cached, "total": self._counted.total}
        return self._thread(counted=so_far)

    def _words(self, line: str) -> Iterator[Event]:
        if line:
            self._last_lines.append(line[:500])
        return iter(())

    def _message(self, message: dict[str, Any]) -> Iterator[Event]:
        match message.get("type"):
            case "system" if message.get("subtype") == "init":
                self._started = True
                self._id = text(message.get("session_id"), 200) or self._id
                self._model = text(message.get("model"), 200) or self._model
                yield Started(self._id, self._model)
            case "assistant":
                yield from self._assistant(message)
            case "user":
                for block in objects(nested(message, "message", "content")):
                    yield from self._tool_answer(block.get("tool_use_id"), block.get("content"))
            case "result":
                yield from self._finish(message)

    def poll(self) -> Iterator[Event]:
        for line in self._chats.lines():
            message = parse_object(line)
            event = nested(message, "systemPayload", "uiEvent")
            match nested(event, "event.name"):
                case "qwen-code.api_response":
                    yield from self._request(text(nested(event, "response_id"), 100) or text(nested(message, "uuid"), 100), event)
                case "qwen-code.api_error" if self._started:  # before its start it belongs to an earlier process
                    yield from self._trouble(event)

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

    def _early_end(self, exit_code: int, words: str) -> str:
        return "turns_exhausted" if exit_code == 53 else self._code(words)

    # Progress and results.

    def _assistant(self, message: dict[str, Any]) -> Iterator[Event]:
        for block in objects(nested(message, "message", "content")):
            if block.get("type") == "tool_use":
                self._changed = self._changed or text(block.get("name"), 100) in CHANGING_TOOLS
                yield self._tool(block.get("id"), block.get("name"), block.get("input"))
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
