"""Any command as an agent, by a protocol of JSON lines (README.md, Your own repository)."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from budget import amounts
from orchestration.worker.agents.shared.events import Event, Failure, Finished, Text, Usage, Waiting
from orchestration.worker.agents.shared.failures import KINDS
from orchestration.worker.agents.shared.interface import Launch, Task, Thread, Traits
from orchestration.worker.agents.shared.reading import parsed

TRAITS = Traits(
    binary="",
    install="",
    cost="reported",
    live=True,
    resumes=False,
    version=(),
    changes_files=False,
)

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
MOST_TOKENS = 10**12
LONGEST_ID = 100


def start(task: Task) -> Launch:
    """An argument list as it is, a string by `sh -c`."""
    command = task.agent.command
    if command is None:
        raise ValueError("agent.command is not set in this workspace's config")
    argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
    return Launch([*argv, *task.agent.args])


def resume(task: Task) -> Launch:
    """A command has no conversation: each round is a new start, with the earlier findings in the prompt."""
    return start(task)


def reader(task: Task) -> "Reader":
    return Reader()


class Reader:
    thread: Thread | None = None

    def __init__(self) -> None:
        self._nameless = 0

    def read(self, line: str, *, is_error: bool = False) -> Iterator[Event]:
        """A usage line that cannot be read counts as one whose cost is not known; other lines are log text."""
        if is_error or not line.startswith("{") or (told := parsed(line)) is None:
            return
        match told.get("type"):
            case "usage":
                yield _usage(told, self._name(told.get("id")))
            case "text":
                yield Text(str(told.get("text", ""))[:500])
            case "waiting":
                yield Waiting(str(told.get("message", ""))[:300] or "It waits for its provider", _moment(told.get("until")))
            case "failure" if str(told.get("code")) in KINDS:
                yield Failure(str(told["code"]), str(told.get("message", ""))[:500], _moment(told.get("retry_at")))
            case "verdict":
                yield Finished(ok=True, summary=line[:20_000])
            case "result":
                yield Finished(ok=told.get("ok", True) is not False, summary=str(told.get("summary", ""))[:20_000])

    def _name(self, told: Any) -> str:
        """Its id. A line without one is a request of its own, known by its place: a dead worker's journal counts the same way."""
        if told is None or told == "":
            self._nameless += 1
            return f"unnamed-{self._nameless}"
        name = str(told)
        return name if len(name) <= LONGEST_ID else sha256(name.encode()).hexdigest()

    def hear(self, name: str, attributes: Mapping[str, Any]) -> Iterable[Event]:
        return ()

    def look(self) -> Iterable[Event]:
        return ()

    def end(self, exit_code: int | None) -> Iterable[Event]:
        return ()


def _moment(value: Any) -> float | None:
    """Seconds since the epoch; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not 0 <= value < 10**11:
        return None
    return float(value)


def _usage(told: dict[str, Any], name: str) -> Usage:
    """A bad amount becomes an unknown cost of a model without a price: it is never taken for zero."""
    model = str(told.get("model") or "")[:200]
    try:
        cost = amounts.round_up(_amount(told["cost_usd"])) if told.get("cost_usd") is not None else None
        tokens: dict[str, Any] = {key: _count(told.get(key, 0)) for key in TOKENS}
    except (ValueError, InvalidOperation):
        return Usage(id=name, model="unreadable usage line")
    return Usage(id=name, cost=cost, model=model, **tokens)


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError("not a number")
    amount = Decimal(value)
    if not amount.is_finite() or not 0 <= amount <= amounts.MAX_USD:
        raise ValueError("not an amount")
    return amount


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TOKENS:
        raise ValueError("not a count")
    return value
