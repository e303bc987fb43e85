"""What tokens cost, from genai-prices, per request. A model without a price is unpriced: never zero."""

from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

from budget import amounts

VERSION = f"genai-prices {version('genai-prices')}"


@dataclass(frozen=True)
class Tokens:
    """Tokens of one request. `input` excludes tokens read from or written to a cache."""

    model: str
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


def cost(tokens: Tokens) -> int | None:
    """Micro-USD, rounded up; None when the model has no price. The library applies tiers, such as long contexts."""
    usage = PricedUsage(
        input_tokens=tokens.input + tokens.cache_read + tokens.cache_write,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
        output_tokens=tokens.output,
    )
    try:
        priced = calc_price(usage, model_ref=tokens.model)
    except (LookupError, ValueError):
        return None
    return amounts.round_up(Decimal(priced.total_price))
