"""Answers of OpenAI's two APIs, and of the many providers that speak the older. Their counts of input include the cache's, of output the thoughts."""

import json
from collections.abc import Mapping
from typing import Any

from orchestration.protocols.shared import reading
from orchestration.protocols.shared.interface import Context, Reading, Usage
from orchestration.protocols.shared.metering import count, error_of, name_of, objects_of, text_bytes, values_of

_ERRORS = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_ENDS = ("response.completed", "response.incomplete", "response.failed")
_DELTAS = (
    "response.output_text.delta",
    "response.refusal.delta",
    "response.reasoning_text.delta",
    "response.function_call_arguments.delta",
    "response.custom_tool_call_input.delta",
)
_STATES = ("completed", "incomplete", "failed")
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")


def error(status: int, code: str, message: str) -> bytes:
    """The gateway's own answer in OpenAI's shape. Codex stops at once at 429 with the code `insufficient_quota`, and tries a 402 again: the caller chooses both."""
    type_ = _ERRORS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    if code == "insufficient_quota":
        type_ = code
    return json.dumps({"error": {"message": message, "type": type_, "code": code, "param": None}}).encode()


class ResponseEvents:
    """The tally of an answer of the Responses API. Its last event has the whole answer with its count."""

    def __init__(self) -> None:
        self._usage: Usage | None = None
        self._model = self._error = ""
        self._streamed = 0
        self._has_ended = False

    def event(self, name: str, data: dict[str, Any]) -> None:
        kind = name_of(data, "type") or name
        if kind in _DELTAS:
            self._streamed += text_bytes(data.get("delta"))
        elif kind == "error" or "error" in data:
            self._error = error_of(data.get("error") or data)
        elif isinstance(data.get("response"), Mapping):
            self._read(data["response"], is_end=kind in _ENDS)

    def answer(self, data: dict[str, Any]) -> None:
        for part in objects_of(data, "output"):
            texts = [part.get("arguments"), part.get("input"), *(inner.get("text") for inner in objects_of(part, "content"))]
            self._streamed += sum(text_bytes(each) for each in texts)
        self._read(data, is_end=data.get("status") in _STATES)

    def reading(self, *, complete: bool) -> Reading:
        return Reading(self._usage, self._has_ended and self._usage is not None, self._streamed, self._error, self._model)

    def _read(self, response: Mapping[str, Any], *, is_end: bool) -> None:
        self._model = name_of(response, "model") or self._model
        if response.get("error"):
            self._error = error_of(response["error"])
        usage = values_of(response, "usage")
        if usage:
            self._usage = _usage(usage, ("input_tokens", "output_tokens"), reading.context(response, "service_tier"), response)
            self._has_ended = is_end


class Chunks:
    """The tally of an answer of Chat Completions. The count is in a last chunk without choices, in the one that finishes, or in every one."""

    def __init__(self) -> None:
        self._usage: Usage | None = None
        self._model = self._error = ""
        self._context: Context = ()
        self._streamed = 0
        self._has_finished = self._is_counted = self._has_ended = False

    def event(self, name: str, data: dict[str, Any]) -> None:
        if name == "[DONE]":
            self._has_ended = True
            return
        choices = objects_of(data, "choices")
        for choice in choices:
            self._streamed += _message_bytes(values_of(choice, "delta"))
            self._has_finished |= choice.get("finish_reason") is not None
        self._read(data, is_last=self._has_finished or not choices)

    def answer(self, data: dict[str, Any]) -> None:
        self._streamed += sum(_message_bytes(values_of(choice, "message")) for choice in objects_of(data, "choices"))
        self._read(data, is_last=True)
        self._has_ended = True

    def reading(self, *, complete: bool) -> Reading:
        is_final = self._is_counted and (self._has_ended or (complete and self._has_finished)) and not self._error
        return Reading(self._usage, is_final, self._streamed, self._error, self._model)

    def _read(self, data: Mapping[str, Any], *, is_last: bool) -> None:
        self._model = name_of(data, "model") or self._model
        self._context = reading.context(data, "service_tier") or self._context
        if data.get("error"):
            self._error = error_of(data["error"])
        usage = values_of(data, "usage")
        if usage:
            self._usage = _usage(usage, ("prompt_tokens", "completion_tokens"), self._context, data)
            self._is_counted = is_last


def _message_bytes(message: Mapping[str, Any]) -> int:
    """Bytes of text, thoughts and arguments. Some servers send thoughts under two names: the longer counts."""
    content, *thoughts = (text_bytes(message.get(key)) for key in ("content", "reasoning_content", "reasoning"))
    total = content + max(thoughts) + text_bytes(message.get("refusal"))
    for call in objects_of(message, "tool_calls"):
        total += text_bytes(values_of(call, "function").get("arguments")) + text_bytes(values_of(call, "custom").get("input"))
    return total


def _usage(usage: Mapping[str, Any], names: tuple[str, str], context: Context, answer: Mapping[str, Any]) -> Usage:
    """One count. A total that is more than its parts, and thoughts that the output does not include, are unexplained."""
    everything, output = (count(usage, name) or 0 for name in names)
    details, thoughts = f"{names[0]}_details", f"{names[1]}_details"
    read = _first(
        usage, (details, "cached_tokens"), ("prompt_cache_hit_tokens",), ("cache_read_input_tokens",), ("cached_tokens",)
    )
    written = _first(usage, (details, "cache_write_tokens"), ("cache_creation_input_tokens",), ("cache_write_tokens",))
    kept = min(
        count(values_of(values_of(usage, details), "cache_creation_token_details"), "ephemeral_1h_input_tokens") or 0, written
    )
    reasoning = count(values_of(usage, thoughts), "reasoning_tokens") or 0
    surplus = (count(usage, "total_tokens") or 0) - everything - output
    includes_cache = read + written <= everything
    return Usage(
        input=everything - read - written if includes_cache else everything,
        output=output,
        cache_read=read,
        cache_write=written - kept,
        cache_write_1h=kept,
        unexplained=max(surplus - (0 if includes_cache else read + written), reasoning if reasoning > output else 0, 0),
        model=name_of(answer, "model"),
        context=context,
        provider_id=name_of(answer, "id"),
    )


def _first(usage: Mapping[str, Any], *paths: tuple[str, ...]) -> int:
    """The first count that is not zero, under the names that servers use."""
    for *outer, name in paths:
        values = values_of(usage, outer[0]) if outer else usage
        if value := count(values, name):
            return value
    return 0
