"""Anthropic's Messages API: requests. Its answers are in anthropic_answers.py."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.protocols.anthropic_answers import Messages
from orchestration.protocols.shared import json_edits, media, reading
from orchestration.protocols.shared.interface import Api, Meter, Request, Route
from orchestration.protocols.shared.media import Media
from orchestration.protocols.shared.metering import BodyMeter
from orchestration.protocols.shared.reading import Values, unbounded
from orchestration.protocols.shared.routes import Endpoints

_PARAMETERS = reading.names(
    "cache_control container context_management diagnostics fallback_credit_token inference_geo max_tokens messages metadata model",
    "output_config output_format service_tier speed stop_sequences stream system temperature thinking tool_choice tools top_k top_p",
)
_COUNTED = reading.names("messages model system thinking tool_choice tools")
"""The members that the counting of tokens takes."""
_PRICED = reading.names("max_tokens model stream tools messages system mcp_servers container fallbacks speed thinking")
_OUTSIDE_PROMPT = reading.names(
    "cache_control diagnostics fallback_credit_token max_tokens messages metadata model stream system tools"
)
_BETAS = reading.names(
    "advanced-tool-use cache-diagnosis claude-code computer-use context-1m context-management effort extended-cache-ttl fast-mode files-api",
    "fine-grained-tool-streaming interleaved-thinking mid-conversation-system mid-conversation-tool-changes oauth output-128k pdfs",
    "model-context-window-exceeded per-turn-control prompt-caching prompt-caching-scope redact-thinking structured-outputs task-budgets",
    "thinking-display-updates thinking-token-count token-counting token-efficient-tools tool-examples web-fetch web-search",
)
"""Betas, without their dates, that change no price and no bound: what they add to a body is bounded or refused by name."""
_BETA_DATE = re.compile(r"-\d{4}-?\d{2}-?\d{2}$")
_CLIENT_TOOLS = re.compile(r"(bash|text_editor|computer|memory)_\d{8}$")
_SEARCH_TOOLS = re.compile(r"web_(search|fetch)_\d{8}$")
_FREE_TYPES = (None, "", "custom")
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}


class Anthropic:
    name = "anthropic"
    api = Api(
        address="https://api.anthropic.com",
        keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
        addresses=("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE"),
        key_header=("x-api-key", ""),
        bearer_keys=frozenset({"ANTHROPIC_AUTH_TOKEN"}),
        headers=(("anthropic-version", "2023-06-01"),),
        rate_limit="anthropic-ratelimit-requests-{}",
    )
    version = "v1"
    query = frozenset(("beta", "limit", "before_id", "after_id"))
    _endpoints = Endpoints(
        {"messages": "generate", "messages/count_tokens": "free"},
        {"messages/batches": ("batches", "a batch is billed long after it is sent")},
    )

    def match(self, method: str, path: str) -> Route | None:
        return self._endpoints.match(method, path)

    @reading.refuses_deep
    def read(self, route: Route, body: bytes, headers: Mapping[str, str]) -> Request:
        parsed = json_edits.read(body)
        values = parsed.values
        _refuse_parameters(values)
        model = reading.model(values)
        reading.refuse_searching(model)
        tools = reading.objects(values, "tools")
        pieces = reading.bounded(_pieces(values, tools))
        files = [piece for _, piece, _ in pieces if piece is not None]
        hidden = reading.HIDDEN_TOKENS if tools or _has_format(values) else 0
        searches, search_tokens = _searches(tools)
        return Request(
            model=model,
            streams=reading.boolean(values, "stream"),
            output_limit=reading.integer(values, "max_tokens"),
            thinking_budget=reading.integer(reading.member(values, "thinking"), "budget_tokens") or 0,
            context=reading.context(values, "service_tier", "speed", "inference_geo"),
            cache_write=reading.cache_write(parsed.cache_marks),
            text_bytes=max(len(body) - sum(file.data_bytes for file in files), 0),
            media_tokens=sum(file.tokens for file in files),
            hidden_tokens=hidden + sum(tokens for _, _, tokens in pieces),
            items=(
                reading.settings_item(values, _OUTSIDE_PROMPT, hidden),
                *(reading.item(part, file, tokens) for part, file, tokens in pieces),
            ),
            searches=searches,
            search_tokens=search_tokens,
            doubts=tuple(dict.fromkeys([*_doubts(values, headers, searches), *(file.doubt for file in files if file.doubt)])),
        )

    def with_limit(self, body: bytes, limit: int) -> bytes:
        return json_edits.with_value(body, ["max_tokens"], limit)

    def with_usage(self, body: bytes) -> bytes:
        return body

    def counting(self, route: Route, body: bytes) -> tuple[Route, bytes] | None:
        values = {name: value for name, value in json.loads(body).items() if name in _COUNTED}
        return Route("free", endpoint="messages/count_tokens"), json.dumps(values).encode()

    def meter(self, request: Request, content_type: str, encoding: str) -> Meter:
        return BodyMeter(Messages(request), content_type, encoding)

    def error(self, status: int, code: str, message: str) -> bytes:
        type_ = _ERRORS.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return json.dumps({"type": "error", "error": {"type": type_, "message": message, "code": code}}).encode()


def _refuse_parameters(values: Values) -> None:
    if reading.is_set(values, "mcp_servers"):
        raise unbounded("hosted_mcp", "its provider would call tools of MCP servers as often as the model asks")
    if reading.is_set(values, "fallbacks"):
        raise unbounded("fallback_models", "its provider may answer with another model, at another price")
    if reading.is_set(values, "compaction"):
        raise unbounded("unbounded_compaction", "its provider would read the conversation again to summarise it")
    container = values.get("container")
    if isinstance(container, dict) and container.get("skills"):
        raise unbounded("unbounded_tool", "it runs skills at its provider")
    for edit in reading.objects(reading.member(values, "context_management"), "edits"):
        if not str(edit.get("type")).startswith("clear_"):
            raise unbounded("unbounded_compaction", "its provider would read the conversation again to summarise it")


def _pieces(values: Values, tools: list[dict[str, Any]]) -> Iterator[tuple[Any, Media | None, int]]:
    """The parts of the conversation, each with its picture or document, and the tokens of definitions that the body only names."""
    for tool in tools:
        yield tool, None, 0 if tool.get("type") in _FREE_TYPES else reading.TYPED_TOOL_TOKENS
    for part in reading.parts(values.get("system")):
        yield part, None, 0
    for message in reading.objects(values, "messages"):
        for part in reading.parts(message.get("content")):
            for inner in _flattened(part):
                yield inner, _media(inner), 0


def _flattened(part: Any) -> Iterator[Any]:
    """A part; one that has parts of its own, such as a tool's result, as its frame and these."""
    source = part.get("source") if isinstance(part, dict) else None
    if isinstance(part, dict) and isinstance(part.get("content"), list | dict):
        yield {**part, "content": []}
        inner = part["content"]
    elif isinstance(source, dict) and source.get("type") == "content":
        yield {**part, "source": {}}
        inner = source.get("content")
    else:
        yield part
        return
    for each in reading.parts(inner):
        yield from _flattened(each)


def _media(part: Any) -> Media | None:
    if not isinstance(part, dict) or part.get("type") not in ("image", "document", "container_upload"):
        return None
    source = part.get("source")
    if source == {}:
        return None  # a frame: its parts follow
    kind = source.get("type") if isinstance(source, dict) else "file"
    data = source.get("data") if isinstance(source, dict) and kind == "base64" else None
    if part["type"] == "image":
        return media.anthropic_picture(data if isinstance(data, str) else None)
    if isinstance(data, str):
        return media.document(data)
    if kind == "text":
        return None
    raise media.not_inline("document")


def _searches(tools: list[dict[str, Any]]) -> tuple[int, int]:
    """The uses of server tools that the body allows, and a bound of the tokens of each. Refuses tools without a bound."""
    uses = tokens = 0
    for tool in tools:
        type_ = tool.get("type")
        if type_ in _FREE_TYPES or (isinstance(type_, str) and _CLIENT_TOOLS.match(type_)):
            continue
        if not isinstance(type_, str) or not _SEARCH_TOOLS.match(type_):
            raise unbounded(
                "unbounded_tool", f"its provider would run the tool {json.dumps(type_)[:60]} as often as the model asks"
            )
        most, fetched = reading.integer(tool, "max_uses", 1), reading.integer(tool, "max_content_tokens", 1)
        is_direct = type_ in ("web_search_20250305", "web_fetch_20250910") or tool.get("allowed_callers") == ["direct"]
        if most is None or not is_direct or (fetched is None and type_.startswith("web_fetch")):
            raise unbounded("unbounded_tool", f"the tool {type_} has no max_uses, no max_content_tokens, or runs code")
        uses += most
        tokens = max(tokens, fetched or reading.SEARCH_TOKENS)
    return uses, tokens


def _has_format(values: Values) -> bool:
    return bool(values.get("output_format") or reading.member(values, "output_config").get("format"))


def _doubts(values: Values, headers: Mapping[str, str], searches: int) -> Iterator[str]:
    for beta in headers.get("anthropic-beta", "").split(","):
        if (name := beta.strip()) and _BETA_DATE.sub("", name) not in _BETAS:
            yield f"beta:{name[:60]}"
    yield from reading.parameters(values, _PARAMETERS, _PRICED)
    if searches:
        yield "tool:web_search"
