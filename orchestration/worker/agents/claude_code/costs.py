"""The cost of one Claude Code process: three sources report it, and each request counts once.

Telemetry reports each request with its USD, within a fraction of a second, and survives a kill; but its last records can be missing.
The stream reports the tokens of the main conversation's requests, not those of subagents. The result reports the sum, if it arrives.
So: telemetry counts; a request that only the stream reports counts after a grace, priced by Muster; an excess of the sum is added at
the end. Telemetry and stream share the request id.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from budget import amounts
from budget.ledger.prices import Context
from orchestration.sessions import metering
from orchestration.sessions.metering import Usage
from orchestration.worker.agents.claude_code import sums
from orchestration.worker.agents.claude_code.sums import NOTHING, Sum, Tokens, is_own
from orchestration.worker.agents.shared.events import Discrepancy
from orchestration.worker.agents.shared.json_values import count, nested, text, usd

GRACE_S = 2.0
MAX_ID_LENGTH = 100


@dataclass(slots=True)
class _Request:
    """A request from the stream."""

    message_id: str
    model: str
    tokens: Tokens
    written_1h: int = 0
    context: Context = ()
    request_id: str = ""
    done_at: float | None = None  # None: its answer is incomplete
    counted: bool = False  # booked from either source

    @property
    def usage(self) -> Usage:
        kept = min(self.written_1h, self.tokens[3])
        return Usage(self.request_id or self.message_id, None, self.model, *self.tokens, kept, self.context)


class Costs:
    """All the requests of one process."""

    def __init__(self) -> None:
        self._streamed: dict[str, _Request] = {}
        self._telemetry: dict[str, Tokens] = {}
        self._exact = Decimal(0)  # micro-USD of the CLI's own models, and what of it is booked
        self._booked = 0
        self._other_models: dict[str, Counter[int]] = {}  # tokens of models that it only guesses a price for
        self._guessed: set[str] = set()

    # The sources.

    def record_telemetry(self, attributes: Mapping[str, Any]) -> Iterator[Usage]:
        """Telemetry: one finished request. Behind some gateways it has no id; then its tokens identify it."""
        names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
        input_, output, read, written = (count(attributes.get(name)) for name in names)
        tokens = (input_, output, read, written)
        id_ = text(attributes.get("request_id"), MAX_ID_LENGTH)
        id_ = id_ or f"{attributes.get('event.timestamp')}:{attributes.get('event.sequence')}"[:MAX_ID_LENGTH]
        if id_ in self._telemetry:
            return
        self._telemetry[id_] = tokens
        if any(request.counted and self._is_counted_by(request, id_) for request in self._streamed.values()):
            return  # too late: the stream's report is booked
        kept = count(attributes.get("cache_creation_1h_tokens"))  # some versions do not say it
        yield self._reported(id_, text(attributes.get("model"), 200), usd(attributes.get("cost_usd")), tokens, kept)

    def message_started(self, message: Any) -> None:
        """message_start: the input is known, the output is not."""
        id_ = text(nested(message, "id"), MAX_ID_LENGTH)
        if id_ and id_ not in self._streamed:
            usage = nested(message, "usage")
            self._streamed[id_] = _Request(
                id_, text(nested(message, "model"), 200), _tokens(usage), _written_1h(usage), context=_context(usage)
            )

    def message_named(self, message_id: Any, request_id: Any) -> None:
        """A line of the answer's content: the only one with both ids."""
        if request := self._streamed.get(text(message_id, MAX_ID_LENGTH)):
            request.request_id = text(request_id, MAX_ID_LENGTH)

    def message_completed(self, message_id: str, usage: Any) -> None:
        """message_delta: the usage is complete."""
        if request := self._streamed.get(message_id):
            request.tokens = _tokens(usage, request.tokens)
            request.written_1h = _written_1h(usage) or request.written_1h
            request.context = _context(usage) or request.context
            request.done_at = time.monotonic()

    # Bookings without telemetry.

    def overdue(self) -> Iterator[Usage]:
        """Requests that telemetry should have reported by now. A request without a price waits: the result may contain it."""
        before = time.monotonic() - GRACE_S
        for request in self._uncounted():
            if request.done_at is not None and request.done_at < before and metering.price(request.usage) is not None:
                yield self._computed(request)

    def settle(self, result: Mapping[str, Any] | None, saved: Sum = NOTHING) -> Iterator[Usage | Discrepancy]:
        """Settle a dead process, by its final message, if any, and the sum at its start.

        The provider also bills a truncated answer: only its input is known, and the sum lacks it.
        """
        unfinished = []
        for request in self._uncounted():
            if request.done_at is None:
                unfinished.append(request)
            elif result is None or not is_own(request.model) or metering.price(request.usage) is not None:
                yield self._computed(request)
        if result is not None:
            yield from self._reconcile(result, saved)
        for request in unfinished:
            request.counted = True
            yield request.usage
        if unfinished:
            yield Discrepancy(
                f"At least this: of {len(unfinished)} request(s) that started and did not end, only the input is counted"
            )
        elif self._guessed:
            models = ", ".join(sorted(self._guessed))
            yield Discrepancy(f"The price table does not know {models}: its cost is Claude Code's own estimate")

    def _uncounted(self) -> Iterator[_Request]:
        for request in list(self._streamed.values()):
            if not request.counted:
                request.counted = any(self._is_counted_by(request, id_) for id_ in self._telemetry)
                if not request.counted:
                    yield request

    def _is_counted_by(self, request: _Request, id_: str) -> bool:
        """True if this telemetry record counts the request already. They match by request id, or without one by equal tokens. Each record matches once."""
        if request.request_id == id_:
            return True
        named = any(other.request_id == id_ for other in self._streamed.values())
        if request.request_id or named or request.done_at is None or self._telemetry[id_] != request.tokens:
            return False
        request.request_id = id_
        return True

    def _computed(self, request: _Request) -> Usage:
        request.counted = True
        usage = request.usage
        price = metering.price(usage) or 0
        if is_own(usage.model):
            self._exact += price
            self._booked += price
        else:
            self._other_models.setdefault(usage.model, Counter()).update(dict(enumerate(request.tokens)))
        return usage

    def _reported(self, id_: str, model: str, cost: Decimal | None, tokens: Tokens, kept: int) -> Usage:
        """The CLI's own amount, in whole micro-USD that add up to the exact sum; only tokens for a model that is not Anthropic's."""
        kept = kept or next((request.written_1h for request in self._streamed.values() if request.request_id == id_), 0)
        counted = (*tokens, min(kept, tokens[3]))
        if cost is None or not is_own(model):
            self._other_models.setdefault(model, Counter()).update(dict(enumerate(tokens)))
            return Usage(id_, None, model, *counted)
        if metering.price(Usage(id_, None, model, *counted)) is None:
            self._guessed.add(model)
        self._exact += cost * amounts.MICRO
        amount = round(self._exact) - self._booked
        self._booked += amount
        return Usage(id_, amount, model, *counted)

    # The sum.

    def _reconcile(self, result: Mapping[str, Any], saved: Sum) -> Iterator[Usage | Discrepancy]:
        """Compare with the result, without the sum that the process began with."""
        id_, used = f"reconciled:{text(result.get('uuid'), 60)}", result.get("modelUsage")
        models = used if isinstance(used, dict) else {}
        added = sums.read(result.get("total_cost_usd"), models).since(saved)
        for name, tokens in added.others.items():
            yield from self._missing_tokens(f"{id_}:{name}"[:MAX_ID_LENGTH], name, tokens)
        if added.cost is None:
            return
        missing = round(added.cost * amounts.MICRO) - self._booked
        if missing > 0:
            yield Usage(id_, missing, next((name for name in models if is_own(name)), "")[:200])
        elif missing < 0:
            yield Discrepancy(f"Claude Code's sum is {-missing} micro-USD less than the sum of its requests", missing)

    def _missing_tokens(self, id_: str, model: str, tokens: Tokens) -> Iterator[Usage]:
        booked = self._other_models.get(model, Counter())
        input_, output, read, written = (max(amount - booked[n], 0) for n, amount in enumerate(tokens))
        if input_ or output or read or written:
            yield Usage(id_, None, model[:200], input_, output, read, written)


def _written_1h(usage: Any) -> int:
    """The part of the tokens written to the cache that is kept for an hour."""
    return count(nested(usage, "cache_creation", "ephemeral_1h_input_tokens"))


def _context(usage: Any) -> Context:
    """The provider says it with each answer."""
    named = {"speed": nested(usage, "speed"), "service_tier": nested(usage, "service_tier")}
    if named["service_tier"] == "batch":
        named["processing"] = "batch"
    return tuple((name, value[:40]) for name, value in named.items() if isinstance(value, str) and value)


def _tokens(usage: Any, known: Tokens = (0, 0, 0, 0)) -> Tokens:
    """A missing field keeps its known value."""
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    input_, output, read, written = (
        count(nested(usage, name)) if nested(usage, name) is not None else before
        for name, before in zip(names, known, strict=True)
    )
    return input_, output, read, written
