"""Google's Gemini: what a request may cost, and what its answer says that it did."""

import json
from typing import Any

import pytest

from orchestration.protocols.gemini import Gemini
from orchestration.protocols.shared.interface import Refused, Request, Route
from tests.orchestration.protocols import answers

API = Gemini()
STREAM = "models/gemini-2.5-pro:streamGenerateContent"
ROUTE = Route("generate", "v1beta", STREAM, "gemini-2.5-pro", streams=True)
BASE = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def read(**members: Any) -> Request:
    return API.read(ROUTE, json.dumps(BASE | members).encode(), {})


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", f"/v1beta/{STREAM}", ROUTE),
        ("POST", "/models/x%3AgenerateContent", Route("generate", "", "models/x:generateContent", "x")),
        ("POST", "/v1beta/models/x:countTokens", Route("free", "v1beta", "models/x:countTokens", "x")),
        ("GET", "/v1beta/models", Route("free", "v1beta", "models")),
        ("GET", "/v1beta/models/x", Route("free", "v1beta", "models/x")),
        ("POST", "/v1beta/models/gemini-2.5-pro:embedContent", None),
        ("POST", "/v1beta/models/a/../b:generateContent", None),
        ("POST", "/v1beta/cachedContents", None),
        ("GET", "/v1beta/models/gemini-2.5-pro:generateContent", None),
    ],
)
def test_the_path_names_the_model_and_the_verb(method: str, path: str, route: Route | None) -> None:
    assert API.match(method, path) == route


def test_batches_are_refused_by_name() -> None:
    with pytest.raises(Refused, match="batch"):
        API.match("POST", "/v1beta/models/gemini-2.5-pro:batchGenerateContent")


@pytest.mark.parametrize(
    "members",
    [
        {
            "generationConfig": {"maxOutputTokens": 5, "candidateCount": 2, "thinkingConfig": {"thinkingBudget": 8_192}},
            "systemInstruction": {"parts": [{"text": "x"}]},
            "serviceTier": "FLEX",
        },
        {
            "generation_config": {"max_output_tokens": 5, "candidate_count": 2, "thinking_config": {"thinking_budget": 8_192}},
            "system_instruction": {"parts": [{"text": "x"}]},
            "service_tier": "flex",
        },
    ],
)
def test_both_spellings_are_read(members: dict[str, Any]) -> None:
    asked = read(**members, tools=[{"functionDeclarations": [{"name": "a"}, {"name": "b"}]}])
    assert (asked.model, asked.streams, asked.output_limit, asked.answers, asked.thinking_budget) == (
        "gemini-2.5-pro",
        True,
        5,
        2,
        8_192,
    )
    assert (asked.context, asked.hidden_tokens, asked.is_exact, len(asked.items)) == ((("service_tier", "flex"),), 2_000, True, 5)


def test_a_budget_that_the_model_chooses_is_none() -> None:
    assert read(generationConfig={"thinkingConfig": {"thinkingBudget": -1}}).thinking_budget == 0


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"tools": [{"google_search": {}}]}, "unbounded_tool"),
        ({"tools": [{"googleSearch": {}}]}, "unbounded_tool"),
        ({"tools": [{"functionDeclarations": [], "urlContext": {}}]}, "unbounded_tool"),
        ({"tools": [{"codeExecution": {}}]}, "unbounded_tool"),
        ({"tools": [{"mcpServers": []}]}, "unbounded_tool"),
        ({"cachedContent": "cachedContents/x"}, "stored_input"),
        ({"cached_content": "cachedContents/x"}, "stored_input"),
        ({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}, "unbounded_output"),
        ({"generationConfig": {"speechConfig": {"a": 1}}}, "unbounded_output"),
        ({"generationConfig": {"routingConfig": {"a": 1}}}, "fallback_models"),
        ({"generationConfig": {}, "generation_config": {}}, "repeated_key"),
        ({"generationConfig": {"maxOutputTokens": 1, "max_output_tokens": 2}}, "repeated_key"),
        ({"generationConfig": {"maxOutputTokens": "5"}}, "invalid_request"),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "x"}}]}]}, "unbounded_file"),
        ({"contents": [{"parts": [{"file_data": {"file_uri": "x"}}]}]}, "unbounded_file"),
        ({"Tools": []}, "ambiguous_key"),
    ],
)
def test_a_request_without_a_bound_is_refused_by_name(members: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(**members)
    assert refusal.value.code == code


def test_pictures_count_also_in_the_answer_of_a_function() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgoAAAANSUhEUgAAA+gAAAPoCAIAAAC" + "A" * 900}}
    answer = {"functionResponse": {"name": "read", "response": {}, "parts": [picture]}}
    for part in (picture, answer):
        asked = read(contents=[{"role": "user", "parts": [part]}])
        assert asked.media_tokens == sum(item.media_tokens for item in asked.items) == 2_240
        assert asked.text_bytes < 250
    assert read(contents=[{"parts": [{"inline_data": {"mime_type": "audio/mp3", "data": "AAAA"}}]}]).doubts == ("media:audio",)


def test_two_pictures_are_two_parts() -> None:
    parts = [{"inlineData": {"mimeType": "image/png", "data": data}} for data in ("AAAA", "BBBB")]
    asked = read(contents=[{"parts": [{"functionResponse": {"parts": parts}}]}])
    assert len({item.digest for item in asked.items}) == len(asked.items) == 4


@pytest.mark.parametrize(
    ("body", "edited"),
    [
        ("{}", '{"generationConfig":{"maxOutputTokens":3}}'),
        ('{"generationConfig":{"topK":1}}', '{"generationConfig":{"maxOutputTokens":3,"topK":1}}'),
        ('{"generationConfig":{"maxOutputTokens":9}}', '{"generationConfig":{"maxOutputTokens":3}}'),
        ('{"generation_config":{"max_output_tokens":9}}', '{"generation_config":{"max_output_tokens":3}}'),
        ('{"generation_config":{}}', '{"generation_config":{"maxOutputTokens":3}}'),
        ('{"generationConfig":null}', '{"generationConfig":{"maxOutputTokens":3}}'),
    ],
)
def test_a_limit_keeps_the_spelling_of_the_body(body: str, edited: str) -> None:
    assert API.with_limit(body.encode(), 3) == edited.encode()
    assert API.with_usage(body.encode()) == body.encode()


def test_an_error_has_the_providers_shape() -> None:
    error = json.loads(API.error(429, "no_money", "No money."))["error"]
    assert (error["code"], error["message"], error["status"], error["details"][0]["reason"]) == (
        429,
        "No money.",
        "RESOURCE_EXHAUSTED",
        "NO_MONEY",
    )


def chunk(usage: Any = None, reason: str | None = None, **members: Any) -> tuple[None, dict[str, Any]]:
    candidate = {"content": {"parts": [{"text": "x"}]}} | ({"finishReason": reason} if reason else {})
    return None, {"candidates": [candidate], "modelVersion": "m1", "responseId": "r1", "usageMetadata": usage} | members


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120}, (100, 20, 0, 0)),
        (
            {"promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 20, "thoughtsTokenCount": 5},
            (40, 25, 60, 0),
        ),
        (
            {"promptTokenCount": 100, "toolUsePromptTokenCount": 30, "candidatesTokenCount": 20, "totalTokenCount": 150},
            (130, 20, 0, 0),
        ),
        ({"promptTokenCount": 100, "totalTokenCount": 150}, (100, 0, 0, 50)),
        ({"promptTokenCount": 100, "cachedContentTokenCount": 500}, (0, 0, 100, 0)),
    ],
)
def test_the_parts_of_a_count_exclude_each_other(usage: dict[str, int], counts: tuple[int, ...]) -> None:
    reading = answers.read("gemini", answers.sse(chunk(usage, "STOP")))
    counted = answers.usage(reading)
    assert (counted.input, counted.output, counted.cache_read, counted.unexplained) == counts and reading.is_final
    assert (counted.model, counted.provider_id) == ("m1", "r1")


COUNT = {"promptTokenCount": 100, "candidatesTokenCount": 20, "serviceTier": "PRIORITY"}


@pytest.mark.parametrize(
    ("chunks", "is_final"),
    [
        ([chunk(COUNT), chunk(COUNT, "STOP")], True),
        ([chunk(COUNT), chunk(None, "STOP"), chunk(COUNT)], True),
        ([chunk(COUNT), chunk(None, "STOP")], False),
        ([chunk(COUNT)], False),
        ([(None, {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": COUNT})], True),
        ([chunk(COUNT, "STOP"), (None, {"error": {"code": 503, "status": "UNAVAILABLE"}})], False),
    ],
)
def test_a_count_is_final_once_a_candidate_has_finished(chunks: list[Any], is_final: bool) -> None:
    reading = answers.read("gemini", answers.sse(*chunks))
    assert reading.is_final == is_final and answers.usage(reading).context == (("service_tier", "priority"),)


def test_an_error_is_named() -> None:
    body = b'[{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}]'
    assert answers.read("gemini", body, kind="application/json").error == "RESOURCE_EXHAUSTED"
