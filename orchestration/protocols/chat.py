"""OpenAI's Chat Completions, as many providers speak it: requests. Its answers are in openai_answers.py."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestration.protocols import openai_answers
from orchestration.protocols.openai_answers import Chunks
from orchestration.protocols.shared import json_edits, media, reading
from orchestration.protocols.shared.interface import Api, Meter, Request, Route
from orchestration.protocols.shared.media import Media
from orchestration.protocols.shared.metering import BodyMeter
from orchestration.protocols.shared.reading import Values, invalid, unbounded
from orchestration.protocols.shared.routes import OPENAI, OPENAI_QUERY, Endpoints

_PARAMETERS = reading.names(
    "audio cache_control chat_template_kwargs enable_thinking extra_body frequency_penalty function_call functions include_reasoning",
    "logit_bias logprobs max_completion_tokens max_tokens messages metadata min_p modalities model n parallel_tool_calls presence_penalty",
    "prompt_cache_key prompt_cache_options prompt_cache_retention reasoning reasoning_effort repetition_penalty response_format",
    "safety_identifier seed service_tier session_id stop store stream stream_options temperature thinking thinking_budget tool_choice tools",
    "top_a top_k top_logprobs top_p usage user verbosity",
)
_PRICED = reading.names(
    "audio best_of enable_search max_completion_tokens max_tokens messages modalities model models n plugins prediction",
    "search_parameters service_tier stream stream_options tools web_search_options",
)
_OUTSIDE_PROMPT = reading.names(
    "frequency_penalty functions logit_bias logprobs max_completion_tokens max_tokens messages metadata model n presence_penalty",
    "prompt_cache_key safety_identifier seed stop store stream stream_options temperature tools top_logprobs top_p user",
)
_REFUSED = {
    "web_search_options": ("unbounded_tool", "its provider would search the web as often as the model asks"),
    "search_parameters": ("unbounded_tool", "its provider would search the web as often as the model asks"),
    "enable_search": ("unbounded_tool", "its provider would search the web as often as the model asks"),
    "plugins": ("unbounded_tool", "its provider would run plugins"),
    "models": ("fallback_models", "its provider may answer with another model, at another price"),
    "audio": ("unbounded_output", "the answer is to be spoken"),
    "prediction": ("unbounded_output", "tokens of a prediction that is not used are billed too"),
    "best_of": ("unbounded_output", "its provider would write more answers than it sends"),
}
_ENDPOINTS = Endpoints({"chat/completions": "generate"}, {"batches": ("batches", "a batch is billed long after it is sent")})


@dataclass(frozen=True, slots=True)
class Chat:
    """OpenAI's Chat Completions. OpenAI's newest models refuse `max_tokens`; many other servers ignore the newer name."""

    limit_name: str = "max_completion_tokens"  # for bodies without an output limit
    name: str = "openai_chat"
    api: Api = OPENAI
    version: str = "v1"
    query: frozenset[str] = OPENAI_QUERY

    def match(self, method: str, path: str) -> Route | None:
        return _ENDPOINTS.match(method, path)

    @reading.refuses_deep
    def read(self, route: Route, body: bytes, headers: Mapping[str, str]) -> Request:
        parsed = json_edits.read(body)
        values = parsed.values
        _refuse_parameters(values)
        model = reading.model(values)
        reading.refuse_searching(model)
        tools = [*reading.objects(values, "tools"), *reading.objects(values, "functions")]
        for tool in tools:
            if tool.get("type") not in (None, "function", "custom"):
                raise unbounded("unbounded_tool", f"its provider would run the tool {json.dumps(tool.get('type'))[:60]}")
        pieces = reading.bounded([*((tool, None) for tool in tools), *_pieces(values, model)])
        files = [piece for _, piece in pieces if piece is not None]
        hidden = reading.HIDDEN_TOKENS if tools or values.get("response_format") else 0
        doubts = [*_doubts(values), *(file.doubt for file in files if file.doubt)]
        return Request(
            model=model,
            streams=reading.boolean(values, "stream"),
            output_limit=_limit(values),
            thinking_budget=_thinking_budget(values),
            answers=reading.integer(values, "n", 1) or 1,
            context=reading.context(values, "service_tier"),
            cache_write=reading.cache_write(parsed.cache_marks, "5m"),
            text_bytes=max(len(body) - sum(file.data_bytes for file in files), 0),
            media_tokens=sum(file.tokens for file in files),
            hidden_tokens=hidden,
            items=(reading.settings_item(values, _OUTSIDE_PROMPT, hidden), *(reading.item(part, file) for part, file in pieces)),
            doubts=tuple(dict.fromkeys(doubts)),
        )

    def with_limit(self, body: bytes, limit: int) -> bytes:
        """The body with this limit under the name that it uses; with both where it has both; with `limit_name` where it has none."""
        values = json_edits.read(body).values
        names = [name for name in ("max_completion_tokens", "max_tokens") if values.get(name) is not None]
        for name in names or [self.limit_name]:
            body = json_edits.with_value(body, [name], limit)
        return body

    def with_usage(self, body: bytes) -> bytes:
        values = json_edits.read(body).values
        if not reading.boolean(values, "stream") or reading.member(values, "stream_options").get("include_usage") is True:
            return body
        return json_edits.with_value(body, ["stream_options", "include_usage"], True)

    def counting(self, route: Route, body: bytes) -> None:
        return None

    def meter(self, request: Request, content_type: str, encoding: str) -> Meter:
        return BodyMeter(Chunks(), content_type, encoding)

    def error(self, status: int, code: str, message: str) -> bytes:
        return openai_answers.error(status, code, message)


def _refuse_parameters(values: Values) -> None:
    for name, (code, reason) in _REFUSED.items():
        if reading.is_set(values, name):
            raise unbounded(code, reason)
    if any(modality != "text" for modality in reading.parts(values.get("modalities"))):
        raise unbounded("unbounded_output", "the answer is to be more than text")
    if (reading.integer(values, "n", 1) or 1) > 128:
        raise invalid("n must be at most 128.")


def _limit(values: Values) -> int | None:
    """The larger of two limits: servers differ in which one they follow."""
    limits = [reading.integer(values, name) for name in ("max_completion_tokens", "max_tokens")]
    return max((limit for limit in limits if limit is not None), default=None)


def _thinking_budget(values: Values) -> int:
    """A budget as OpenRouter, litellm and DashScope name it."""
    budgets = [
        reading.integer(_settings(values, "reasoning"), "max_tokens"),
        reading.integer(_settings(values, "thinking"), "budget_tokens"),
        reading.integer(values, "thinking_budget"),
    ]
    return max(budget or 0 for budget in budgets)


def _settings(values: Values, name: str) -> Values:
    value = values.get(name)
    return value if isinstance(value, dict) else {}


def _pieces(values: Values, model: str) -> Iterator[tuple[Any, Media | None]]:
    for message in reading.objects(values, "messages"):
        if message.get("audio"):
            raise unbounded("stored_input", "its provider would add sound that it has stored")
        content = message.get("content")
        if isinstance(content, list):
            yield {**message, "content": []}, None
            for part in content:
                yield part, _media(part, model)
        elif isinstance(content, str):
            yield {**message, "content": []}, None
            yield content, None
        else:
            yield message, None


def _media(part: Any, model: str) -> Media | None:
    if not isinstance(part, dict):
        return None
    match part.get("type"):
        case "image_url":
            link = part.get("image_url")
            return media.openai_link(link.get("url") if isinstance(link, dict) else link, model)
        case "file":
            file = part.get("file")
            return media.openai_file(file.get("file_data") if isinstance(file, dict) else None)
        case "input_audio":
            return Media(0, 0, "media:audio")
        case str(kind) if kind.endswith("_url") or kind == "input_video":  # audio_url, document_url, video_url of other servers
            raise media.not_inline(kind.removesuffix("_url").removeprefix("input_"))
        case "image" | "input_image":
            link = part.get("image_url", part.get("image"))
            return media.openai_link(link, model)
    return None


def _doubts(values: Values) -> Iterator[str]:
    if values.get("enable_thinking") is True and not values.get("thinking_budget"):
        yield "parameter:enable_thinking"  # DashScope does not count thoughts against the output limit
    yield from reading.parameters(values, _PARAMETERS, _PRICED)
