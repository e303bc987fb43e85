"""Understanding opencode: its events, its log on stderr, its database (docs/reference/agents.md)."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.sessions.metering import Usage
from orchestration.worker.agents.opencode.store import Store
from orchestration.worker.agents.shared import failures
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Started, Text, Waiting
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.reading import count, dig, parsed, text, usd
from orchestration.worker.agents.shared.spending import reported

CHANGING = frozenset({"write", "edit", "patch", "apply_patch", "multiedit", "bash", "task"})
REFUSED = ("rejected permission", "prevents you from using")
OVERFLOWS = 3  # it shortens the conversation and tries again, for ever if that does not help
_UNKNOWN = re.compile(r'Model not found: (?P<route>[^\s"\\]+?)\.?(?: Did you mean: (?P<others>[^"\\?]+)\?)?["\\\s)]')
_STREAM = re.compile(r'message="stream error".*?error\.error="(?P<words>[^"]+)"')
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Reader:
    """One process. A step is a request; steps of the database and of the events have the same ids."""

    def __init__(self, store: Store, cwd: str, thread: Thread | None, *, model: str = "", is_free: bool = False) -> None:
        self._store = store
        self._cwd = cwd
        self._id = thread.id if thread else ""
        self._model = model
        self._is_free = is_free
        self._began = False
        self._seen: set[str] = set()
        self._answer = ""
        self._changed = False
        self._refused = ""
        self._overflows = 0
        self._errors = 0
        self._error: Failure | None = None
        self._told = False
        self._last_words: deque[str] = deque(maxlen=5)

    @property
    def thread(self) -> Thread | None:
        return Thread(self._id, {"cwd": self._cwd, "row": self._store.row}) if self._id else None

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        told = None if is_error else parsed(line)
        if told is None:
            yield from self._log(_COLOURS.sub("", line).strip())
            return
        if not self._began and (id_ := text(told.get("sessionID"), 200)):
            self._began = True
            self._id = id_
            yield Started(id_, self._model)
        part = told.get("part")
        match told.get("type"):
            case "text":
                self._answer = text(dig(part, "text"))
                yield from [Text(self._answer[:500])] if self._answer.strip() else []
            case "tool_use":
                yield self._tool(part)
            case "step_finish":
                yield from self._step(part)
            case "error":
                yield from self._trouble(told.get("error"))

    def hear(self, name: str, attributes: Mapping[str, Any]) -> tuple[()]:
        return ()

    def look(self) -> Iterator[Event]:
        for step in self._store.steps():
            yield from self._usage(step.id, step.part, step.model or self._model)

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self.look()
        if broken_off := self._store.open_steps():
            yield Discrepancy(
                f"{broken_off} requests were answered, but killed before their tools ended: opencode tells no cost of them"
            )
        if exit_code is None or self._told:
            return
        failure = (self._error or self._ended_with(exit_code)) if exit_code else None
        if failure is None and self._refused and not self._changed:
            failure = Failure("permission_denied", f"it changed nothing and was not allowed: {self._refused}")
        if failure is not None:
            yield Finished(False, failure.message)
            yield failure

    # Money.

    def _step(self, part: Any) -> Iterator[Event]:
        yield from self.look()  # with its model, which the event does not tell
        yield from self._usage(text(dig(part, "id"), 100), part, self._model)
        if dig(part, "reason") == "stop":
            yield Finished(True, self._answer.strip())

    def _usage(self, id_: str, part: Any, model: str) -> Iterator[Usage]:
        if not id_ or id_ in self._seen:
            return
        self._seen.add(id_)
        self._errors = 0
        tokens = dig(part, "tokens")
        told = dig(part, "cost")
        yield Usage(
            id=id_,
            cost=0 if self._is_free and usd(told) == 0 else reported(told),
            model=model,
            input_tokens=count(dig(tokens, "input")),
            output_tokens=count(dig(tokens, "output")) + count(dig(tokens, "reasoning")),
            cache_read_tokens=count(dig(tokens, "cache", "read")),
            cache_write_tokens=count(dig(tokens, "cache", "write")),
            of_thread=True,
        )

    # What it does, and trouble.

    def _tool(self, part: Any) -> Text:
        name, state = text(dig(part, "tool"), 100), dig(part, "state")
        if any(words in text(dig(state, "error")) for words in REFUSED):
            self._refused = name
        elif dig(state, "status") == "completed":
            self._overflows = 0
            self._changed = self._changed or name in CHANGING
        return Text(f"{name} {text(dig(state, 'title'), 300)}".strip())

    def _log(self, line: str) -> Iterator[Event]:
        """It tries again for minutes without a word, but for this."""
        if not line or "Failed to fetch models.dev" in line:
            return
        self._last_words.append(line[:500])
        if self._told:
            return
        if found := _UNKNOWN.search(f"{line} "):
            yield self._unknown(found["route"], found["others"] or "")
        elif found := _STREAM.search(line):
            words = found["words"]
            self._errors += 1
            code = failures.from_text(words) or ("overloaded" if self._errors > 1 else "bad_request")  # it tried again
            if failures.KINDS[code].cause == "setup":
                yield self._fail(code, words)
            elif failures.KINDS[code].cause == "provider":
                yield Waiting(f"{failures.KINDS[code].title}: {words[:200]}", code=code)

    def _unknown(self, route: str, others: str) -> Failure:
        """A provider without a key has no models: then it proposes the very same name."""
        name = route.partition("/")[2]
        if name and name in [each.strip() for each in others.split(",")]:
            return self._fail("auth", f"{route}: there is no key for this provider")
        return self._fail("unknown_model", f"{route} is in no provider's list")

    def _trouble(self, error: Any) -> Iterator[Event]:
        """An error that is followed by an exit with 0 was overcome."""
        name, words = text(dig(error, "name"), 100), text(dig(error, "data", "message"), 1000)
        status = count(dig(error, "data", "statusCode"))
        if name == "ContextOverflowError":
            self._overflows += 1
            self._error = Failure("context_full", words)
            if self._overflows == OVERFLOWS:
                yield self._fail("context_full", words)
        elif name == "ProviderAuthError":
            yield self._fail("auth", words)
        elif status:
            yield self._fail(failures.from_status(status, words), words)
        elif name != "UnknownError":
            self._error = Failure(failures.from_text(words) or "crashed", words or name)

    def _ended_with(self, exit_code: int) -> Failure:
        words = " ".join(self._last_words)[:1000]
        if "Session not found" in words:
            return Failure("thread_lost", words)
        code = failures.from_text(words) or ("crashed" if self._began else "cli_refused")
        return Failure(code, words or f"it ended with {exit_code}")

    def _fail(self, code: str, message: str) -> Failure:
        self._told = True
        return Failure(code, message)
