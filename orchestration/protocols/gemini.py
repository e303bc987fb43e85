"""Google's Gemini API: requests. The path names the model, and whether the answer streams. Google takes each name in two spellings."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.protocols.gemini_answers import Contents
from orchestration.protocols.shared import json_edits, media, reading
from orchestration.protocols.shared.interface import Api, Meter, Refused, Request, Route
from orchestration.protocols.shared.media import Media
from orchestration.protocols.shared.metering import BodyMeter
from orchestration.protocols.shared.reading import Values, unbounded
from orchestration.protocols.shared.routes import parts_of

_VERB = re.compile(r"(?:models|tunedModels)/([A-Za-z0-9._@-]{1,120}):([A-Za-z]+)")
_MODELS = re.compile(r"models(/[A-Za-z0-9._@-]{1,120})?")
_PARAMETERS = reading.names(
    "cachedContent contents generationConfig labels model safetySettings serviceTier store systemInstruction toolConfig tools"
)
_PRICED = reading.names("cachedContent contents generationConfig serviceTier systemInstruction tools")
_OUTSIDE_PROMPT = reading.names("contents generationConfig labels model safetySettings serviceTier systemInstruction tools")
_CLIENT_TOOLS = ("functionDeclarations", "computerUse")
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


class Gemini:
    name = "gemini"
    api = Api(
        address="https://generativelanguage.googleapis.com",
        keys=("GEMINI_API_KEY",),
        addresses=("GOOGLE_GEMINI_BASE_URL",),
        key_header=("x-goog-api-key", ""),
        telemetry_name="gcp.gemini",
    )
    version = "v1beta"
    query = frozenset(("alt", "pageSize", "pageToken"))

    def match(self, method: str, path: str) -> Route | None:
        version, endpoint = parts_of(re.sub("%3A", ":", path, flags=re.I))  # some of its clients encode the colon
        if method in ("GET", "HEAD"):
            return Route("free", version, endpoint) if _MODELS.fullmatch(endpoint) else None
        match = _VERB.fullmatch(endpoint)
        if method != "POST" or match is None:
            return None
        model, verb = match.groups()
        if verb.startswith("batch"):
            raise unbounded("batches", "a batch is billed long after it is sent")
        streams = {"generateContent": False, "streamGenerateContent": True}.get(verb)
        if streams is None:
            return Route("free", version, endpoint, model) if verb == "countTokens" else None
        return Route("generate", version, endpoint, model, streams)

    @reading.refuses_deep
    def read(self, route: Route, body: bytes, headers: Mapping[str, str]) -> Request:
        values = _camel(json_edits.read(body).values)
        config = _camel(reading.member(values, "generationConfig"))
        _refuse_parameters(values, config)
        tools = list(_tools(values))
        pieces = reading.bounded([*((tool, None) for tool in tools), *_pieces(values)])
        files = [piece for _, piece in pieces if piece is not None]
        hidden = reading.HIDDEN_TOKENS if tools or config.get("responseSchema") or config.get("responseJsonSchema") else 0
        doubts = [*reading.parameters(values, _PARAMETERS, _PRICED), *(file.doubt for file in files if file.doubt)]
        return Request(
            model=route.model,
            streams=route.streams,
            output_limit=reading.integer(config, "maxOutputTokens"),
            thinking_budget=max(reading.integer(_camel(reading.member(config, "thinkingConfig")), "thinkingBudget", -1) or 0, 0),
            answers=reading.integer(config, "candidateCount", 1) or 1,
            context=reading.context({"service_tier": values.get("serviceTier")}, "service_tier"),
            text_bytes=max(len(body) - sum(file.data_bytes for file in files), 0),
            media_tokens=sum(file.tokens for file in files),
            hidden_tokens=hidden,
            items=(
                reading.settings_item(values, _OUTSIDE_PROMPT, hidden),
                *(reading.item(part, file) for part, file in pieces),
            ),
            doubts=tuple(dict.fromkeys(doubts)),
        )

    def with_limit(self, body: bytes, limit: int) -> bytes:
        values = json_edits.read(body).values
        outer = "generation_config" if "generation_config" in values else "generationConfig"
        config = values.get(outer)
        is_snake = isinstance(config, dict) and "max_output_tokens" in config
        return json_edits.with_value(body, [outer, "max_output_tokens" if is_snake else "maxOutputTokens"], limit)

    def with_usage(self, body: bytes) -> bytes:
        return body

    def counting(self, route: Route, body: bytes) -> tuple[Route, bytes] | None:
        name = f"models/{route.model}"
        counted = json.dumps({"generateContentRequest": {"model": name, **json.loads(body)}}).encode()
        return Route("free", endpoint=f"{name}:countTokens"), counted

    def meter(self, request: Request, content_type: str, encoding: str) -> Meter:
        return BodyMeter(Contents(), content_type, encoding)

    def error(self, status: int, code: str, message: str) -> bytes:
        reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code.upper(), "domain": "muster"}
        state = _STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
        return json.dumps({"error": {"code": status, "message": message, "status": state, "details": [reason]}}).encode()


def _camel(values: Values) -> dict[str, Any]:
    """The members under their first spelling. Refuses a member that is there in both."""
    members: dict[str, Any] = {}
    for name, value in values.items():
        head, *words = name.split("_")
        key = head + "".join(word.capitalize() for word in words)
        if key in members:
            raise Refused(
                400, "repeated_key", f"The request has {json.dumps(key[:60])} in two spellings: which one counts is not defined."
            )
        members[key] = value
    return members


def _refuse_parameters(values: Values, config: Values) -> None:
    if values.get("cachedContent"):
        raise unbounded("stored_input", "its provider would add content that it has stored")
    if any(str(modality).upper() != "TEXT" for modality in reading.parts(config.get("responseModalities"))) or reading.is_set(
        config, "speechConfig"
    ):
        raise unbounded("unbounded_output", "the answer is to be more than text")
    for name in ("routingConfig", "modelSelectionConfig"):
        if reading.is_set(config, name):
            raise unbounded("fallback_models", "its provider may answer with another model, at another price")


def _tools(values: Values) -> Iterator[dict[str, Any]]:
    """The functions that the body declares, each on its own. Refuses tools that the provider runs."""
    for tool in reading.objects(values, "tools"):
        members = _camel(tool)
        for name in members:
            if name not in _CLIENT_TOOLS:
                raise unbounded(
                    "unbounded_tool", f"its provider would run the tool {json.dumps(name)[:60]} as often as the model asks"
                )
        yield from reading.objects(members, "functionDeclarations")
        if "computerUse" in members:
            yield {"computerUse": members["computerUse"]}


def _pieces(values: Values) -> Iterator[tuple[Any, Media | None]]:
    system = values.get("systemInstruction")
    contents = reading.parts(values.get("contents"))
    for content in [*([system] if system else []), *contents]:
        parts = content.get("parts") if isinstance(content, dict) else None
        if not isinstance(parts, list | dict):
            yield content, None
            continue
        for part in reading.parts(parts):
            yield from _flattened(part)


def _flattened(part: Any) -> Iterator[tuple[Any, Media | None]]:
    """A part; a function's answer that has files as its frame and these."""
    key = next(
        (key for key in ("functionResponse", "function_response") if isinstance(part, dict) and isinstance(part.get(key), dict)),
        None,
    )
    answer = part[key] if key else {}
    if not answer.get("parts"):
        yield part, _media(part)
        return
    yield {**part, key: {**answer, "parts": []}}, None
    for inner in reading.parts(answer["parts"]):
        yield inner, _media(inner)


def _media(part: Any) -> Media | None:
    if not isinstance(part, dict):
        return None
    members = _camel(part)
    if members.get("fileData"):
        raise media.not_inline("file")
    inline = members.get("inlineData")
    if not isinstance(inline, dict):
        return None
    inline = _camel(inline)
    kind, data = str(inline.get("mimeType")).lower(), inline.get("data")
    if not isinstance(data, str):
        return None
    if kind.startswith("image/"):
        return media.gemini_picture(data)
    if kind == "application/pdf":
        return media.document(data)
    return Media(0, 0, f"media:{kind.partition('/')[0][:20]}")
