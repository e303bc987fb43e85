"""The cost of a request in micro-USD: its bound, and that of its provider's count. A workspace's own prices come before the price table's. A model without a
price is refused."""

from collections.abc import Mapping
from dataclasses import replace

from budget.ledger import prices
from budget.ledger.prices import Rates, Tokens
from orchestration.protocols.shared.interface import Request, Usage

LIMITS = (
    ("claude-3-haiku", 4_096),
    ("claude-3-5", 8_192),
    ("claude-opus-4-1", 32_000),
    ("claude-opus-4-2", 32_000),  # claude-opus-4-20250514
    ("claude", 128_000),
    ("gpt-4o", 16_384),
    ("gpt-4.1", 32_768),
    ("gemini-2.0", 8_192),
    ("gemini", 65_536),
)
"""Models' own output limits in tokens, by the beginning of their name. Too high a one only reserves too much."""
MAX_OUTPUT = 131_072
MAX_INPUT = 2_097_152
"""The largest context window of any model, in tokens."""
USUAL_INPUT = 100_000
"""Tokens below the tiers from which some models cost more."""
US_TENTHS = 11
"""Anthropic's surcharge of a tenth for inference in the US alone. The price table lacks it."""


ALIASES = {"haiku": "claude-haiku-4-5", "sonnet": "claude-sonnet-4-5", "opus": "claude-opus-4-1"}
"""Claude Code's aliases, each with a model of the same price."""


def output_limit(request: Request) -> int:
    """The requested limit, else the model's own."""
    return model_output_limit(request.model) if request.output_limit is None else request.output_limit


def model_output_limit(model: str) -> int:
    """The most tokens that a model can answer."""
    name = model.rsplit("/", 1)[-1]
    return next((limit for beginning, limit in LIMITS if name.startswith(beginning)), MAX_OUTPUT)


def bound(request: Request, input_tokens: int, output_tokens: int, own: Mapping[str, Rates]) -> int | None:
    """The most that a request with these tokens can cost; None: its model has no price."""
    output = output_tokens * request.answers
    kinds = [Tokens(request.model, input=input_tokens, output=output, context=request.context, searches=request.searches)]
    if request.cache_write != "none":
        hour = input_tokens if request.cache_write == "1h" else 0
        kinds.append(
            Tokens(
                request.model,
                cache_write=input_tokens,
                cache_write_1h=hour,
                output=output,
                context=request.context,
                searches=request.searches,
            )
        )
    costs = [_cost(tokens, own) for tokens in kinds]
    return None if None in costs else max(cost for cost in costs if cost is not None)


def affordable_output(request: Request, input_tokens: int, money: int, own: Mapping[str, Rates], *, most: int) -> int:
    """The highest output limit, at most `most`, whose bound is within `money`; 0: not even a single token."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        cost = bound(request, input_tokens, middle, own)
        low, high = (middle, high) if cost is not None and cost <= money else (low, middle - 1)
    return low


def counted(request: Request, usage: Usage) -> Tokens:
    """The provider's count as tokens with a price. Tokens that no part explains get the highest price: that of output."""
    return Tokens(
        usage.model or request.model,
        usage.input,
        usage.output + usage.unexplained,
        usage.cache_read,
        usage.cache_write + usage.cache_write_1h,
        usage.cache_write_1h,
        usage.context or request.context,
        usage.searches,
    )


def cost(request: Request, tokens: Tokens, own: Mapping[str, Rates]) -> int | None:
    """The cost at the price of the requested model. An answer that named a cheaper one was booked at that price."""
    return _cost(replace(tokens, model=request.model), own)


def usual_input(request: Request, tokens: int, own: Mapping[str, Rates]) -> int:
    """The cost of an input without caches or tiers: one price a model, since each request asks for it."""
    return (cost(request, Tokens("", input=USUAL_INPUT), own) or 0) * tokens // USUAL_INPUT


def plausible_cost(request: Request, tokens: Tokens, own: Mapping[str, Rates]) -> int | None:
    """The cost of a count, clamped to the model's output and the largest window. Each search reads the window again."""
    window = MAX_INPUT * (request.searches + 1)
    return cost(
        request,
        replace(
            tokens,
            input=min(tokens.input, window),
            cache_read=min(tokens.cache_read, window),
            cache_write=min(tokens.cache_write, window),
            cache_write_1h=min(tokens.cache_write_1h, tokens.cache_write, window),
            output=min(tokens.output, max(model_output_limit(request.model), output_limit(request)) * request.answers),
        ),
        own,
    )


def _cost(tokens: Tokens, own: Mapping[str, Rates]) -> int | None:
    amount = prices.cost(tokens, own)
    if amount is None or ("inference_geo", "us") not in tokens.context:
        return amount
    return -(-amount * US_TENTHS // 10)


def permits(model: str, permitted: str, own: Mapping[str, Rates]) -> bool:
    """True for the access's model and for any that costs no more: CLIs call small models too. A name without a price, such as `auto`, limits nothing: the CLI
    chooses the model."""
    if _plain(model) == _plain(permitted):
        return True
    alias = permitted.split("[")[0]  # `sonnet[1m]`
    if alias in ALIASES:
        if alias in model:
            return True
        permitted = ALIASES[alias]
    for tokens in (Tokens("", input=1_000_000), Tokens("", output=1_000_000)):
        asked, usual = (_price_of_name(name, tokens, own) for name in (model, permitted))
        if usual is not None and (asked is None or asked > usual):
            return False
    return True


def _price_of_name(model: str, tokens: Tokens, own: Mapping[str, Rates]) -> int | None:
    """The price by this name, else by the name without its provider."""
    costs = (prices.cost(replace(tokens, model=name), own) for name in (model, _plain(model)) if name)
    return next((cost for cost in costs if cost is not None), None)


def _plain(model: str) -> str:
    return model.lower().rsplit("/", 1)[-1].split("[")[0]


def version(tokens: Tokens, own: Mapping[str, Rates]) -> str:
    return prices.version_of(tokens, own)
