"""OpenAI's Responses: what a request may cost, and what its answer says that it did."""

import json
from typing import Any

import pytest

from orchestration.protocols.responses import Responses
from orchestration.protocols.shared.interface import Reading, Refused, Request, Route
from tests.orchestration.protocols import answers

API = Responses()
BASE = {"model": "gpt-5", "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}


def read(**members: Any) -> Request:
    return API.read(Route("generate"), json.dumps(BASE | members).encode(), {})


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/responses", "generate"),
        ("POST", "/v1/responses/input_tokens", "free"),
        ("GET", "/v1/models", "free"),
        ("HEAD", "/v1/models/gpt-5", "free"),
        ("GET", "/v1/responses", None),
        ("POST", "/v1/responses/resp_1/cancel", None),
        ("POST", "/v1/embeddings", None),
    ],
)
def test_only_responses_generate(method: str, path: str, kind: str | None) -> None:
    route = API.match(method, path)
    assert (route.kind if route else None) == kind


@pytest.mark.parametrize(("path", "code"), [("/v1/batches", "batches"), ("/v1/responses/compact", "unbounded_compaction")])
def test_endpoints_without_a_bound_are_refused_by_name(path: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        API.match("POST", path)
    assert refusal.value.code == code


def test_a_request_of_codex_without_web_search_passes_exactly() -> None:
    asked = read(
        stream=True,
        instructions="You are Codex.",
        tools=[
            {"type": "function", "name": "exec_command"},
            {"type": "namespace", "name": "multi_agent_v1", "tools": [{"type": "function", "name": "spawn"}]},
            {"type": "custom", "name": "apply_patch"},
            {"type": "local_shell"},
            {"type": "tool_search", "execution": "client"},
        ],
        tool_choice="auto",
        parallel_tool_calls=True,
        reasoning={"summary": "auto"},
        store=False,
        include=["reasoning.encrypted_content"],
        prompt_cache_key="a",
        client_metadata={"a": "b"},
        service_tier="priority",
    )
    assert (asked.model, asked.streams, asked.output_limit, asked.answers) == ("gpt-5", True, None, 1)
    assert asked.context == (("service_tier", "priority"),) and asked.cache_write == "5m"
    assert asked.hidden_tokens == 2_000 + 2 * 1_000 and asked.is_exact


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"tools": [{"type": "web_search", "external_web_access": False}]}, "unbounded_tool"),
        ({"tools": [{"type": "web_search_preview"}]}, "unbounded_tool"),
        ({"tools": [{"type": "namespace", "name": "x", "tools": [{"type": "web_search"}]}]}, "unbounded_tool"),
        ({"input": [{"type": "additional_tools", "tools": [{"type": "code_interpreter"}]}]}, "unbounded_tool"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "hosted_mcp"),
        ({"tools": [{"type": "code_interpreter"}], "max_tool_calls": 3}, "unbounded_tool"),
        ({"tools": [{"type": "file_search"}]}, "unbounded_tool"),
        ({"tools": [{"type": "image_generation"}]}, "unbounded_tool"),
        ({"tools": [{"type": "shell", "environment": {"type": "container_auto"}}]}, "unbounded_tool"),
        ({"tools": [{"type": "tool_search"}]}, "unbounded_tool"),
        ({"background": True}, "background"),
        ({"previous_response_id": "resp_1"}, "stored_input"),
        ({"conversation": "conv_1"}, "stored_input"),
        ({"context_management": {}}, "unbounded_compaction"),
        ({"model": "o4-mini-deep-research"}, "unbounded_tool"),
        ({"prompt": {"id": "pmpt_1"}}, "stored_prompt"),
        ({"context_management": [{"type": "compaction"}]}, "unbounded_compaction"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "stored_input"),
        ({"input": [{"type": "compaction_trigger"}]}, "unbounded_compaction"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]}, "unbounded_file"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://example.com"}]}]}, "unbounded_file"),
        ({"MAX_OUTPUT_TOKENS": 5}, "ambiguous_key"),
        ({"max_output_tokens": "5"}, "invalid_request"),
        ({"background": "yes"}, "invalid_request"),
    ],
)
def test_a_request_without_a_bound_is_refused_by_name(members: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(**members)
    assert refusal.value.code == code


def test_web_search_with_a_limit_of_tool_calls_is_bounded_but_not_exact() -> None:
    asked = read(tools=[{"type": "web_search"}], max_tool_calls=2)
    assert (asked.searches, asked.search_tokens, asked.doubts) == (2, 25_000, ("tool:web_search",))


@pytest.mark.parametrize(
    "empty",
    [{"previous_response_id": None}, {"background": False}, {"tools": None}, {"input": "hi"}, {"max_output_tokens": None}],
)
def test_empty_members_are_no_reason_to_refuse(empty: dict[str, Any]) -> None:
    assert read(**empty).is_exact


def test_pictures_in_messages_and_in_the_output_of_tools_count() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAA+gAAAPoCAIAAAC"}
    for part in ({"role": "user", "content": [picture]}, {"type": "function_call_output", "call_id": "a", "output": [picture]}):
        asked = read(input=[part])
        assert asked.media_tokens == sum(item.media_tokens for item in asked.items) == 36 * 36 * 2.5
    assert read(input=[{"role": "user", "content": [{"type": "input_image", "file_id": "x"}]}]).media_tokens == 25_000
    assert read(input=[{"role": "user", "content": [{"type": "input_audio"}]}]).doubts == ("media:audio",)


def test_a_limit_is_spliced() -> None:
    assert API.with_limit(b'{"model":"gpt-5"}', 3) == b'{"max_output_tokens":3,"model":"gpt-5"}'
    assert API.with_limit(b'{"max_output_tokens": null}', 3) == b'{"max_output_tokens": 3}'
    assert API.with_usage(b'{"stream":true}') == b'{"stream":true}'


def test_an_error_that_stops_codex_at_once() -> None:
    assert json.loads(API.error(429, "insufficient_quota", "No money.")) == {
        "error": {"message": "No money.", "type": "insufficient_quota", "code": "insufficient_quota", "param": None}
    }
    assert json.loads(API.error(503, "gateway", "x"))["error"]["type"] == "server_error"


def ended(kind: str, usage: Any, **members: Any) -> Reading:
    response = {"id": "resp_1", "model": "gpt-5-2025", "status": kind, "usage": usage} | members
    events = [
        (None, {"type": "response.created", "response": response | {"usage": None}}),
        (None, {"type": f"response.{kind}", "response": response}),
    ]
    return answers.read("openai_responses", answers.sse(*events))


COUNT = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}


@pytest.mark.parametrize("kind", ["completed", "incomplete", "failed"])
def test_each_end_has_the_count(kind: str) -> None:
    reading = ended(kind, COUNT, service_tier="flex")
    counted = answers.usage(reading)
    assert reading.is_final and (counted.input, counted.output, counted.unexplained) == (100, 20, 0)
    assert (counted.model, counted.provider_id, counted.context) == ("gpt-5-2025", "resp_1", (("service_tier", "flex"),))


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({"input_tokens_details": {"cached_tokens": 60}}, (40, 20, 60, 0, 0)),
        ({"input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30}}, (10, 20, 60, 30, 0)),
        ({"input_tokens_details": {"cached_tokens": 160}}, (100, 20, 160, 0, 0)),
        ({"output_tokens_details": {"reasoning_tokens": 15}}, (100, 20, 0, 0, 0)),
        ({"output_tokens_details": {"reasoning_tokens": 90}}, (100, 20, 0, 0, 90)),
        ({"total_tokens": 150}, (100, 20, 0, 0, 30)),
        ({"total_tokens": None}, (100, 20, 0, 0, 0)),
        ({"total_tokens": 10}, (100, 20, 0, 0, 0)),
    ],
)
def test_the_parts_of_a_count_exclude_each_other(more: dict[str, Any], counts: tuple[int, ...]) -> None:
    usage = answers.usage(ended("completed", COUNT | more))
    assert (usage.input, usage.output, usage.cache_read, usage.cache_write, usage.unexplained) == counts


def test_an_answer_that_fails_without_a_count_is_not_final() -> None:
    reading = ended("failed", None, error={"code": "rate_limit_exceeded", "message": "x"})
    assert (reading.usage, reading.is_final, reading.error) == (None, False, "rate_limit_exceeded")


def test_an_error_event_is_named() -> None:
    event = ("error", {"type": "error", "code": "server_error", "message": "x", "param": None})
    assert answers.read("openai_responses", answers.sse(event)).error == "server_error"


def test_a_count_before_the_end_is_not_final() -> None:
    event = (None, {"type": "response.in_progress", "response": {"usage": COUNT}})
    reading = answers.read("openai_responses", answers.sse(event))
    assert not reading.is_final and answers.usage(reading).input == 100
