"""The cost of tokens, per request: by a workspace's own prices, else from genai-prices. A model without a price is unpriced: never zero."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

from budget import amounts

VERSION = f"genai-prices {version('genai-prices')}"
OWN = "the workspace's prices"
SEARCH = Decimal("0.01")  # USD a search, where the price table has none


Context = tuple[tuple[str, str], ...]
"""Pairs of the price library: `speed`, `service_tier`, `processing`. It ignores unknown ones."""


@dataclass(frozen=True, slots=True)
class Rates:
    """A workspace's own price of a model: USD per million tokens. 0 is a price, such as a local model's."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one request."""

    model: str
    input: int = 0  # without cache reads and writes
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0  # a part of cache_write, with a TTL of an hour
    context: Context = ()  # some models have prices by it
    searches: int = 0  # of the provider


def cost(tokens: Tokens, own: Mapping[str, Rates] | None = None) -> int | None:
    """Micro-USD, rounded up; None: no price. The workspace's own prices win. The library applies tiers, such as long contexts."""
    if own and (rates := own.get(tokens.model)) is not None:
        return amounts.round_up(_by_rates(tokens, rates))
    return _by_table(tokens)


@lru_cache(1_024)
def _by_table(tokens: Tokens) -> int | None:
    """Cached: the gateway computes equal ones at each request."""
    usage = PricedUsage(
        input_tokens=tokens.input + tokens.cache_read + tokens.cache_write,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
        cache_write_1h_tokens=min(tokens.cache_write_1h, tokens.cache_write),
        output_tokens=tokens.output,
    )
    try:
        priced = calc_price(usage, model_ref=tokens.model, price_context=dict(tokens.context) or None)
    except (LookupError, ValueError):
        return None
    return amounts.round_up(Decimal(priced.total_price) + tokens.searches * SEARCH)


def version_of(tokens: Tokens, own: Mapping[str, Rates]) -> str:
    """The name of the price table for these tokens."""
    return OWN if tokens.model in own else VERSION


def _by_rates(tokens: Tokens, rates: Rates) -> Decimal:
    hour = min(tokens.cache_write_1h, tokens.cache_write)
    priced = (
        tokens.input * rates.input
        + tokens.output * rates.output
        + tokens.cache_read * rates.cache_read
        + (tokens.cache_write - hour) * rates.cache_write
        + hour * rates.cache_write_1h
    )
    return priced / 1_000_000 + tokens.searches * SEARCH
