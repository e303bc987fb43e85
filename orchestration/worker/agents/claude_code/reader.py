"""Understanding Claude Code's stream-json and its telemetry (docs/reference/agents.md)."""

import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestration.worker.agents.claude_code.costs import Costs
from orchestration.worker.agents.shared import failures, telemetry_endpoint
from orchestration.worker.agents.shared.events import Event, Failure, Finished, Started, Text, Waiting
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.reading import count, dig, number, objects, parsed, text

CHANGING = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit", "Bash"})
# In the order in which they say most about a use of a tool.
TELLING = ("file_path", "notebook_path", "command", "pattern", "url", "description", "prompt")
LONGEST_WAIT_S = 86_400.0
_RESET = re.compile(r"\|(\d{10})\b")  # a subscription's limit says when it ends


class Reader:
    """One process. `cwd`: where a conversation must be resumed."""

    def __init__(self, thread: Thread | None, cwd: str) -> None:
        self.thread = thread
        self._cwd = cwd
        self._costs = Costs()
        self._streaming = ""
        self._tools: dict[str, str] = {}
        self._refused: set[str] = set()
        self._changed = False
        self._began = False
        self._failed = False
        self._result: dict[str, Any] | None = None
        self._last_words: deque[str] = deque(maxlen=5)

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        told = None if is_error else parsed(line)
        if told is None:
            if line.strip():
                self._last_words.append(line.strip()[:500])
            return
        match told.get("type"):
            case "system":
                yield from self._system(told)
            case "stream_event":
                self._stream(told.get("event"))
            case "assistant":
                yield from self._assistant(told)
            case "user":
                self._results_of_tools(told)
            case "result":
                yield from self._finish(told)

    def hear(self, name: str, attributes: Mapping[str, Any]) -> Iterable[Event]:
        return self._costs.told(attributes) if name.endswith("api_request") else ()

    def look(self) -> Iterable[Event]:
        return self._costs.overdue()

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self._costs.settle(self._result)
        if self._result is None and exit_code is not None and not self._failed:
            words = " ".join(self._last_words)
            code = failures.from_text(words) or ("crashed" if self._began else "cli_refused")
            yield Failure(code, words or f"it ended with {exit_code} and without a result")

    # Lines.

    def _system(self, told: dict[str, Any]) -> Iterator[Event]:
        match told.get("subtype"):
            case "init":
                self._began = True
                if id_ := text(told.get("session_id"), 200):
                    self.thread = Thread(id_, {"cwd": self._cwd})
                    yield Started(id_, text(told.get("model"), 200))
            case "api_retry":
                yield self._retry(told)

    def _retry(self, told: dict[str, Any]) -> Event:
        """It would try ten times, for minutes, also with a key that was refused."""
        status = count(told.get("error_status"))
        code = failures.from_status(status) if status else "network"
        message = f"{text(told.get('error')) or 'error'} ({status or 'no answer'}), attempt {count(told.get('attempt'))}"
        if failures.KINDS[code].cause == "setup":
            return self._failure(code, message)
        return Waiting(message, time.time() + min(number(told.get("retry_delay_ms")) / 1000, LONGEST_WAIT_S), code)

    def _stream(self, event: Any) -> None:
        """Only of the main conversation: subagents do not stream."""
        match dig(event, "type"):
            case "message_start":
                self._streaming = text(dig(event, "message", "id"), 100)
                self._costs.began(dig(event, "message"))
            case "message_delta":
                self._costs.answered(self._streaming, dig(event, "usage"))

    def _assistant(self, told: dict[str, Any]) -> Iterator[Event]:
        """One line for each block of an answer, with a usage that is repeated and not final: it is not counted."""
        self._costs.named(dig(told, "message", "id"), told.get("request_id"))
        if dig(told, "message", "model") == "<synthetic>":
            return  # the CLI's own words on an error, which the result repeats
        for block in objects(dig(told, "message", "content")):
            if block.get("type") == "tool_use":
                name = text(block.get("name"), 100)
                self._tools[text(block.get("id"), 100)] = name
                what = next((text(dig(block, "input", key), 300) for key in TELLING if dig(block, "input", key)), "")
                yield Text(f"{name} {what}".strip())
            elif block.get("type") == "text" and text(block.get("text")).strip():
                yield Text(text(block.get("text"), 500).strip())

    def _results_of_tools(self, told: dict[str, Any]) -> None:
        for block in objects(dig(told, "message", "content")):
            id_ = text(block.get("tool_use_id"), 100)
            if block.get("is_error") is True:
                if text(block.get("content")).endswith(telemetry_endpoint.SIGNATURE):
                    self._refused.add(id_)
            elif self._tools.get(id_) in CHANGING:
                self._changed = True

    # The end.

    def _finish(self, told: dict[str, Any]) -> Iterator[Event]:
        """is_error decides, never the subtype alone: an API error is a `success` with is_error."""
        self._result = told
        errors = told.get("errors")
        listed = "; ".join(text(each, 500) for each in errors) if isinstance(errors, list) else ""
        words = text(told.get("result")) or listed
        subtype = text(told.get("subtype"), 100)
        if subtype == "error_max_budget_usd":
            yield Finished(False, words, out_of_money=True)
            return
        if told.get("is_error") is not True:
            yield from self._success(told, words)
            return
        yield Finished(False, words)
        if not text(told.get("terminal_reason")).startswith("aborted"):  # a signal made it end: whoever sent that knows why
            yield self._failure(self._code(told, subtype, words), words or subtype, _retry_at(words))

    def _success(self, told: dict[str, Any], words: str) -> Iterator[Event]:
        """What Muster's own hook refused is a matter of locks, not of permissions."""
        denied = [each for each in objects(told.get("permission_denials")) if each.get("tool_use_id") not in self._refused]
        yield Finished(True, words)
        if denied and not self._changed:
            tools = ", ".join(sorted({text(each.get("tool_name"), 50) for each in denied}))
            yield self._failure("permission_denied", f"it changed nothing and was not allowed to use {tools}")

    def _code(self, told: dict[str, Any], subtype: str, words: str) -> str:
        if subtype == "error_max_turns":
            return "turns_exhausted"
        if "No conversation found" in words:
            return "thread_lost"
        if status := count(told.get("api_error_status")):
            return failures.from_status(status, words)
        return failures.from_text(words) or "crashed"

    def _failure(self, code: str, message: str, retry_at: float | None = None) -> Failure:
        self._failed = True
        return Failure(code, message[:1000], retry_at)


def _retry_at(words: str) -> float | None:
    found = _RESET.search(words)
    return float(found[1]) if found else None
