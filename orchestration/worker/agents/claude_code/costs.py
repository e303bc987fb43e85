"""What one process of Claude Code spends, told three times over, counted once.

Telemetry tells each request with its USD, within a fraction of a second, and survives a kill; but its last records can be missing.
The stream tells the tokens of the main conversation's requests, not those of subagents. The result tells the sum, if it comes.
So: telemetry counts; a request that only the stream told counts after a grace, priced by Muster; what the sum has beyond that
comes on top at the end. One request is known by its request id, which telemetry and stream share.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from budget import amounts
from orchestration.sessions import metering
from orchestration.sessions.metering import Usage
from orchestration.worker.agents.shared.events import Discrepancy
from orchestration.worker.agents.shared.reading import count, dig, text, usd

GRACE_S = 2.0
ROOM_FOR_A_NAME = 100

Tokens = tuple[int, int, int, int]
"""Input without cache, output, read from the cache, written to the cache."""


@dataclass(slots=True)
class _Request:
    """One that the stream told. `done_at`: None while its answer is not complete. `counted`: it is booked, by whichever telling."""

    message_id: str
    model: str
    tokens: Tokens
    request_id: str = ""
    done_at: float | None = None
    counted: bool = False

    @property
    def usage(self) -> Usage:
        return Usage(self.request_id or self.message_id, None, self.model, *self.tokens)


class Costs:
    """All the requests of one process."""

    def __init__(self) -> None:
        self._streamed: dict[str, _Request] = {}
        self._told: dict[str, Tokens] = {}
        self._exact = Decimal(0)  # micro-USD of the CLI's own models, and what of it is booked
        self._booked = 0
        self._others: dict[str, Counter[int]] = {}  # tokens of models that it only guesses a price for
        self._guessed: set[str] = set()

    # What is told.

    def told(self, attributes: Mapping[str, Any]) -> Iterator[Usage]:
        """Telemetry: one finished request. Behind some gateways it has no id of its own: then the tokens say which one it is."""
        names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
        input_, output, read, written = (count(attributes.get(name)) for name in names)
        tokens = (input_, output, read, written)
        id_ = text(attributes.get("request_id"), ROOM_FOR_A_NAME)
        id_ = id_ or f"{attributes.get('event.timestamp')}:{attributes.get('event.sequence')}"[:ROOM_FOR_A_NAME]
        if id_ in self._told:
            return
        self._told[id_] = tokens
        if any(request.counted and self._is_told_by(request, id_) for request in self._streamed.values()):
            return  # it came too late: the stream's telling is booked
        yield self._reported(id_, text(attributes.get("model"), 200), usd(attributes.get("cost_usd")), tokens)

    def began(self, message: Any) -> None:
        """message_start: the input is known, the output is not."""
        id_ = text(dig(message, "id"), ROOM_FOR_A_NAME)
        if id_ and id_ not in self._streamed:
            self._streamed[id_] = _Request(id_, text(dig(message, "model"), 200), _tokens(dig(message, "usage")))

    def named(self, message_id: Any, request_id: Any) -> None:
        """A line of the answer's content, the only one with both names."""
        if request := self._streamed.get(text(message_id, ROOM_FOR_A_NAME)):
            request.request_id = text(request_id, ROOM_FOR_A_NAME)

    def answered(self, message_id: str, usage: Any) -> None:
        """message_delta: the usage is complete."""
        if request := self._streamed.get(message_id):
            request.tokens = _tokens(usage, request.tokens)
            request.done_at = time.monotonic()

    # What is booked without telemetry.

    def overdue(self) -> Iterator[Usage]:
        """Requests that telemetry should have told by now. One that has no price waits: the result may know it."""
        before = time.monotonic() - GRACE_S
        for request in self._untold():
            if request.done_at is not None and request.done_at < before and metering.price(request.usage) is not None:
                yield self._computed(request)

    def settle(self, result: Mapping[str, Any] | None) -> Iterator[Usage | Discrepancy]:
        """The process is dead. `result`: its last word, if it had one.

        An answer that never ended is billed all the same: of that only the input is known, and the sum does not have it.
        """
        opened = []
        for request in self._untold():
            if request.done_at is None:
                opened.append(request)
            elif result is None or not is_own(request.model) or metering.price(request.usage) is not None:
                yield self._computed(request)
        if result is not None:
            yield from self._reconcile(result)
        for request in opened:
            request.counted = True
            yield request.usage
        if opened:
            yield Discrepancy(
                f"At least this: of {len(opened)} request(s) that had begun and not ended only the input is counted"
            )
        elif self._guessed:
            models = ", ".join(sorted(self._guessed))
            yield Discrepancy(f"The price table does not know {models}: it costs what Claude Code takes it to cost")

    def _untold(self) -> Iterator[_Request]:
        for request in list(self._streamed.values()):
            if not request.counted:
                request.counted = any(self._is_told_by(request, id_) for id_ in self._told)
                if not request.counted:
                    yield request

    def _is_told_by(self, request: _Request, id_: str) -> bool:
        """Where either lacks the request id, equal tokens do. Each telling is used once."""
        if request.request_id == id_:
            return True
        named = any(other.request_id == id_ for other in self._streamed.values())
        if request.request_id or named or request.done_at is None or self._told[id_] != request.tokens:
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
            self._others.setdefault(usage.model, Counter()).update(dict(enumerate(request.tokens)))
        return usage

    def _reported(self, id_: str, model: str, cost: Decimal | None, tokens: Tokens) -> Usage:
        """The CLI's own amount, in whole micro-USD that add up to the exact sum; or just the tokens of a model that is not its own."""
        if cost is None or not is_own(model):
            self._others.setdefault(model, Counter()).update(dict(enumerate(tokens)))
            return Usage(id_, None, model, *tokens)
        if metering.price(Usage(id_, None, model, *tokens)) is None:
            self._guessed.add(model)
        self._exact += cost * amounts.MICRO
        amount = round(self._exact) - self._booked
        self._booked += amount
        return Usage(id_, amount, model, *tokens)

    # The sum.

    def _reconcile(self, result: Mapping[str, Any]) -> Iterator[Usage | Discrepancy]:
        """Compare with the result, which is of this process alone, also when it has resumed a conversation."""
        id_ = f"reconciled:{text(result.get('uuid'), 60)}"
        used = result.get("modelUsage")
        models = used if isinstance(used, dict) else {}
        others = {name: told for name, told in models.items() if not is_own(name)}
        for name, told in others.items():
            yield from self._missing_tokens(f"{id_}:{name}"[:ROOM_FOR_A_NAME], name, told)
        total = usd(result.get("total_cost_usd"))
        if total is None:
            return
        total -= sum((usd(dig(told, "costUSD")) or Decimal(0) for told in others.values()), Decimal(0))
        missing = round(total * amounts.MICRO) - self._booked
        if missing > 0:
            yield Usage(id_, missing, next((name for name in models if is_own(name)), "")[:200])
        elif missing < 0:
            yield Discrepancy(f"Claude Code's sum is {-missing} micro-USD less than what it told request by request", missing)

    def _missing_tokens(self, id_: str, model: str, told: Any) -> Iterator[Usage]:
        names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
        had = self._others.get(model, Counter())
        input_, output, read, written = (max(count(dig(told, name)) - had[n], 0) for n, name in enumerate(names))
        if input_ or output or read or written:
            yield Usage(id_, None, model[:200], input_, output, read, written)


def is_own(model: str) -> bool:
    """Anthropic's models, whoever serves them. Any other it counts at $5 and $25 per million tokens, which is true of hardly any."""
    return "claude" in model.lower()


def _tokens(usage: Any, known: Tokens = (0, 0, 0, 0)) -> Tokens:
    """A field that is left out stays as it was."""
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    input_, output, read, written = (
        count(dig(usage, name)) if dig(usage, name) is not None else before for name, before in zip(names, known, strict=True)
    )
    return input_, output, read, written
