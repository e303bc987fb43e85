"""Understanding Codex's JSON lines and its rollout files (docs/reference/agents.md)."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.worker.agents.codex.rollouts import Rollouts, Totals, running_id, totals_of
from orchestration.worker.agents.shared import failures
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Started, Text, Usage, Waiting
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.reading import count, dig, parsed, text

_NETWORK = re.compile(r"stream disconnected|connection failed|lookup address|error sending request|waiting for network", re.I)
_LOST = re.compile(r"no rollout found|thread/resume failed", re.I)
_CHATTER = re.compile(r"^(WARNING: proceeding|Reading additional input)")


class Reader:
    """One process. `sessions`: where Codex writes its rollout files."""

    def __init__(self, thread: Thread | None, sessions: Path, model: str) -> None:
        known = thread.totals if thread else {}
        offsets = known.get("offsets")
        self._rollouts = Rollouts(sessions, model, offsets if isinstance(offsets, dict) else {})
        self._id = thread.id if thread else ""
        self._before = Totals(*(count(known.get(name)) for name in ("input", "cached", "written", "output")))
        self._told: Totals | None = None
        self._in_turn = False
        self._ended = False
        self._failed = False
        self._last_message = ""
        self._last_words: deque[str] = deque(maxlen=5)

    @property
    def thread(self) -> Thread | None:
        if not self._id:
            return None
        known = self._known
        counts = {"input": known.input, "cached": known.cached, "written": known.written, "output": known.output}
        return Thread(self._id, {**counts, "offsets": self._rollouts.offsets})

    @property
    def _known(self) -> Totals:
        """The thread's total as far as it is booked."""
        return self._rollouts.totals(self._id) or self._before

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        told = None if is_error else parsed(line)
        if told is None:
            if line.strip() and not _CHATTER.match(line):
                self._last_words.append(line.strip()[:500])
            return
        match told.get("type"):
            case "thread.started":
                yield from self._start(text(told.get("thread_id"), 200))
            case "turn.started":
                self._in_turn = True
            case "item.started" | "item.completed":
                yield from self._item(told.get("type") == "item.completed", told.get("item"))
            case "error":
                yield from self._error(text(told.get("message"), 2000))
            case "turn.completed":
                self._ended = True
                self._told = totals_of(told.get("usage"))
                yield Finished(True, self._last_message)
            case "turn.failed":
                self._ended = True
                words = text(dig(told, "error", "message"), 2000)
                yield Finished(False, words)
                yield self._failure(_code(words) or "crashed", words)

    def hear(self, name: str, attributes: Mapping[str, Any]) -> Iterable[Event]:
        return ()

    def look(self) -> Iterable[Event]:
        return self._rollouts.news()

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self._rollouts.news()
        yield from self._reconcile()
        if self._in_turn and not self._ended:
            yield Discrepancy("At least this: the turn did not end, and what its last request cost is not known")
        if exit_code is not None and not self._ended and not self._failed:
            words = " ".join(self._last_words)
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
        """An item of type error is a mere warning, whatever it says."""
        match dig(item, "type"), is_completed:
            case "agent_message", True:
                self._last_message = text(dig(item, "text"))
                yield Text(self._last_message[:500])
            case "command_execution", False:
                yield Text(text(dig(item, "command"), 500))
            case "file_change", True:
                changes = dig(item, "changes")
                files = [text(dig(each, "path"), 200) for each in changes] if isinstance(changes, list) else []
                yield Text(f"Changed {', '.join(files)}"[:500])

    def _error(self, words: str) -> Iterator[Event]:
        """`Reconnecting... 2/5 (why)` is a wait, unless no wait can help; anything else is repeated by turn.failed."""
        if not words.startswith("Reconnecting"):
            return
        code = _code(words) or "network"
        if failures.KINDS[code].cause == "setup":
            yield self._failure(code, words)
        else:
            yield Waiting(words, None, code)

    # Money.

    def _reconcile(self) -> Iterator[Usage | Discrepancy]:
        """turn.completed counts the whole thread: what it has beyond the files, or beyond the last turn where there are none."""
        if self._told is None:
            return
        known, told = self._known, self._told
        missing = told - known
        if missing.lowest < 0:
            yield Discrepancy(
                f"Codex counts {told.input} + {told.output} tokens in all, request by request {known.input} + {known.output}"
            )
        elif missing != Totals():
            self._before = told
            yield missing.usage(running_id(self._id, told), self._rollouts.model(self._id))

    def _failure(self, code: str, message: str) -> Failure:
        self._failed = True
        return Failure(code, message[:1000])


def _code(words: str) -> str | None:
    """A provider's error can come as its bare JSON."""
    if found := failures.from_text(words):
        return found
    if _NETWORK.search(words):
        return "network"
    return "bad_request" if "invalid_request_error" in words else None
