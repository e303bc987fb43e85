"""Reads opencode: its events, its log on stderr, its database (docs/reference/agents.md)."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.facts import failures
from orchestration.sessions.metering import Usage
from orchestration.worker.agents.opencode.database import Database
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Started, Text, Waiting
from orchestration.worker.agents.shared.interface import Thread
from orchestration.worker.agents.shared.json_values import MAX_ANSWER, count, nested, parse_object, text, usd
from orchestration.worker.agents.shared.token_counts import reported_cost
from orchestration.worker.agents.shared.tool_uses import tool_use

CHANGING_TOOLS = frozenset({"write", "edit", "patch", "apply_patch", "multiedit", "bash", "task"})
REFUSED = ("rejected permission", "prevents you from using")
MAX_OVERFLOWS = 3  # opencode shortens the conversation and retries, for ever if that does not help
_UNKNOWN = re.compile(r'Model not found: (?P<route>[^\s"\\]+?)\.?(?: Did you mean: (?P<others>[^"\\?]+)\?)?["\\\s)]')
_STREAM = re.compile(r'message="stream error".*?error\.error="(?P<words>[^"]+)"')
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Reader:
    """One process. A step is a request; the database and the events use the same ids for it."""

    def __init__(self, database: Database, cwd: str, thread: Thread | None, *, model: str = "", is_free: bool = False) -> None:
        self._database = database
        self._cwd = cwd
        self._id = thread.id if thread else ""
        self._model = model
        self._is_free = is_free
        self._started = False
        self._seen: set[str] = set()
        self._answer = ""
        self._changed = False
        self._refused = ""
        self._overflows = 0
        self._errors = 0
        self._error: Failure | None = None
        self._failed = False
        self._last_lines: deque[str] = deque(maxlen=5)

    @property
    def thread(self) -> Thread | None:
        return Thread(self._id, {"cwd": self._cwd, "row": self._database.row}) if self._id else None

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        event = None if is_error else parse_object(line)
        if event is None:
            yield from self._log(_COLOURS.sub("", line).strip())
            return
        if not self._started and (id_ := text(event.get("sessionID"), 200)):
            self._started = True
            self._id = id_
            yield Started(id_, self._model)
        part = event.get("part")
        match event.get("type"):
            case "text":
                self._answer = text(nested(part, "text"), MAX_ANSWER)
                yield from [Text(self._answer[:500])] if self._answer.strip() else []
            case "tool_use":
                yield self._tool(part)
                state = nested(part, "state")
                yield tool_use(
                    nested(part, "tool"), nested(state, "input"), nested(state, "output") or nested(state, "error") or ""
                )
            case "step_finish":
                yield from self._step(part)
            case "error":
                yield from self._trouble(event.get("error"))

    def read_record(self, name: str, attributes: Mapping[str, Any]) -> tuple[()]:
        return ()

    def poll(self) -> Iterator[Event]:
        for step in self._database.steps():
            yield from self._usage(step.id, step.part, step.model or self._model)

    def end(self, exit_code: int | None) -> Iterator[Event]:
        yield from self.poll()
        if unfinished := self._database.open_steps():
            yield Discrepancy(
                f"{unfinished} requests were answered, but killed before their tools ended: opencode reports no cost for them"
            )
        if exit_code is None or self._failed:
            return
        failure = (self._error or self._ended_with(exit_code)) if exit_code else None
        if failure is None and self._refused and not self._changed:
            failure = Failure("permission_denied", f"it changed nothing and was not allowed: {self._refused}")
        if failure is not None:
            yield Finished(False, failure.message)
            yield failure

    # Money.

    def _step(self, part: Any) -> Iterator[Event]:
        yield from self.poll()  # with its model, which the event does not contain
        yield from self._usage(text(nested(part, "id"), 100), part, self._model)
        if nested(part, "reason") == "stop":
            yield Finished(True, self._answer.strip())

    def _usage(self, id_: str, part: Any, model: str) -> Iterator[Usage]:
        if not id_ or id_ in self._seen:
            return
        self._seen.add(id_)
        self._errors = 0
        tokens = nested(part, "tokens")
        cost = nested(part, "cost")
        yield Usage(
            id=id_,
            cost=0 if self._is_free and usd(cost) == 0 else reported_cost(cost),
            model=model,
            input_tokens=count(nested(tokens, "input")),
            output_tokens=count(nested(tokens, "output")) + count(nested(tokens, "reasoning")),
            cache_read_tokens=count(nested(tokens, "cache", "read")),
            cache_write_tokens=count(nested(tokens, "cache", "write")),
            of_thread=True,
        )

    # Progress and failures.

    def _tool(self, part: Any) -> Text:
        name, state = text(nested(part, "tool"), 100), nested(part, "state")
        if any(words in text(nested(state, "error")) for words in REFUSED):
            self._refused = name
        elif nested(state, "status") == "completed":
            self._overflows = 0
            self._changed = self._changed or name in CHANGING_TOOLS
        return Text(f"{name} {text(nested(state, 'title'), 300)}".strip())

    def _log(self, line: str) -> Iterator[Event]:
        """The only sign of retries, which can take minutes."""
        if not line or "Failed to fetch models.dev" in line:
            return
        self._last_lines.append(line[:500])
        if self._failed:
            return
        if match := _UNKNOWN.search(f"{line} "):
            yield self._unknown(match["route"], match["others"] or "")
        elif match := _STREAM.search(line):
            words = match["words"]
            self._errors += 1
            code = failures.from_text(words) or ("overloaded" if self._errors > 1 else "bad_request")  # it retried
            if failures.KINDS[code].cause == "setup":
                yield self._fail(code, words)
            elif failures.KINDS[code].cause == "provider":
                yield Waiting(f"{failures.KINDS[code].title}: {words[:200]}", code=code)

    def _unknown(self, route: str, others: str) -> Failure:
        """A provider without a key has no models: opencode then proposes the same name."""
        name = route.partition("/")[2]
        if name and name in [other.strip() for other in others.split(",")]:
            return self._fail("auth", f"{route}: there is no key for this provider")
        return self._fail("unknown_model", f"{route} is in no provider's list")

    def _trouble(self, error: Any) -> Iterator[Event]:
        """An error before an exit with 0 was recovered from."""
        name, words = text(nested(error, "name"), 100), text(nested(error, "data", "message"), 1000)
        status = count(nested(error, "data", "statusCode"))
        if name == "ContextOverflowError":
            self._overflows += 1
            self._error = Failure("context_full", words)
            if self._overflows == MAX_OVERFLOWS:
                yield self._fail("context_full", words)
        elif name == "ProviderAuthError":
            yield self._fail("auth", words)
        elif status:
            yield self._fail(failures.from_status(status, words), words)
        elif name != "UnknownError":
            self._error = Failure(failures.from_text(words) or "crashed", words or name)

    def _ended_with(self, exit_code: int) -> Failure:
        words = " ".join(self._last_lines)[:1000]
        if "Session not found" in words:
            return Failure("thread_lost", words)
        code = failures.from_text(words) or ("crashed" if self._started else "cli_refused")
        return Failure(code, words or f"it ended with {exit_code}")

    def _fail(self, code: str, message: str) -> Failure:
        self._failed = True
        return Failure(code, message)
