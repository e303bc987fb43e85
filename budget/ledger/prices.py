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
"""Pairs as the price library names them: `speed`, `service_tier`, `processing`. It ignores what it does not know."""


@dataclass(frozen=True, slots=True)
class Rates:
    """A workspace's own price of a model: USD per million tokens. 0 is a price, as of a model that runs here."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one request. `input` excludes tokens read from or written to a cache. `cache_write_1h`: the part of `cache_write` that the
    provider keeps for an hour. `context`: how the request was served, which has a price of its own for some models. `searches`: uses of a
    provider's own search."""

    model: str
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    context: Context = ()
    searches: int = 0


def cost(tokens: Tokens, own: Mapping[str, Rates] | None = None) -> int | None:
    """Micro-USD, rounded up; None when the model has no price. The library applies tiers, such as long contexts. `own`: the workspace's."""
    if own and (rates := own.get(tokens.model)) is not None:
        return amounts.round_up(_by_rates(tokens, rates))
    return _by_table(tokens)


@lru_cache(1_024)
def _by_table(tokens: Tokens) -> int | None:
    """The gateway asks for the same ones with each request."""
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
    """The name of the prices by which these tokens are priced."""
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
