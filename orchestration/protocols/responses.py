"""OpenAI's Responses API: requests. Its answers are in openai_answers.py."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestration.protocols import openai_answers
from orchestration.protocols.openai_answers import ResponseEvents
from orchestration.protocols.shared import json_edits, media, reading
from orchestration.protocols.shared.interface import Meter, Request, Route
from orchestration.protocols.shared.media import Media
from orchestration.protocols.shared.metering import BodyMeter
from orchestration.protocols.shared.reading import Values, unbounded
from orchestration.protocols.shared.routes import OPENAI, OPENAI_QUERY, Endpoints

_PARAMETERS = reading.names(
    "background client_metadata context_management conversation include input instructions max_output_tokens max_tool_calls metadata model",
    "parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options prompt_cache_retention reasoning safety_identifier",
    "service_tier store stream stream_options temperature text tool_choice tools top_logprobs top_p truncation user",
)
_PRICED = reading.names(
    "background conversation input instructions max_output_tokens max_tool_calls model previous_response_id prompt service_tier stream tools"
)
_OUTSIDE_PROMPT = reading.names(
    "client_metadata include input instructions max_output_tokens max_tool_calls metadata model prompt_cache_key safety_identifier store",
    "stream stream_options tools user",
)
_CLIENT_TOOLS = (None, "function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview")
_TYPED_TOOLS = ("local_shell", "apply_patch", "computer", "computer_use_preview", "shell", "tool_search")


class Responses:
    name = "openai_responses"
    api = OPENAI
    version = "v1"
    query = OPENAI_QUERY
    _endpoints = Endpoints(
        {"responses": "generate", "responses/input_tokens": "free"},
        {
            "batches": ("batches", "a batch is billed long after it is sent"),
            "responses/compact": ("unbounded_compaction", "this endpoint takes no output limit"),
        },
    )

    def match(self, method: str, path: str) -> Route | None:
        return self._endpoints.match(method, path)

    @reading.refuses_deep
    def read(self, route: Route, body: bytes, headers: Mapping[str, str]) -> Request:
        parsed = json_edits.read(body)
        values = parsed.values
        _refuse_parameters(values)
        model = reading.model(values)
        tools = list(_tools(values))
        searches = _searches(values, tools)
        if not searches:
            reading.refuse_searching(model)
        pieces = reading.bounded(_pieces(values, tools, model))
        files = [piece for _, piece, _ in pieces if piece is not None]
        hidden = reading.HIDDEN_TOKENS if tools or reading.member(values, "text").get("format") else 0
        doubts = [*reading.parameters(values, _PARAMETERS, _PRICED), *(file.doubt for file in files if file.doubt)]
        return Request(
            model=model,
            streams=reading.boolean(values, "stream"),
            output_limit=reading.integer(values, "max_output_tokens"),
            context=reading.context(values, "service_tier"),
            cache_write=reading.cache_write(parsed.cache_marks, "5m"),
            text_bytes=max(len(body) - sum(file.data_bytes for file in files), 0),
            media_tokens=sum(file.tokens for file in files),
            hidden_tokens=hidden + sum(tokens for _, _, tokens in pieces),
            items=(
                reading.settings_item(values, _OUTSIDE_PROMPT, hidden),
                *(reading.item(part, file, tokens) for part, file, tokens in pieces),
            ),
            searches=searches,
            search_tokens=reading.SEARCH_TOKENS if searches else 0,
            doubts=tuple(dict.fromkeys([*doubts, *(["tool:web_search"] if searches else [])])),
        )

    def with_limit(self, body: bytes, limit: int) -> bytes:
        return json_edits.with_value(body, ["max_output_tokens"], limit)

    def with_usage(self, body: bytes) -> bytes:
        return body

    def counting(self, route: Route, body: bytes) -> None:
        return None

    def meter(self, request: Request, content_type: str, encoding: str) -> Meter:
        return BodyMeter(ResponseEvents(), content_type, encoding)

    def error(self, status: int, code: str, message: str) -> bytes:
        return openai_answers.error(status, code, message)


def _refuse_parameters(values: Values) -> None:
    if reading.boolean(values, "background"):
        raise unbounded("background", "it would go on at its provider after its connection has ended")
    if reading.is_set(values, "previous_response_id") or reading.is_set(values, "conversation"):
        raise unbounded("stored_input", "its provider would add input that it has stored")
    if reading.is_set(values, "prompt"):
        raise unbounded("stored_prompt", "its provider would add a prompt that it has stored")
    if reading.is_set(values, "context_management"):
        raise unbounded("unbounded_compaction", "its provider would read the conversation again to summarise it")


def _tools(values: Values) -> Iterator[dict[str, Any]]:
    """The tools of the body, also those in namespaces and those that the input adds."""
    yield from _flattened(reading.objects(values, "tools"))
    for part in reading.parts(values.get("input")):
        if isinstance(part, dict) and part.get("type") == "additional_tools":
            yield from _flattened(reading.objects(part, "tools"))


def _flattened(tools: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for tool in tools:
        if tool.get("type") == "namespace":
            yield {key: value for key, value in tool.items() if key != "tools"} | {"type": "function"}
            yield from _flattened(reading.objects(tool, "tools"))
        else:
            yield tool


def _searches(values: Values, tools: list[dict[str, Any]]) -> int:
    """The web searches that the body allows. Refuses tools that the provider runs as often as the model asks."""
    most = reading.integer(values, "max_tool_calls", 1)
    searches = 0
    for tool in tools:
        type_ = tool.get("type")
        environment = tool.get("environment")
        is_local = isinstance(environment, dict) and environment.get("type") == "local"
        if (
            type_ in _CLIENT_TOOLS
            or (type_ == "shell" and is_local)
            or (type_ == "tool_search" and tool.get("execution") == "client")
        ):
            continue
        if isinstance(type_, str) and type_.startswith("web_search") and most is not None:
            searches = most
            continue
        code = "hosted_mcp" if type_ == "mcp" else "unbounded_tool"
        raise unbounded(code, f"its provider would run the tool {json.dumps(type_)[:60]} as often as the model asks")
    return searches


def _pieces(values: Values, tools: list[dict[str, Any]], model: str) -> Iterator[tuple[Any, Media | None, int]]:
    for tool in tools:
        yield tool, None, reading.TYPED_TOOL_TOKENS if tool.get("type") in _TYPED_TOOLS else 0
    if values.get("instructions"):
        yield values["instructions"], None, 0
    for part in reading.parts(values.get("input")):
        if not isinstance(part, dict):
            yield part, None, 0
            continue
        if part.get("type") == "item_reference":
            raise unbounded("stored_input", "its provider would add input that it has stored")
        if part.get("type") == "compaction_trigger":
            raise unbounded("unbounded_compaction", "its provider would read the conversation again to summarise it")
        key = next((key for key in ("content", "output") if isinstance(part.get(key), list | dict)), None)
        if key is None:
            yield part, None, 0
            continue
        yield {**part, key: []}, None, 0
        for inner in reading.parts(part[key]):
            yield inner, _media(inner, model), 0


def _media(part: Any, model: str) -> Media | None:
    if not isinstance(part, dict):
        return None
    match part.get("type"):
        case "input_image" | "computer_screenshot":
            return media.openai_link(part.get("image_url"), model)
        case "input_file":
            return media.openai_file(part.get("file_data"))
        case "input_audio":
            return Media(0, 0, "media:audio")
    return None
