"""Reads Claude Code's stream-json and its telemetry (docs/reference/agents.md)."""

import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestration.configuration.windows import DAY, HOUR, Reading
from orchestration.facts import failures
from orchestration.worker.agents.claude_code import sums
from orchestration.worker.agents.claude_code.costs import Costs
from orchestration.worker.agents.shared import telemetry_endpoint
from orchestration.worker.agents.shared.events import Event, Failure, Finished, Limits, Started, Text, Waiting
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.json_values import MAX_ANSWER, count, nested, number, objects, parse_object, text
from orchestration.worker.agents.shared.tool_uses import tool_use

CHANGING_TOOLS = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit", "Bash"})
# The arguments that describe a tool use best, in this order.
DESCRIPTIVE_KEYS = ("file_path", "notebook_path", "command", "pattern", "url", "description", "prompt")
MAX_WAIT_S = 86_400.0
WINDOWS = {"five_hour": 5 * HOUR, "seven_day": 7 * DAY}
"""The windows of all models together, in minutes; those of single ones have other names."""
_RESET = re.compile(r"\|(\d{10})\b")  # the end of a subscription's limit


class Reader:
    """The reader of one process. A conversation must be resumed in its cwd."""

    def __init__(self, thread: Thread | None, cwd: str) -> None:
        self.thread = thread
        self._cwd = cwd
        self._costs = Costs()
        self._version = ""
        self._saved: Mapping[str, Any] = {}
        self._streaming = ""
        self._tools: dict[str, tuple[str, Any]] = {}
        self._refused: set[str] = set()
        self._changed = False
        self._started = False
        self._failed = False
        self._limited_until: float | None = None
        self._last_text = ""
        self._result: dict[str, Any] | None = None
        self._last_lines: deque[str] = deque(maxlen=5)

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        message = None if is_error else parse_object(line)
        if message is None:
            if line.strip():
                self._last_lines.append(line.strip()[:500])
            return
        match message.get("type"):
            case "system":
                yield from self._system(message)
            case "stream_event":
                self._stream(message.get("event"))
            case "assistant":
                yield from self._assistant(message)
            case "user":
                yield from self._tool_results(message)
            case "rate_limit_event":
                yield from self._limits(message.get("rate_limit_info"))
            case "result":
                yield from self._finish(message)

    def read_record(self, name: str, attributes: Mapping[str, Any]) -> Iterable[Event]:
        if name == sums.RECORD:
            self._saved = self._saved or attributes  # the first one is the launch's own
        return self._costs.record_telemetry(attributes) if name.endswith("api_request") else ()

    def poll(self) -> Iterable[Event]:
        return self._costs.overdue()

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self._costs.settle(self._result, self._sum_at_start())
        if self._result is None and exit_code is not None and not self._failed:
            words = " ".join(self._last_lines)
            code = failures.from_text(words) or ("crashed" if self._started else "cli_refused")
            yield Failure(code, words or f"it ended with {exit_code} and without a result")

    def _sum_at_start(self) -> sums.Sum:
        """Nothing for a conversation that has just begun, even if another one was to be resumed."""
        is_resumed = self.thread is not None and self._saved.get("conversation") == self.thread.id
        return sums.from_record(self._saved) if is_resumed and sums.continues(self._version) else sums.NOTHING

    # Lines.

    def _system(self, message: dict[str, Any]) -> Iterator[Event]:
        match message.get("subtype"):
            case "init":
                self._started = True
                self._version = text(message.get("claude_code_version"), 50)
                if id_ := text(message.get("session_id"), 200):
                    self.thread = Thread(id_, {"cwd": self._cwd})
                    yield Started(id_, text(message.get("model"), 200))
            case "api_retry":
                yield self._retry(message)

    def _retry(self, event: dict[str, Any]) -> Event:
        """Claude Code would retry ten times, for minutes, even with a refused key."""
        status = count(event.get("error_status"))
        code = failures.from_status(status) if status else "network"
        message = f"{text(event.get('error')) or 'error'} ({status or 'no answer'}), attempt {count(event.get('attempt'))}"
        if failures.KINDS[code].cause == "setup":
            return self._failure(code, message)
        return Waiting(message, time.time() + min(number(event.get("retry_delay_ms")) / 1000, MAX_WAIT_S), code)

    def _limits(self, info: Any) -> Iterator[Event]:
        """The windows of a subscription. Some versions give the share of a window only in its warning; a refusal without one means that it is used up."""
        reported = nested(info, "unifiedWindows")
        shares = reported if isinstance(reported, dict) else {}
        own, resets_at = text(nested(info, "rateLimitType"), 50), number(nested(info, "resetsAt"))
        is_refused = nested(info, "status") == "rejected"
        if is_refused and resets_at:
            self._limited_until = resets_at
        readings = [
            Reading(minutes, number(nested(share, "utilization")) * 100, number(nested(share, "resetsAt")) or resets_at)
            for window, minutes in WINDOWS.items()
            if isinstance(share := shares.get(window), dict) and "utilization" in share
        ]
        if own in WINDOWS and own not in shares:
            used = number(nested(info, "utilization")) * 100 or (100.0 if is_refused else None)
            readings.append(Reading(WINDOWS[own], used, resets_at))
        if readings:
            yield Limits(tuple(readings))

    def _stream(self, event: Any) -> None:
        """For the main conversation only: subagents do not stream."""
        match nested(event, "type"):
            case "message_start":
                self._streaming = text(nested(event, "message", "id"), 100)
                self._costs.message_started(nested(event, "message"))
            case "message_delta":
                self._costs.message_completed(self._streaming, nested(event, "usage"))

    def _assistant(self, message: dict[str, Any]) -> Iterator[Event]:
        """One line for each block of an answer. Its usage is repeated and not final, so it is not counted."""
        self._costs.message_named(nested(message, "message", "id"), message.get("request_id"))
        if nested(message, "message", "model") == "<synthetic>":
            return  # the CLI's own error message, which the result repeats
        for block in objects(nested(message, "message", "content")):
            if block.get("type") == "tool_use":
                name = text(block.get("name"), 100)
                self._tools[text(block.get("id"), 100)] = name, block.get("input")
                detail = next(
                    (text(nested(block, "input", key), 300) for key in DESCRIPTIVE_KEYS if nested(block, "input", key)), ""
                )
                yield Text(f"{name} {detail}".strip())
            elif block.get("type") == "text" and text(block.get("text")).strip():
                self._last_text = text(block.get("text"), MAX_ANSWER).strip()
                yield Text(text(block.get("text"), 500).strip())

    def _tool_results(self, message: dict[str, Any]) -> Iterator[Event]:
        for block in objects(nested(message, "message", "content")):
            id_ = text(block.get("tool_use_id"), 100)
            name, arguments = self._tools.pop(id_, ("", None))
            if name:
                yield tool_use(name, arguments, block.get("content"))
            if block.get("is_error") is True:
                if text(block.get("content")).endswith(telemetry_endpoint.SIGNATURE):
                    self._refused.add(id_)
            elif name in CHANGING_TOOLS:
                self._changed = True

    # The end.

    def _finish(self, message: dict[str, Any]) -> Iterator[Event]:
        """is_error decides and not the subtype: an API error is a `success` with is_error."""
        self._result = message
        errors = message.get("errors")
        listed = "; ".join(text(each, 500) for each in errors) if isinstance(errors, list) else ""
        words = text(message.get("result"), MAX_ANSWER) or listed
        subtype = text(message.get("subtype"), 100)
        if subtype == "error_max_budget_usd":
            # The answer that reached the limit may have been its last one: then its work is whole.
            is_whole = message.get("stop_reason") == "end_turn"
            yield Finished(True, self._last_text, exit_code=1) if is_whole else Finished(False, words, out_of_money=True)
            return
        if message.get("is_error") is not True:
            yield from self._success(message, words)
            return
        yield Finished(False, words)
        if not text(message.get("terminal_reason")).startswith("aborted"):  # a signal ended it: the sender knows the reason
            code = self._code(message, subtype, words)
            limited_until = self._limited_until if code in ("rate_limited", "quota") else None
            yield self._failure(code, words or subtype, _retry_at(words) or limited_until)

    def _success(self, message: dict[str, Any], words: str) -> Iterator[Event]:
        """Refusals by Muster's own hook are about locks, not about permissions."""
        denied = [each for each in objects(message.get("permission_denials")) if each.get("tool_use_id") not in self._refused]
        yield Finished(True, words)
        if denied and not self._changed:
            tools = ", ".join(sorted({text(each.get("tool_name"), 50) for each in denied}))
            yield self._failure("permission_denied", f"it changed nothing and was not allowed to use {tools}")

    def _code(self, message: dict[str, Any], subtype: str, words: str) -> str:
        if subtype == "error_max_turns":
            return "turns_exhausted"
        if "No conversation found" in words:
            return "thread_lost"
        if status := count(message.get("api_error_status")):
            return failures.from_status(status, words)
        return failures.from_text(words) or "crashed"

    def _failure(self, code: str, message: str, retry_at: float | None = None) -> Failure:
        self._failed = True
        return Failure(code, message[:1000], retry_at)


def _retry_at(words: str) -> float | None:
    match = _RESET.search(words)
    return float(match[1]) if match else None
