"""Reads Codex's JSON lines and its rollout files (docs/reference/agents.md)."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.facts import failures
from orchestration.worker.agents.codex.rollouts import Rollouts
from orchestration.worker.agents.codex.usage import Totals, running_id, totals_of
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Limits, Started, Text, Usage, Waiting
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.json_values import MAX_ANSWER, count, nested, parse_object, text
from orchestration.worker.agents.shared.tool_uses import tool_use

_NETWORK = re.compile(r"stream disconnected|connection failed|lookup address|error sending request|waiting for network", re.I)
_LOST = re.compile(r"no rollout found|thread/resume failed", re.I)
_IGNORED = re.compile(r"^(WARNING: proceeding|Reading additional input)")


class Reader:
    """The reader of one process."""

    def __init__(self, thread: Thread | None, rollouts_folder: Path, model: str) -> None:
        known = thread.totals if thread else {}
        offsets = known.get("offsets")
        self._rollouts = Rollouts(rollouts_folder, model, offsets if isinstance(offsets, dict) else {})
        self._id = thread.id if thread else ""
        self._before = Totals(*(count(known.get(name)) for name in ("input", "cached", "written", "output")))
        self._reported: Totals | None = None
        self._in_turn = False
        self._ended = False
        self._failed = False
        self._last_message = ""
        self._last_lines: deque[str] = deque(maxlen=5)

    @property
    def thread(self) -> Thread | None:
        if not self._id:
            return None
        known = self._known
        counts = {"input": known.input, "cached": known.cached, "written": known.written, "output": known.output}
        return Thread(self._id, {**counts, "offsets": self._rollouts.offsets})

    @property
    def _known(self) -> Totals:
        """The booked part of the thread's total."""
        return self._rollouts.totals(self._id) or self._before

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        event = None if is_error else parse_object(line)
        if event is None:
            if line.strip() and not _IGNORED.match(line):
                self._last_lines.append(line.strip()[:500])
            return
        match event.get("type"):
            case "thread.started":
                yield from self._start(text(event.get("thread_id"), 200))
            case "turn.started":
                self._in_turn = True
            case "item.started" | "item.completed":
                yield from self._item(event.get("type") == "item.completed", event.get("item"))
            case "error":
                yield from self._error(text(event.get("message"), 2000))
            case "turn.completed":
                self._ended = True
                self._reported = totals_of(event.get("usage"))
                yield Finished(True, self._last_message)
            case "turn.failed":
                self._ended = True
                words = text(nested(event, "error", "message"), 2000)
                yield Finished(False, words)
                yield self._failure(_code(words) or "crashed", words)

    def read_record(self, name: str, attributes: Mapping[str, Any]) -> Iterable[Event]:
        return ()

    def poll(self) -> Iterator[Event]:
        yield from self._rollouts.new_usage()
        if readings := self._rollouts.new_limits():
            yield Limits(readings)

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self.poll()
        yield from self._reconcile()
        if self._in_turn and not self._ended:
            yield Discrepancy("At least this: the turn did not end, and the cost of its last request is unknown")
        if exit_code is not None and not self._ended and not self._failed:
            words = " ".join(self._last_lines)
            code = "thread_lost" if _LOST.search(words) else _code(words) or ("crashed" if self._in_turn else "cli_refused")
            yield Failure(code, words or f"it ended with {exit_code} in the middle of a turn")

    # Lines.

    def _start(self, id_: str) -> Iterator[Event]:
        if not id_:
            return
        if id_ != self._id:
            self._before = Totals()
        self._id = id_
        yield Started(id_, self._rollouts.model(id_))

    def _item(self, is_completed: bool, item: Any) -> Iterator[Event]:
        """An item of type error is only a warning, whatever its text."""
        match nested(item, "type"), is_completed:
            case "agent_message", True:
                self._last_message = text(nested(item, "text"), MAX_ANSWER)
                yield Text(self._last_message[:500])
            case "command_execution", False:
                yield Text(text(nested(item, "command"), 500))
            case "command_execution", True:
                yield tool_use("shell", nested(item, "command"), nested(item, "aggregated_output"))
            case "mcp_tool_call" | "web_search", True:
                arguments = {name: nested(item, name) for name in ("server", "tool", "arguments", "query")}
                yield tool_use(nested(item, "type"), arguments, nested(item, "result", "content"))
            case "file_change", True:
                changes = nested(item, "changes")
                files = [text(nested(each, "path"), 200) for each in changes] if isinstance(changes, list) else []
                yield Text(f"Changed {', '.join(files)}"[:500])
                yield tool_use("file_change", changes, nested(item, "status"))

    def _error(self, words: str) -> Iterator[Event]:
        """`Reconnecting... 2/5 (why)` is a wait, unless a person must act; turn.failed repeats all other errors."""
        if not words.startswith("Reconnecting"):
            return
        code = _code(words) or "network"
        if failures.KINDS[code].cause == "setup":
            yield self._failure(code, words)
        else:
            yield Waiting(words, None, code)

    # Money.

    def _reconcile(self) -> Iterator[Usage | Discrepancy]:
        """turn.completed counts the whole thread: book its excess over the rollout files, or over the last turn if there are none."""
        if self._reported is None:
            return
        known, reported = self._known, self._reported
        missing = reported - known
        if missing.lowest < 0:
            yield Discrepancy(
                f"Codex counts {reported.input} + {reported.output} tokens in all, request by request {known.input} + {known.output}"
            )
        elif missing != Totals():
            self._before = reported
            yield missing.usage(running_id(self._id, reported), self._rollouts.model(self._id))

    def _failure(self, code: str, message: str) -> Failure:
        self._failed = True
        return Failure(code, message[:1000])


def _code(words: str) -> str | None:
    """A provider's error can be bare JSON."""
    if code := failures.from_text(words):
        return code
    if _NETWORK.search(words):
        return "network"
    return "bad_request" if "invalid_request_error" in words else None
