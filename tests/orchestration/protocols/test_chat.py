"""Chat Completions, as many providers speak it: what a request may cost, and what its answer says that it did."""

import json
from typing import Any

import pytest

from orchestration.protocols.chat import Chat
from orchestration.protocols.shared.interface import Reading, Refused, Request, Route
from tests.orchestration.protocols import answers

API = Chat()
BASE = {"model": "qwen3-coder", "messages": [{"role": "user", "content": "hi"}]}


def read(**members: Any) -> Request:
    return API.read(Route("generate"), json.dumps(BASE | members).encode(), {})


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/chat/completions", "generate"),
        ("POST", "/openai/deployments/x/chat/completions", None),
        ("GET", "/v1/models/org/name", "free"),
        ("POST", "/v1/completions", None),
        ("POST", "/v1/embeddings", None),
        ("GET", "/v1/chat/completions", None),
    ],
)
def test_only_chat_completions_generate(method: str, path: str, kind: str | None) -> None:
    route = API.match(method, path)
    assert (route.kind if route else None) == kind


@pytest.mark.parametrize(
    ("members", "limit", "budget"),
    [
        ({}, None, 0),
        ({"max_tokens": 5}, 5, 0),
        ({"max_completion_tokens": 7, "max_tokens": 5}, 7, 0),
        ({"max_completion_tokens": None, "max_tokens": 5}, 5, 0),
        ({"reasoning": {"max_tokens": 9}}, None, 9),
        ({"thinking": {"type": "enabled", "budget_tokens": 8}}, None, 8),
        ({"enable_thinking": True, "thinking_budget": 6}, None, 6),
    ],
)
def test_the_larger_of_two_limits_counts(members: dict[str, Any], limit: int | None, budget: int) -> None:
    asked = read(**members)
    assert (asked.output_limit, asked.thinking_budget, asked.is_exact, asked.cache_write) == (limit, budget, True, "5m")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"web_search_options": {"search_context_size": "low"}}, "unbounded_tool"),
        ({"web_search_options": {}}, "unbounded_tool"),
        ({"search_parameters": {"mode": "on"}}, "unbounded_tool"),
        ({"search_parameters": {}}, "unbounded_tool"),
        ({"plugins": {}}, "unbounded_tool"),
        ({"audio": {}}, "unbounded_output"),
        ({"model": "gpt-4o-search-preview"}, "unbounded_tool"),
        ({"model": "openai/gpt-4o-mini-search-preview-2025-03-11"}, "unbounded_tool"),
        ({"model": "o3-deep-research"}, "unbounded_tool"),
        ({"model": "perplexity/sonar-pro"}, "unbounded_tool"),
        ({"enable_search": True}, "unbounded_tool"),
        ({"plugins": [{"id": "web"}]}, "unbounded_tool"),
        ({"model": "openai/gpt-5:online"}, "unbounded_tool"),
        ({"models": ["a", "b"]}, "fallback_models"),
        ({"audio": {"voice": "x"}}, "unbounded_output"),
        ({"modalities": ["text", "audio"]}, "unbounded_output"),
        ({"prediction": {"type": "content", "content": "x"}}, "unbounded_output"),
        ({"tools": [{"type": "web_search"}]}, "unbounded_tool"),
        ({"n": 0}, "invalid_request"),
        ({"n": 129}, "invalid_request"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "x"}}]}]}, "unbounded_file"),
        ({"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "x"}}]}]}, "unbounded_file"),
        ({"messages": [{"role": "user", "content": [{"type": "audio_url", "audio_url": {"url": "x"}}]}]}, "unbounded_file"),
        ({"messages": [{"role": "user", "content": [{"type": "document_url", "document_url": "x"}]}]}, "unbounded_file"),
        ({"messages": [{"role": "assistant", "audio": {"id": "x"}}]}, "stored_input"),
        ({"Max_Tokens": 5}, "ambiguous_key"),
        ({"max_tokens": 5.0}, "invalid_request"),
    ],
)
def test_a_request_without_a_bound_is_refused_by_name(members: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(**members)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "empty", [{"enable_search": False}, {"plugins": []}, {"models": None}, {"n": None}, {"tools": None}, {"modalities": ["text"]}]
)
def test_empty_members_are_no_reason_to_refuse(empty: dict[str, Any]) -> None:
    assert read(**empty).is_exact


def test_thoughts_that_no_limit_bounds_make_a_doubt() -> None:
    assert read(enable_thinking=True).doubts == ("parameter:enable_thinking",)


def test_several_answers_and_marks_for_a_cache_are_seen() -> None:
    asked = read(n=3, messages=[{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"ttl": "1h"}}]}])
    assert (asked.answers, asked.cache_write) == (3, "1h")


def test_pictures_count_by_model() -> None:
    link = {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAA+gAAAPoCAIAAAC"}
    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": link}]}]
    assert read(messages=messages).media_tokens == 36 * 36 * 2.5
    assert read(messages=messages, model="gpt-4o-mini").media_tokens == 48_200
    assert read(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": "https://x"}]}]).media_tokens == 25_000


@pytest.mark.parametrize(
    ("body", "edited"),
    [
        ('{"max_tokens":5}', '{"max_tokens":3}'),
        ('{"max_completion_tokens":5}', '{"max_completion_tokens":3}'),
        ('{"max_tokens":5,"max_completion_tokens":9}', '{"max_tokens":3,"max_completion_tokens":3}'),
        ('{"a":1}', '{"max_completion_tokens":3,"a":1}'),
        ('{"max_completion_tokens":null,"a":1}', '{"max_completion_tokens":3,"a":1}'),
    ],
)
def test_a_limit_keeps_the_name_that_the_body_uses(body: str, edited: str) -> None:
    assert API.with_limit(body.encode(), 3) == edited.encode()
    if '"max_tokens"' not in body and "5" not in body:
        assert b'"max_tokens":3' in Chat(limit_name="max_tokens").with_limit(body.encode(), 3)


@pytest.mark.parametrize(
    ("body", "edited"),
    [
        ('{"stream":true}', '{"stream_options":{"include_usage":true},"stream":true}'),
        ('{"stream":true,"stream_options":{"include_usage":false}}', '{"stream":true,"stream_options":{"include_usage":true}}'),
        ('{"stream":true,"stream_options": {"x":1}}', '{"stream":true,"stream_options": {"include_usage":true,"x":1}}'),
        ('{"stream":true,"stream_options":null}', '{"stream":true,"stream_options":{"include_usage":true}}'),
        ('{"stream":true,"stream_options":{"include_usage":true}}', None),
        ('{"stream":false}', None),
        ("{}", None),
    ],
)
def test_a_stream_is_asked_for_its_count(body: str, edited: str | None) -> None:
    assert API.with_usage(body.encode()) == (edited or body).encode()


def test_an_error_has_the_providers_shape() -> None:
    error = json.loads(API.error(402, "no_money", "No money."))["error"]
    assert error == {"message": "No money.", "type": "insufficient_quota", "code": "no_money", "param": None}


DONE = b"data: [DONE]\n\n"
COUNT = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def chunk(usage: Any = None, reason: str | None = None, *, choices: bool = True, **members: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": reason}
    data = {"id": "c1", "model": "m1", "choices": [choice] if choices else [], "usage": usage} | members
    return answers.sse((None, data))


def meter(*chunks: bytes, complete: bool = True) -> Reading:
    return answers.read("openai_chat", *chunks, complete=complete)


@pytest.mark.parametrize(
    ("chunks", "is_final"),
    [
        ([chunk(), chunk(reason="stop"), chunk(COUNT, choices=False), DONE], True),
        ([chunk(), chunk(COUNT, "stop"), DONE], True),
        ([chunk({"prompt_tokens": 1}), chunk(COUNT, "stop"), DONE], True),
        ([chunk(), chunk(COUNT, "stop")], True),
        ([chunk(reason="stop"), DONE, chunk(COUNT, choices=False)], True),
        ([chunk(COUNT), chunk()], False),
        ([chunk(COUNT), DONE], False),
        ([chunk(COUNT), chunk(reason="stop")], False),
        ([chunk(reason="stop"), DONE], False),
        ([chunk(COUNT, "error", error={"code": 502, "message": "x"}), DONE], False),
    ],
)
def test_a_count_is_final_once_the_answer_has_finished(chunks: list[bytes], is_final: bool) -> None:
    assert meter(*chunks).is_final == is_final


def test_a_stream_that_breaks_off_before_its_last_line_is_not_final() -> None:
    assert not meter(chunk(COUNT, "stop"), complete=False).is_final


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 60}}, (40, 20, 60, 0, 0, 0)),
        ({"prompt_cache_hit_tokens": 60, "prompt_cache_miss_tokens": 40}, (40, 20, 60, 0, 0, 0)),
        ({"cached_tokens": 60}, (40, 20, 60, 0, 0, 0)),
        ({"prompt_tokens_details": {"cached_tokens": 50, "cache_write_tokens": 30}}, (20, 20, 50, 30, 0, 0)),
        ({"cache_read_input_tokens": 50, "cache_creation_input_tokens": 30}, (20, 20, 50, 30, 0, 0)),
        (
            {
                "cache_creation_input_tokens": 30,
                "prompt_tokens_details": {"cache_creation_token_details": {"ephemeral_1h_input_tokens": 10}},
            },
            (70, 20, 0, 20, 10, 0),
        ),
        ({"total_tokens": 190, "completion_tokens_details": {"reasoning_tokens": 70}}, (100, 20, 0, 0, 0, 70)),
        ({"total_tokens": 190}, (100, 20, 0, 0, 0, 70)),
        ({"prompt_tokens_details": {"cached_tokens": 500}, "total_tokens": 620}, (100, 20, 500, 0, 0, 0)),
        ({"prompt_tokens_details": None, "total_tokens": None}, (100, 20, 0, 0, 0, 0)),
    ],
)
def test_the_parts_of_a_count_exclude_each_other(more: dict[str, Any], counts: tuple[int, ...]) -> None:
    usage = answers.usage(meter(chunk(COUNT | more, "stop"), DONE))
    assert (usage.input, usage.output, usage.cache_read, usage.cache_write, usage.cache_write_1h, usage.unexplained) == counts


def test_a_count_that_comes_twice_is_not_added() -> None:
    usage = answers.usage(meter(chunk(COUNT, "stop"), chunk(COUNT | {"completion_tokens": 21}, choices=False), DONE))
    assert (usage.input, usage.output, usage.model, usage.provider_id) == (100, 21, "m1", "c1")


def test_thoughts_under_two_names_count_once() -> None:
    delta = {"reasoning": "abcdef", "reasoning_content": "abcdef", "content": "gh"}
    data = {"choices": [{"delta": delta, "finish_reason": None}]}
    assert answers.read("openai_chat", answers.sse((None, data))).streamed_bytes == 8


def test_an_error_is_named() -> None:
    body = b'{"error":{"message":"x","type":"invalid_request_error","code":"model_not_found"}}'
    assert answers.read("openai_chat", body, kind="application/json").error == "model_not_found"
    assert answers.read("openai_chat", b'{"error":"busy"}', kind="application/json").error == "busy"
