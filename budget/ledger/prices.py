"""The cost of tokens, from genai-prices, per request. A model without a price is unpriced: never zero."""

from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

from budget import amounts

VERSION = f"genai-prices {version('genai-prices')}"


Context = tuple[tuple[str, str], ...]
"""Pairs as the price library names them: `speed`, `service_tier`, `processing`. It ignores what it does not know."""


@dataclass(frozen=True)
class Tokens:
    """Tokens of one request. `input` excludes tokens read from or written to a cache. `cache_write_1h`: the part of `cache_write` that the
    provider keeps for an hour. `context`: how the request was served, which has a price of its own for some models."""

    model: str
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    context: Context = ()


def cost(tokens: Tokens) -> int | None:
    """Micro-USD, rounded up; None when the model has no price. The library applies tiers, such as long contexts."""
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
    return amounts.round_up(Decimal(priced.total_price))
