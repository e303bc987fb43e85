"""Anthropic's Messages: what a request may cost, and what its answer says that it did."""

import contextlib
import json
from typing import Any

import pytest

from orchestration.protocols.anthropic import Anthropic
from orchestration.protocols.chat import Chat
from orchestration.protocols.gemini import Gemini
from orchestration.protocols.responses import Responses
from orchestration.protocols.shared import reading
from orchestration.protocols.shared.interface import Reading, Refused, Request, Route, Usage
from tests.orchestration.protocols import answers

API = Anthropic()
PNG = "iVBORw0KGgoAAAANSUhEUgAAA+gAAAPoCAIAAAC"  # 1,000 by 1,000
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
BASE = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}


def read(headers: dict[str, str] | None = None, **members: Any) -> Request:
    return API.read(Route("generate"), json.dumps(BASE | members).encode(), headers or {})


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/messages", "generate"),
        ("POST", "/messages/", "generate"),
        ("POST", "/v1/messages/count_tokens", "free"),
        ("GET", "/v1/models/claude-sonnet-4-5", "free"),
        ("HEAD", "/v1/messages", None),
        ("POST", "/api.anthropic.com@evil.example/v1/messages", None),
        ("POST", "/api/anthropic/v1/messages", None),
        ("POST", "/v1/messages?", None),
        ("GET", "/v1/messages", None),
        ("DELETE", "/v1/models/x", None),
        ("POST", "/v1/messages/other", None),
        ("POST", "/v1/complete", None),
        ("POST", "/v1/messages/../messages", None),
        ("POST", "/v1/messages%2f..%2fmessages", None),
        ("POST", "/v1//messages", None),
        ("POST", "/v1/messages%252fbatches", None),
    ],
)
def test_only_messages_generate(method: str, path: str, kind: str | None) -> None:
    route = API.match(method, path)
    assert (route.kind if route else None) == kind


def test_a_request_of_more_parts_than_a_provider_takes_is_refused_before_they_are_looked_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "MAX_PARTS", 20)
    assert read(messages=BASE["messages"] * 10).items
    for api, member in ((API, "messages"), (Chat(), "messages"), (Responses(), "input"), (Gemini(), "contents")):
        parts = [{"role": "user", "content": "hi", "parts": [{"text": "hi"}]}] * 30
        route = Route("generate", model="gemini-2.5-pro") if member == "contents" else Route("generate")
        with pytest.raises(Refused, match="at most 20 parts"):
            api.read(route, json.dumps({"model": "gpt-5", member: parts}).encode(), {})


def test_a_request_names_everything_that_its_cost_depends_on() -> None:
    asked = read(
        stream=True,
        thinking={"type": "enabled", "budget_tokens": 31_999},
        speed="fast",
        inference_geo="us",
        service_tier="auto",
        system=[{"type": "text", "text": "You", "cache_control": {"type": "ephemeral"}}],
        tools=[{"name": "Bash", "input_schema": {}}],
    )
    assert (asked.model, asked.streams, asked.output_limit, asked.thinking_budget) == ("claude-sonnet-4-5", True, 100, 31_999)
    assert asked.context == (("speed", "fast"), ("inference_geo", "us"))
    assert (asked.cache_write, asked.hidden_tokens, asked.answers, asked.searches) == ("5m", 2_000, 1, 0)
    assert asked.is_exact


@pytest.mark.parametrize(
    ("members", "write"),
    [
        ({}, "none"),
        ({"cache_control": {"type": "ephemeral"}}, "5m"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, "1h"),
        (
            {
                "tools": [{"name": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
                "cache_control": {"type": "ephemeral"},
            },
            "1h",
        ),
        ({"system": [{"text": "x", "cache_control": {"ttl": "24h"}}]}, "1h"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"cache_control": {}}]}]}]}, "5m"),
    ],
)
def test_the_most_expensive_cache_mark_counts(members: dict[str, Any], write: str) -> None:
    assert read(**members).cache_write == write


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"tools": [SEARCH]}, "unbounded_tool"),
        ({"tools": [SEARCH | {"type": "web_search_20260318", "max_uses": 3}]}, "unbounded_tool"),
        ({"tools": [{"type": "web_fetch_20250910", "name": "web_fetch", "max_uses": 3}]}, "unbounded_tool"),
        ({"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}, "unbounded_tool"),
        ({"tools": [{"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-5", "max_uses": 1}]}, "unbounded_tool"),
        ({"tools": [{"type": "tool_search_tool_regex_20251119", "name": "x"}]}, "unbounded_tool"),
        ({"tools": [{"type": "mcp_toolset", "mcp_server_name": "x"}]}, "unbounded_tool"),
        ({"tools": [{"type": ["custom"], "name": "x"}]}, "unbounded_tool"),
        ({"mcp_servers": [{"type": "url", "url": "https://example.com"}]}, "hosted_mcp"),
        ({"fallbacks": "default"}, "fallback_models"),
        ({"compaction": {}}, "unbounded_compaction"),
        ({"model": "perplexity/sonar"}, "unbounded_tool"),
        ({"compaction": {"type": "enabled"}}, "unbounded_compaction"),
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, "unbounded_compaction"),
        ({"container": {"skills": [{"skill_id": "pptx"}]}}, "unbounded_tool"),
        (
            {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": "x"}}]}]},
            "unbounded_file",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "x"}]}]}, "unbounded_file"),
        ({"Max_Tokens": 9}, "ambiguous_key"),
        ({"max_tokens": 1e3}, "invalid_request"),
        ({"max_tokens": True}, "invalid_request"),
        ({"max_tokens": -1}, "invalid_request"),
        ({"stream": "true"}, "invalid_request"),
        ({"model": ""}, "invalid_request"),
        ({"tools": {"type": "web_search_20250305"}}, "invalid_request"),
        ({"messages": "hi"}, "invalid_request"),
    ],
)
def test_a_request_without_a_bound_is_refused_by_name(members: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(**members)
    assert (refusal.value.status, refusal.value.code) == (400, code) and refusal.value.sentence.endswith(".")


def test_batches_are_refused_by_name() -> None:
    with pytest.raises(Refused, match="batch"):
        API.match("POST", "/v1/messages/batches")


@pytest.mark.parametrize("depth", [300, 600, 900, 990, 100_000])
def test_a_deep_conversation_is_read_or_refused_and_never_crashes(depth: int) -> None:
    part = '{"type":"tool_result","content":['
    body = f'{{"model":"m","messages":[{{"role":"user","content":[{part * depth}{"]}" * depth}]}}]}}'
    with contextlib.suppress(Refused):
        API.read(Route("generate"), body.encode(), {})
    tools = f'{{"model":"m","tools":[{{"a":{"[" * depth}{"]" * depth}}}]}}'
    with contextlib.suppress(Refused):
        API.read(Route("generate"), tools.encode(), {})


def test_the_tools_and_edits_that_claude_code_sends_pass() -> None:
    betas = "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,effort-2025-11-24"
    asked = read(
        {"anthropic-beta": betas},
        tools=[{"name": "Bash", "input_schema": {}}, {"type": "custom", "name": "a"}, {"type": "bash_20250124", "name": "bash"}],
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        metadata={"user_id": "{}"},
        output_config={"effort": "medium"},
    )
    assert asked.is_exact and asked.hidden_tokens == 3_000


@pytest.mark.parametrize(
    "empty", [{"mcp_servers": []}, {"fallbacks": None}, {"container": None}, {"tools": []}, {"thinking": None}, {"system": None}]
)
def test_empty_members_are_no_reason_to_refuse(empty: dict[str, Any]) -> None:
    assert read(**empty).is_exact


def test_what_is_not_known_makes_the_bound_inexact_and_is_named() -> None:
    asked = read({"anthropic-beta": "claude-code-20250219, new-thing-2027-01-01 ,"}, new_parameter=1)
    assert asked.doubts == ("beta:new-thing-2027-01-01", "parameter:new_parameter") and not asked.is_exact


def test_searches_with_a_limit_are_bounded_but_not_exact() -> None:
    asked = read(tools=[SEARCH | {"max_uses": 8}, {"type": "web_fetch_20250910", "max_uses": 2, "max_content_tokens": 40_000}])
    assert (asked.searches, asked.search_tokens, asked.doubts) == (10, 40_000, ("tool:web_search",))


def test_pictures_count_by_their_size_wherever_they_are() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    elsewhere = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    document = {"type": "document", "source": {"type": "content", "content": [picture]}}
    for content, tokens in (
        ([picture], 36 * 36 + 16),
        ([{"type": "tool_result", "tool_use_id": "a", "content": [picture, {"type": "text", "text": "x"}]}], 36 * 36 + 16),
        ([document], 36 * 36 + 16),
        ([{"type": "tool_result", "content": {"type": "x", "content": document}}], 36 * 36 + 16),
        ([elsewhere], 5_000),
    ):
        asked = read(messages=[{"role": "user", "content": content}])
        assert asked.media_tokens == sum(item.media_tokens for item in asked.items) == tokens


def test_base64_is_no_text() -> None:
    data = PNG + "A" * 10_000
    with_picture = read(messages=[{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": data}}]}])
    assert with_picture.text_bytes < 250 and sum(item.text_bytes for item in with_picture.items) < 350


def test_a_limit_is_spliced() -> None:
    assert API.with_limit(b'{ "max_tokens" : 5, "x":1 }', 3) == b'{ "max_tokens" : 3, "x":1 }'
    assert API.with_usage(b'{"stream":true}') == b'{"stream":true}'


@pytest.mark.parametrize(
    ("status", "type_"), [(402, "billing_error"), (400, "invalid_request_error"), (503, "overloaded_error"), (500, "api_error")]
)
def test_an_error_has_the_providers_shape(status: int, type_: str) -> None:
    error = json.loads(API.error(status, "no_money", "No money."))
    assert error == {"type": "error", "error": {"type": type_, "message": "No money.", "code": "no_money"}}


START = {"input_tokens": 10, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 5, "output_tokens": 1}
PARTED = START | {"cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 3}}


def meter(*usages: dict[str, Any], write: str = "1h", ends: bool = True) -> Reading:
    """The reading of a stream: its start with the first usage, a delta for each other one, and its end."""
    events: list[tuple[str | None, Any]] = [
        (None, {"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "usage": usages[0]}}),
        *((None, {"type": "message_delta", "delta": {}, "usage": usage}) for usage in usages[1:]),
        *([(None, {"type": "message_stop"})] if ends else []),
    ]
    return answers.read("anthropic", answers.sse(*events), request=Request("claude-x", True, cache_write=write))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("usages", "usage"),
    [
        ([PARTED, {"output_tokens": 40}], Usage(10, 40, 5, 4, 3)),
        ([PARTED, {"output_tokens": 20}, {"output_tokens": 40, "input_tokens": 12}], Usage(12, 40, 5, 4, 3)),
        ([PARTED, {"output_tokens": 40, "cache_read_input_tokens": None}], Usage(10, 40, 5, 4, 3)),
        ([PARTED, {"output_tokens": 40, "cache_creation_input_tokens": 9}], Usage(10, 40, 5, 4, 5)),
        ([START, {"output_tokens": 40}], Usage(10, 40, 5, 0, 7)),
        ([PARTED, {"output_tokens": 40, "cache_creation_input_tokens": 2}], Usage(10, 40, 5, 0, 2)),
        ([PARTED, {"output_tokens": 40, "server_tool_use": {"web_search_requests": 3}}], Usage(10, 40, 5, 4, 3, searches=3)),
    ],
)
def test_the_last_value_of_each_count_is_the_truth(usages: list[dict[str, Any]], usage: Usage) -> None:
    reading = meter(*usages)
    counted = answers.usage(reading)
    names = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "searches", "unexplained")
    assert [getattr(counted, name) for name in names] == [getattr(usage, name) for name in names] and reading.is_final


def test_a_write_without_parts_has_the_longest_lifetime_that_was_asked_for() -> None:
    counted = answers.usage(meter(START, {"output_tokens": 40}, write="5m"))
    assert (counted.cache_write, counted.cache_write_1h) == (7, 0)


def test_summaries_are_added_since_the_top_level_leaves_them_out() -> None:
    iterations = [
        {
            "type": "compaction",
            "input_tokens": 180_000,
            "output_tokens": 3_500,
            "cache_read_input_tokens": 2,
            "cache_creation_input_tokens": 0,
        },
        {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000},
    ]
    counted = answers.usage(meter({"input_tokens": 23_000}, {"output_tokens": 1_000, "iterations": iterations}))
    assert (counted.input, counted.output, counted.cache_read, counted.unexplained) == (203_000, 4_500, 2, 0)


def test_another_models_tokens_are_unexplained() -> None:
    iterations = [{"type": "advisor_message", "model": "claude-y", "input_tokens": 900, "output_tokens": 100}]
    assert answers.usage(meter({"input_tokens": 5}, {"output_tokens": 6, "iterations": iterations})).unexplained == 1_000


def test_after_a_providers_retry_the_later_start_counts() -> None:
    first = (None, {"type": "message_start", "message": {"id": "a", "model": "x", "usage": PARTED}})
    second = (
        None,
        {"type": "message_start", "message": {"id": "b", "model": "x", "usage": {"input_tokens": 3, "output_tokens": 1}}},
    )
    delta = (None, {"type": "message_delta", "usage": {"output_tokens": 9}})
    counted = answers.usage(answers.read("anthropic", answers.sse(first, delta, second)))
    assert (counted.input, counted.output, counted.all_input, counted.provider_id) == (3, 1, 3, "b")
    assert not answers.read("anthropic", answers.sse(first, delta, second, (None, {"type": "message_stop"}))).is_final


def test_the_tier_and_the_speed_of_the_answer_are_kept() -> None:
    start = PARTED | {"service_tier": "batch", "speed": "fast", "inference_geo": "us"}
    assert answers.usage(meter(start, {"output_tokens": 4})).context == (
        ("service_tier", "batch"),
        ("speed", "fast"),
        ("inference_geo", "us"),
        ("processing", "batch"),
    )


@pytest.mark.parametrize("usages", [[PARTED], [PARTED, {}], [PARTED, {"input_tokens": 3}]])
def test_an_end_without_a_count_of_the_output_is_not_final(usages: list[dict[str, Any]]) -> None:
    assert not meter(*usages).is_final


def test_an_error_in_the_stream_is_named_and_what_came_is_kept() -> None:
    events = [
        (None, {"type": "message_start", "message": {"id": "a", "model": "x", "usage": PARTED}}),
        ("error", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    ]
    reading = answers.read("anthropic", answers.sse(*events))
    assert (reading.error, reading.is_final, answers.usage(reading).input) == ("overloaded_error", False, 10)
    whole = answers.read("anthropic", b'{"type":"error","error":{"type":"invalid_request_error"}}', kind="application/json")
    assert (whole.error, whole.usage, whole.is_final) == ("invalid_request_error", None, False)


def test_an_unfinished_stream_keeps_its_newest_count() -> None:
    reading = meter(PARTED, {"output_tokens": 30}, ends=False)
    assert not reading.is_final and answers.usage(reading).output == 30
