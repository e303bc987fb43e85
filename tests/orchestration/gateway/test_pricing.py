"""The bound and the cost of a request, in micro-USD."""

from decimal import Decimal

import pytest

from budget.ledger.prices import Rates
from orchestration.gateway import pricing
from orchestration.protocols.shared.interface import Request, Usage

SONNET, HAIKU = "claude-sonnet-4-5", "claude-haiku-4-5"
OWN = {"mine": Rates(Decimal(1), Decimal(2), Decimal(0), Decimal(1), Decimal(3))}


def cost(request: Request, usage: Usage) -> int | None:
    return pricing.cost(request, pricing.counted(request, usage), OWN)


def test_each_token_is_priced_once_by_how_it_was_served() -> None:
    usage = Usage(input=1000, output=100, cache_read=2000, cache_write=4000, cache_write_1h=8000)
    assert cost(Request(SONNET, True), usage) == 3000 + 1500 + 600 + 15_000 + 48_000
    assert cost(Request("mine", True), usage) == 1000 + 200 + 0 + 4000 + 24_000


def test_tokens_that_no_part_explains_cost_as_much_as_output() -> None:
    assert cost(Request(SONNET, True), Usage(output=100, unexplained=10)) == 110 * 15


def test_an_answer_that_calls_itself_another_model_costs_what_was_asked_for() -> None:
    assert cost(Request(SONNET, True), Usage(output=100, model=HAIKU)) == 1500


def test_inference_in_the_us_alone_costs_a_tenth_more() -> None:
    request = Request(SONNET, True, context=(("inference_geo", "us"),))
    assert cost(request, Usage(output=100)) == 1650
    assert pricing.bound(request, 0, 100, OWN) == 1650


@pytest.mark.parametrize(("write", "bound"), [("none", 3000), ("5m", 3750), ("1h", 6000)])
def test_a_bound_takes_the_most_expensive_cache_write_that_the_body_asks_for(write: str, bound: int) -> None:
    assert pricing.bound(Request(SONNET, True, cache_write=write), 1000, 0, OWN) == bound  # type: ignore[arg-type]


def test_a_bound_is_never_less_than_a_cost_within_it() -> None:
    request = Request(SONNET, True, cache_write="1h")
    for usage in (Usage(input=900, output=50), Usage(cache_write_1h=900, output=50), Usage(cache_write=900, output=50)):
        assert (cost(request, usage) or 0) <= (pricing.bound(request, 900, 50, OWN) or 0)


def test_the_output_limit_is_the_highest_that_the_money_pays() -> None:
    request = Request(SONNET, True)
    assert pricing.affordable_output(request, 1000, 3000 + 150, OWN, most=5000) == 10
    assert pricing.affordable_output(request, 1000, 2999, OWN, most=5000) == 0
    assert pricing.affordable_output(request, 1000, 10**9, OWN, most=5000) == 5000


def test_a_model_without_a_price_has_no_bound() -> None:
    assert pricing.bound(Request("someones-7b", True), 1, 1, OWN) is None


@pytest.mark.parametrize(
    ("permitted", "models"),
    [
        (SONNET, {SONNET, HAIKU}),
        (f"anthropic/{SONNET}", {SONNET, HAIKU}),
        (f"{SONNET}[1m]", {SONNET, HAIKU}),
        (HAIKU, {HAIKU}),
        ("sonnet[1m]", {SONNET, HAIKU}),
        ("haiku", {HAIKU}),
        ("auto", {SONNET, HAIKU, "claude-opus-4-1", "unknown"}),
        ("", {SONNET, HAIKU, "claude-opus-4-1", "unknown"}),
    ],
)
def test_a_token_is_for_its_model_and_cheaper_ones_however_its_program_names_it(permitted: str, models: set[str]) -> None:
    assert {model for model in (SONNET, HAIKU, "claude-opus-4-1", "unknown") if pricing.permits(model, permitted, OWN)} == models
