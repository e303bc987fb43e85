"""Reads the lines of our client of the Agent Client Protocol.

The protocol reports money when a turn ends: the conversation's cost in total, or the turn's tokens. What a turn cost that answered and reported
nothing is unknown.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from budget import amounts
from orchestration.facts import failures
from orchestration.worker.agents.shared import conversation_ids
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Started, Text, Usage, Waiting
from orchestration.worker.agents.shared.interface import Task, Thread
from orchestration.worker.agents.shared.json_values import MAX_ANSWER, count, nested, objects, parse_object, text, usd
from orchestration.worker.agents.shared.token_counts import model_name
from orchestration.worker.agents.shared.tool_uses import tool_use

AUTH_REQUIRED = -32000
BUSY = ("rate_limited", "overloaded")
SETUP_STEPS = ("start", "initialize", "session/new", "mode", "option")
UNKNOWN = Usage("")  # has no model that could have a price
_ERROR = re.compile(r"error", re.I)


class Reader:
    """One process, which is one turn."""

    def __init__(self, task: Task) -> None:
        thread = conversation_ids.resumable_thread(task)
        self._cwd = str(task.cwd)
        self._asked_for = thread.id if thread else ""
        self._id = self._asked_for
        self._totals: Mapping[str, Any] = thread.totals if thread else {}
        self._model = model_name(task.agent.model)
        self._process = ""
        self._began_at = self._total = _kept(self._totals.get("cost"))
        self._counts_cost = "cost" in self._totals
        self._can_go_on = bool(thread)
        self._is_open = bool(self._totals.get("open"))
        self._has_answered = False
        self._is_costed = False  # in this turn
        self._has_total = False
        self._reports = 0
        self._denied = ""
        self._completed = 0
        self._last_words: deque[str] = deque(maxlen=5)
        self._failed = False
        self._is_over = False

    @property
    def is_cut_off(self) -> bool:
        """The last turn did not end, or its worker died first."""
        return self._is_open

    @property
    def thread(self) -> Thread | None:
        if not self._id or not self._can_go_on:
            return None
        totals: dict[str, Any] = {"cwd": self._cwd, "process": self._process, "began": str(self._began_at), "open": self._is_open}
        return Thread(self._id, totals | ({"cost": str(self._total)} if self._counts_cost else {}))

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        record = None if is_error else parse_object(line)
        if record is None:
            yield from self._log(line.strip())
            return
        match record.get("type"):
            case "started":
                yield from self._start(record)
            case "prompted":
                self._is_open = True
                yield Started(self._id)  # keeps the conversation with its open turn, should this worker die
            case "text":
                self._has_answered = True
                yield Text(text(record.get("text"), 500))
            case "tool":
                yield from self._tool(record)
            case "permission" if not text(record.get("kind")).startswith("allow"):
                self._denied = text(record.get("title"), 300) or "a tool"
            case "cost":
                yield from self._cost(record)
            case "result":
                yield from self._end_turn(record)
            case "error":
                yield from self._refused(record)

    def read_record(self, name: str, attributes: Mapping[str, Any]) -> tuple[()]:
        return ()

    def poll(self) -> tuple[()]:
        return ()

    def end(self, exit_code: int | None) -> Iterator[Event]:
        if self._is_open:
            yield from self._unreported("it was cut off in the middle of a turn")
        if exit_code is not None and not self._is_over and not self._failed:
            words = " ".join(self._last_words)[:1000]
            yield self._fail(failures.from_text(words) or "crashed", words or f"it ended with {exit_code} and no message")

    # Money.

    def _start(self, record: dict[str, Any]) -> Iterator[Event]:
        """The lines of a process whose worker died are read again, perhaps after their totals were kept."""
        self._process = text(record.get("process"), 40)
        id_ = text(record.get("session"), 200)
        if id_ != self._asked_for:
            self._began_at = self._total = Decimal(0)
            self._counts_cost = False
        elif self._process and self._process == self._totals.get("process"):
            self._began_at = self._total = _kept(self._totals.get("began"))
        else:
            self._began_at = self._total = _kept(self._totals.get("cost"))
        self._id, self._can_go_on, self._is_open = id_, record.get("can_go_on") is True, False
        model = text(record.get("model"), 200)
        self._model = model_name(model) or self._model
        yield Started(id_, model)

    def _cost(self, record: dict[str, Any]) -> Iterator[Event]:
        """The conversation's cost in total. One that has fallen counts from zero again."""
        total = usd(record.get("total"))
        if total is None or record.get("currency") != "USD":
            return
        self._counts_cost = True
        more = total - self._total if total >= self._total else total
        self._total = total
        if not self._is_open:  # of turns before this one
            self._began_at = total
        else:
            self._has_total = True
            if more:
                self._is_costed = True
                yield self._usage(Usage("", amounts.round_up(more), self._model))

    def _end_turn(self, record: dict[str, Any]) -> Iterator[Event]:
        reason, answer = text(record.get("stop_reason"), 100), text(record.get("summary"), MAX_ANSWER)
        self._has_answered = self._has_answered or bool(answer) or record.get("ok") is True
        yield from self._tokens(record)
        if reason == "cancelled":
            yield from self._unreported("its turn was cancelled", is_reported=self._has_total)
        elif not self._is_costed and self._has_answered:
            yield self._usage()
        self._is_open, self._is_over = False, True
        ok = record.get("ok") is True
        yield Finished(ok, answer.strip() or ("" if ok else f"it stopped: {reason}"))
        if self._denied and not self._completed:
            yield self._fail("permission_denied", f"it used no tool and was not allowed: {self._denied}")
        elif reason == "max_turn_requests":
            yield self._fail("turns_exhausted", "it reached its limit of requests in a turn")
        elif reason in ("max_tokens", "refusal"):
            yield self._fail("bad_request", f"its turn ended with {reason}")

    def _tokens(self, record: dict[str, Any]) -> Iterator[Event]:
        """Tokens count only for an agent that reports no cost: beside one they are often those of the last request alone."""
        if self._counts_cost:
            return
        if used := _of_protocol(record.get("usage")):
            self._is_costed = True
            yield self._usage(replace(used, model=self._model))
        else:
            for used in _of_gemini(record.get("meta")):
                self._is_costed = True
                yield self._usage(used)

    def _unreported(self, what: str, *, is_reported: bool = False) -> Iterator[Event]:
        """Its last answer may be in no report yet: the conversation's next total has it then."""
        if not self._has_answered:
            return
        if self._is_costed or is_reported:
            yield Discrepancy(f"{what}: the agent's report may lack its last request")
        else:
            yield self._usage()

    def _usage(self, used: Usage = UNKNOWN) -> Usage:
        self._reports += 1
        return replace(used, id=f"{self._process}:{self._reports}")

    # Progress and failures.

    def _tool(self, record: dict[str, Any]) -> Iterator[Event]:
        self._has_answered = True
        status, words = text(record.get("status"), 40), f"{text(record.get('kind'), 40)} {text(record.get('title'), 300)}"
        self._completed += status == "completed"
        if status != "completed":
            yield Text(words.strip() if status == "in_progress" else f"{words.strip()}: {status}")
        if "answer" in record:
            yield tool_use(record.get("kind"), record.get("arguments"), record.get("answer"))

    def _log(self, line: str) -> Iterator[Event]:
        """Its stderr: the only sign that it waits for its provider, if it logs that. A host that it cannot reach may be any."""
        if not line:
            return
        self._last_words.append(line[:500])
        code = failures.from_text(line) if self._is_open and not self._failed and _ERROR.search(line) else None
        if code in BUSY:
            yield Waiting(f"{failures.KINDS[code].title}: {line[:200]}", code=code)

    def _refused(self, record: dict[str, Any]) -> Iterator[Event]:
        step, words = text(record.get("step"), 40), text(record.get("message"), 1000)
        code = failures.from_text(words)
        if step == "start":
            code = "cli_missing"
        elif step == "model":
            code = "unknown_model"
        elif step == "session/load":
            code = "thread_lost"
        elif record.get("code") == AUTH_REQUIRED or step == "authenticate":
            code = "auth"
        elif step in SETUP_STEPS or (step == "ended" and not self._process):
            code = code or "cli_refused"
        elif step == "session/prompt":
            yield from self._unreported("its turn failed", is_reported=self._has_total)
            self._is_open = False
        log = " ".join(self._last_words)
        yield self._fail(
            code or failures.from_text(log) or "crashed", f"{step}: {words}" if step != "ended" else f"{words} {log}"
        )

    def _fail(self, code: str, message: str) -> Failure:
        self._failed = True
        return Failure(code, message[:1000])


def _kept(value: Any) -> Decimal:
    """An amount as the totals of a conversation keep it; 0 for any other value."""
    try:
        return usd(Decimal(value)) or Decimal(0) if isinstance(value, str) else Decimal(0)
    except ArithmeticError:
        return Decimal(0)


def _of_protocol(usage: Any) -> Usage | None:
    """The tokens of a turn. Input is without those of the cache; thoughts are billed as output."""
    used = Usage(
        "",
        input_tokens=count(nested(usage, "input_tokens")),
        output_tokens=count(nested(usage, "output_tokens")) + count(nested(usage, "thought_tokens")),
        cache_read_tokens=count(nested(usage, "cached_read_tokens")),
        cache_write_tokens=count(nested(usage, "cached_write_tokens")),
    )
    return used if used != UNKNOWN else None


def _of_gemini(meta: Any) -> Iterator[Usage]:
    """Gemini CLI's own addition: tokens by model. Its cached tokens count as input, so the amount is an upper bound."""
    for each in objects(nested(meta, "quota", "model_usage")):
        given, taken = (count(nested(each, "token_count", name)) for name in ("input_tokens", "output_tokens"))
        if given or taken:
            yield Usage("", model=text(each.get("model"), 200), input_tokens=given, output_tokens=taken)
