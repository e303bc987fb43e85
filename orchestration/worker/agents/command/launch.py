"""Any command as an agent, by a protocol of JSON lines."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from budget import amounts
from orchestration.facts.failures import KINDS
from orchestration.worker.agents.shared.events import Asked, Event, Failure, Finished, Text, Usage, Waiting
from orchestration.worker.agents.shared.interface import Launch, Task, Thread, Traits
from orchestration.worker.agents.shared.json_values import MAX_ANSWER, parse_object
from orchestration.worker.agents.shared.tool_uses import tool_use

TRAITS = Traits(
    binary="",
    install="",
    cost="reported",
    live=True,
    resumes=False,
    version=(),
    changes_files=False,
)

EVENTS = frozenset(["usage", "text", "tool", "question", "waiting", "failure", "verdict", "result"])
CONTEXT = ("speed", "service_tier")
TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
MAX_TOKENS = 10**12
MAX_ID_LENGTH = 100
MAX_VERDICTS = 20


def start(task: Task) -> Launch:
    """An argument list is used as it is, a string is run by `sh -c`."""
    command = task.agent.command
    if command is None:
        raise ValueError("agent.command is not set in this workspace's config")
    argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
    return Launch([*argv, *task.agent.args])


def resume(task: Task) -> Launch:
    """A command has no conversation: each round is a new start; the prompt contains the earlier findings."""
    return start(task)


def reader(task: Task) -> "Reader":
    return Reader(answers=task.role not in ("implement", "review", "verify"))


class Reader:
    """The reader of one process. With `answers` its output without the events is the answer, unless it prints a `result`; else that is log text alone."""

    thread: Thread | None = None

    def __init__(self, *, answers: bool = False) -> None:
        self._nameless = 0
        self._questions = 0
        self._verdicts: list[str] = []
        self._answers = answers
        self._text: list[str] = []
        self._length = 0

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        """An unreadable usage line counts as a request with unknown cost."""
        if is_error:
            return
        message = parse_object(line) if line.startswith("{") else None
        if message is None or str(message.get("type")) not in EVENTS:
            self._keep(line)
        else:
            yield from self._message(message, line)

    def _message(self, message: dict[str, Any], line: str) -> Iterator[Event]:
        match message.get("type"):
            case "usage":
                yield _usage(message, self._name(message.get("id")))
            case "text":
                yield Text(str(message.get("text", ""))[:500])
            case "tool":
                yield tool_use(message.get("name"), message.get("arguments"), message.get("answer"))
            case "question":
                self._questions += 1
                yield Asked(f"line-{self._questions}", str(message.get("text", "")))
            case "waiting":
                yield Waiting(str(message.get("message", ""))[:300] or "It waits for its provider", _moment(message.get("until")))
            case "failure" if str(message.get("code")) in KINDS:
                yield Failure(str(message["code"]), str(message.get("message", ""))[:500], _moment(message.get("retry_at")))
            case "verdict":
                self._verdicts = [*self._verdicts, line[:20_000]][-MAX_VERDICTS:]
                yield Finished(ok=True, summary="\n".join(self._verdicts))  # whoever reads it sees two that differ
            case "result":
                self._answers = False
                yield Finished(ok=message.get("ok", True) is not False, summary=str(message.get("summary", ""))[:MAX_ANSWER])

    def _keep(self, line: str) -> None:
        if self._answers and self._length < MAX_ANSWER:
            self._text.append(line)
            self._length += len(line) + 1

    def _name(self, message: Any) -> str:
        """The id of a usage line. A line without one is a separate request, identified by its position: a replayed journal gives the same ids."""
        if message is None or message == "":
            self._nameless += 1
            return f"unnamed-{self._nameless}"
        name = str(message)
        return name if len(name) <= MAX_ID_LENGTH else sha256(name.encode()).hexdigest()

    def read_record(self, name: str, attributes: Mapping[str, Any]) -> Iterable[Event]:
        return ()

    def poll(self) -> Iterable[Event]:
        return ()

    def end(self, exit_code: int | None) -> Iterator[Event]:
        if self._answers and exit_code == 0:
            yield Finished(ok=True, summary="\n".join(self._text)[:MAX_ANSWER])


def _moment(value: Any) -> float | None:
    """Seconds since the epoch; None for any other value."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not 0 <= value < 10**11:
        return None
    return float(value)


def _usage(message: dict[str, Any], name: str) -> Usage:
    """An invalid amount becomes an unknown cost of a model without a price, never zero."""
    model = str(message.get("model") or "")[:200]
    try:
        cost = amounts.round_up(_amount(message["cost_usd"])) if message.get("cost_usd") is not None else None
        tokens: dict[str, Any] = {key: _count(message.get(key, 0)) for key in TOKENS}
        if tokens["cache_write_1h_tokens"] > tokens["cache_write_tokens"]:
            raise ValueError("a part is more than the whole")
    except (ValueError, InvalidOperation):
        return Usage(id=name, model="unreadable usage line")
    context = tuple((key, message[key][:40]) for key in CONTEXT if isinstance(message.get(key), str))
    return Usage(id=name, cost=cost, model=model, context=context, **tokens)


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError("not a number")
    amount = Decimal(value)
    if not amount.is_finite() or not 0 <= amount <= amounts.MAX_USD:
        raise ValueError("not an amount")
    return amount


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS:
        raise ValueError("not a count")
    return value
