"""Values from CLIs: each is checked for its type and its bounds, and tokens become usage."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestration.facts import failures
from orchestration.worker.agents.shared import json_values, token_counts
from orchestration.worker.agents.shared.interface import record_name
from orchestration.worker.agents.shared.token_counts import TokenCounts
from tests.orchestration.worker.agents.recorded import a_task


@pytest.mark.parametrize(
    ("value", "count"),
    [(0, 0), (7, 7), (10**12, 10**12), (10**12 + 1, 0), (-1, 0), (True, 0), ("7", 0), (7.0, 0), (None, 0)],
)
def test_a_count_is_a_whole_number_within_bounds(value: Any, count: int) -> None:
    assert json_values.count(value) == count


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0.0), (2, 2.0), (0.5, 0.5), (Decimal("1.5"), 1.5), (1e15, 0.0), (1e14, 1e14), (-0.5, 0.0), (True, 0.0), ("1", 0.0)],
)
def test_a_number_is_finite_and_not_negative(value: Any, number: float) -> None:
    assert json_values.number(value) == number
    assert json_values.number(float("nan")) == json_values.number(float("inf")) == 0.0


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (0, Decimal(0)),
        (1, Decimal(1)),
        (0.1 + 0.2, Decimal("0.3")),
        (Decimal("0.000001"), Decimal("0.000001")),
        (json_values.amounts.MAX_USD, Decimal(json_values.amounts.MAX_USD)),
        (Decimal(json_values.amounts.MAX_USD) + Decimal("0.01"), None),
        (-0.01, None),
        (True, None),
        ("0.1", None),
        (float("nan"), None),
        (float("inf"), None),
        (None, None),
    ],
)
def test_an_amount_is_within_bounds_and_without_noise(value: Any, amount: Decimal | None) -> None:
    assert json_values.usd(value) == amount


def test_a_value_is_found_only_where_all_its_keys_are() -> None:
    value = {"a": {"b": [1]}}
    assert json_values.nested(value, "a", "b") == [1] and json_values.nested(value) is value
    assert (
        json_values.nested(value, "a", "c") is json_values.nested(value, "a", "b", "c") is json_values.nested(None, "a") is None
    )
    assert json_values.objects([{"a": 1}, "x", None]) == [{"a": 1}] and json_values.objects({"a": 1}) == []
    assert json_values.text("abc", 2) == "ab" and json_values.text(5) == "" and len(json_values.text("x" * 30_000)) == 20_000


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (' {"a": 1}', {"a": 1}),
        ('{"a": 0.1}', {"a": Decimal("0.1")}),
        ('{"\\u0000k": ["\\ud800", {"b": "\\u0000"}]}', {"k": ["\\ud800", {"b": ""}]}),
        ("[1]", None),
        ("{", None),
        ("text", None),
        ("", None),
    ],
)
def test_a_line_is_an_object_that_a_database_takes_or_other_text(line: str, value: Any) -> None:
    assert json_values.parse_object(line) == value


def test_a_long_prompt_is_given_as_a_file(tmp_path: Path) -> None:
    limit = json_values.MAX_ARGUMENT_BYTES
    for prompt in ("x" * limit, "ü" * (limit // 2)):
        assert json_values.prompt_argument(a_task(tmp_path, prompt=prompt)) == prompt
    for prompt in ("x" * (limit + 1), "ü" * (limit // 2 + 1)):
        assert str(tmp_path / "prompt.md") in json_values.prompt_argument(a_task(tmp_path, prompt=prompt))


@pytest.mark.parametrize(
    ("counts", "tokens"),
    [
        (TokenCounts(input=100, cached=30, total=150), (70, 30, 50)),
        (TokenCounts(input=100, cached=130, total=150), (0, 100, 50)),
        (TokenCounts(input=100, cached=0, total=90), (100, 0, 0)),
    ],
)
def test_cached_tokens_are_a_part_of_the_input_and_all_others_are_output(counts: TokenCounts, tokens: tuple[int, ...]) -> None:
    usage = counts.usage("id", "gpt-5", of_thread=True)
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == tokens and usage.of_thread
    assert (usage.id, usage.model, usage.cost) == ("id", "gpt-5", None) and not counts.usage("id", "gpt-5").of_thread


def test_counts_add_up_and_never_fall_below_zero() -> None:
    first, second = TokenCounts(1, 2, 3), TokenCounts(4, 1, 9)
    assert first + second == TokenCounts(5, 3, 12) and second - first == TokenCounts(3, 0, 6)
    assert TokenCounts(total=1) and not TokenCounts(5, 5, 0)


@pytest.mark.parametrize(("total", "expected"), [(0, 12), (11, 12), (20, 20)])
def test_a_total_is_at_least_input_and_output(total: int, expected: int) -> None:
    read = token_counts.read_counts({"i": 10, "o": 2, "c": 4, "t": total}, input="i", output="o", cached="c", total="t")
    assert read == TokenCounts(10, 4, expected)


def test_a_chat_completions_prompt_includes_both_caches() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 30, "cache_creation_token_details": {"ephemeral_1h_input_tokens": 15}},
        "cache_creation_input_tokens": 20,
    }
    read = token_counts.chat_usage("id", usage, model="gpt-5", cost=3)
    assert (read.input_tokens, read.output_tokens, read.cache_read_tokens) == (50, 7, 30)
    assert (read.cache_write_tokens, read.cache_write_1h_tokens, read.cost, read.model) == (20, 15, 3, "gpt-5")
    other = {"prompt_tokens": 10, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 5}
    kept = {"prompt_tokens_details": {"cache_creation_token_details": {"ephemeral_1h_input_tokens": 9}}}
    read = token_counts.chat_usage("id", other | kept, model="", cost=None)
    assert (read.input_tokens, read.cache_read_tokens, read.cache_write_tokens, read.cache_write_1h_tokens) == (0, 30, 5, 5)


def test_a_reported_cost_of_zero_is_unknown() -> None:
    costs = (0, 0.0, "1", Decimal("0.0000005"), 0.013000000000000001)
    assert [token_counts.reported_cost(value) for value in costs] == [None, None, None, 1, 13_000]


def test_a_route_names_its_model() -> None:
    names = {"openrouter/anthropic/claude-sonnet-4-5": "claude-sonnet-4-5", "gpt-5": "gpt-5", None: "", "x" * 300: "x" * 200}
    assert {route: token_counts.model_name(route) for route in names} == names


def test_settings_of_the_workspace_win_key_by_key() -> None:
    merged = token_counts.merged_settings({"a": {"b": 1, "c": 2}, "d": 3, "e": {"f": 1}}, {"a": {"b": 9}, "d": {"x": 1}, "e": 5})
    assert merged == {"a": {"b": 9, "c": 2}, "d": {"x": 1}, "e": 5}


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (402, "", "quota"),
        (400, "Your credit balance is too low", "quota"),
        (403, "billing", "quota"),
        (429, "insufficient_quota", "quota"),
        (500, "billing", "overloaded"),
        (401, "", "auth"),
        (403, "", "auth"),
        (404, "", "unknown_model"),
        (400, "invalid model", "unknown_model"),
        (422, "invalid model", "bad_request"),
        (413, "", "context_full"),
        (400, "prompt is too long", "context_full"),
        (422, "prompt is too long", "bad_request"),
        (429, "", "rate_limited"),
        (500, "", "overloaded"),
        (529, "", "overloaded"),
        (499, "", "bad_request"),
        (400, "", "bad_request"),
    ],
)
def test_a_status_has_a_name_and_the_text_decides_where_it_is_ambiguous(status: int, text: str, code: str) -> None:
    assert failures.from_status(status, text) == code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Error code: 429", "rate_limited"),
        ('529 {"type":"error"}', "overloaded"),
        ("HTTP 401", "auth"),
        ("HTTP 200", None),
        ("401 files changed", None),
        ("insufficient_quota", "quota"),
        ("API Error: 400 prompt is too long", "context_full"),
        ("error code: 403 billing", "quota"),
    ],
)
def test_a_status_is_found_in_words(words: str, code: str | None) -> None:
    assert failures.from_text(words) == code


def test_the_processes_of_a_role_have_names_of_their_own() -> None:
    assert [record_name("review", turn) for turn in (1, 2, 3)] == ["review", "review-2", "review-3"]
