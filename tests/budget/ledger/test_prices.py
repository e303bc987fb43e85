"""Prices of tokens beside the providers' own lists, in USD per million tokens."""

import pytest

from budget.ledger.prices import Tokens, cost

M = 1_000_000


@pytest.mark.parametrize(
    ("tokens", "usd"),
    [
        (Tokens("claude-opus-4-5", input=M), 5.0),
        (Tokens("claude-opus-4-5", output=M), 25.0),
        (Tokens("claude-opus-4-5", cache_read=M), 0.5),
        (Tokens("claude-opus-4-5", cache_write=M), 6.25),
        (Tokens("claude-opus-4-5", cache_write=M, cache_write_1h=M), 10.0),
        (Tokens("claude-opus-4-5", cache_write=M, cache_write_1h=M // 4), 7.1875),
        (Tokens("claude-haiku-4-5", cache_write=M, cache_write_1h=M), 2.0),
        (Tokens("claude-haiku-4-5", input=M, context=(("service_tier", "standard"), ("speed", "standard"))), 1.0),
        (Tokens("claude-haiku-4-5", input=M, context=(("processing", "batch"),)), 0.5),
        (Tokens("gpt-5", input=M), 1.25),
        (Tokens("gpt-5", output=M, context=(("service_tier", "priority"),)), 20.0),
        (Tokens("gpt-5", output=M, context=(("service_tier", "flex"),)), 5.0),
    ],
)
def test_a_million_tokens_cost_what_the_provider_bills(tokens: Tokens, usd: float) -> None:
    assert cost(tokens) == round(usd * M)
