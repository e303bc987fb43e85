"""Understanding Qwen Code: its stream-json for what it does, the chats that it keeps for what each request used, its result for the rest."""

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.worker.agents.shared import failures
from orchestration.worker.agents.shared.appended import Appended
from orchestration.worker.agents.shared.events import Event, Failure, Finished, Started, Text, Waiting
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.reading import count, dig, objects, parsed, text
from orchestration.worker.agents.shared.spending import counted

CHATS = ".qwen/projects/*/chats"
CHANGING = frozenset({"write_file", "edit", "run_shell_command"})
TELLING = ("file_path", "command", "pattern", "path", "url", "prompt", "description")
API_ERROR = "[API Error"


class Reader:
    """One process. Its chats have a line for each request, helpers' too. The result counts the whole conversation, not this process."""

    def __init__(self, home: Path, cwd: str, thread: Thread | None, *, model: str) -> None:
        self._cwd = cwd
        self._id = thread.id if thread else ""
        self._model = model
        totals = thread.totals if thread else {}
        self._chats = Appended(home, f"{CHATS}/**/*.jsonl", dig(totals, "offsets"))
        self._counted = counted(totals.get("counted"), input="input", output="", cached="cached", total="total")
        self._seen: set[str] = set()
        self._began = False
        self._changed = False
        self._result: dict[str, Any] | None = None
        self._failure: Failure | None = None
        self._last_words: deque[str] = deque(maxlen=5)

    @property
    def thread(self) -> Thread | None:
        """With all that was counted of the conversation so far: what the next result has beyond it is new."""
        if not self._id:
            return None
        so_far = {"input": self._counted.input, "cached": self._counted.cached, "total": self._counted.total}
        return Thread(self._id, {"cwd": self._cwd, "offsets": dict(self._chats.offsets), "counted": so_far})

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        told = None if is_error else parsed(line)
        if told is None:
            if line.strip():
                self._last_words.append(line.strip()[:500])
            return
        match told.get("type"):
            case "system" if told.get("subtype") == "init":
                self._began = True
                self._id = text(told.get("session_id"), 200) or self._id
                self._model = text(told.get("model"), 200) or self._model
                yield Started(self._id, self._model)
            case "assistant":
                yield from self._assistant(told)
            case "result":
                yield from self._finish(told)

    def hear(self, name: str, attributes: Mapping[str, Any]) -> tuple[()]:
        return ()

    def look(self) -> Iterator[Event]:
        for line in self._chats.lines():
            told = parsed(line)
            event = dig(told, "systemPayload", "uiEvent")
            match dig(event, "event.name"):
                case "qwen-code.api_response":
                    yield from self._request(text(dig(event, "response_id"), 100) or text(dig(told, "uuid"), 100), event)
                case "qwen-code.api_error" if self._began:  # before that it is an earlier process's
                    yield from self._trouble(event)

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self._rest()
        if self._failure is None and self._result is None and exit_code is not None:
            words = " ".join(self._last_words)[:1000]
            code = "turns_exhausted" if exit_code == 53 else self._code(words)
            yield self._failed(code, words or f"it ended with {exit_code} and without a result")

    # Money.

    def _request(self, id_: str, event: Any) -> Iterator[Event]:
        names = {"input": "input_token_count", "output": "output_token_count", "cached": "cached_content_token_count"}
        used = counted(event, **names, total="total_token_count")
        if used and id_ and id_ not in self._seen:
            self._seen.add(id_)
            self._counted += used
            yield used.usage(id_, text(dig(event, "model"), 200) or self._model, of_thread=True)

    def _rest(self) -> Iterator[Event]:
        """Only where its chats are not kept: then all of a round is known at its end."""
        names = {"input": "input_tokens", "output": "output_tokens", "cached": "cache_read_input_tokens"}
        rest = counted(dig(self._result, "usage"), **names, total="total_tokens") - self._counted
        if rest:
            self._counted += rest
            yield rest.usage(f"rest:{text(dig(self._result, 'uuid'), 80)}", self._model)

    # Trouble.

    def _trouble(self, event: Any) -> Iterator[Event]:
        """It tries again in silence, also what no trying can mend; only its chats tell."""
        status, words = count(dig(event, "status_code")), text(dig(event, "error_message"), 500)
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
        return failures.from_text(words) or ("crashed" if self._began else "cli_refused")

    def _failed(self, code: str, message: str) -> Failure:
        self._failure = Failure(code, message[:1000])
        return self._failure

    # What it does and says.

    def _assistant(self, told: dict[str, Any]) -> Iterator[Event]:
        for block in objects(dig(told, "message", "content")):
            if block.get("type") == "tool_use":
                name = text(block.get("name"), 100)
                self._changed = self._changed or name in CHANGING
                what = next((text(dig(block, "input", key), 300) for key in TELLING if dig(block, "input", key)), "")
                yield Text(f"{name} {what}".strip())
            elif (said := text(block.get("text"), 500).strip()) and not said.startswith(API_ERROR):
                yield Text(said)

    def _finish(self, told: dict[str, Any]) -> Iterator[Event]:
        """An error of the API is a `success` that is no error and exits with 0: only its words tell."""
        self._result = told
        words = text(told.get("result")) or text(dig(told, "error", "message"))
        failed = told.get("is_error") is True or words.startswith(API_ERROR)
        yield Finished(not failed, words)
        if failed and self._failure is None:
            yield self._failed(self._code(words), words or text(told.get("subtype"), 100) or "no reason given")
        elif objects(told.get("permission_denials")) and not self._changed and not failed:
            yield self._failed("permission_denied", "it changed nothing, and tools were refused to it")
