"""Anthropic's Messages API: answers. `message_start` counts the input, each `message_delta` is cumulative, `message_stop` ends the answer."""

from collections.abc import Mapping
from typing import Any

from orchestration.protocols.shared import reading
from orchestration.protocols.shared.interface import Reading, Request, Usage
from orchestration.protocols.shared.metering import (
    Unreadable,
    count,
    dump_bytes,
    error_of,
    name_of,
    objects_of,
    text_bytes,
    values_of,
)

_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_STARTED = ("text", "thinking")
_GENERATED = ("text", "thinking", "partial_json")


class Messages:
    """The tally of one answer."""

    def __init__(self, request: Request) -> None:
        self._writes_1h = request.cache_write == "1h"
        self._writes_5m = request.cache_write == "5m"
        self._counts: dict[str, int] = {}
        self._extra = Usage()  # what the top-level counts leave out
        self._context: tuple[tuple[str, str], ...] = ()
        self._model = self._id = self._error = ""
        self._streamed = 0
        self._has_count = self._is_counted = self._has_ended = False

    def event(self, name: str, data: dict[str, Any]) -> None:
        kind = name_of(data, "type") or name
        if kind == "message_start":
            message = values_of(data, "message")
            self._counts, self._extra, self._is_counted = {}, Usage(), False  # after a provider's retry the later one counts
            self._start(message)
            self._read_usage(values_of(message, "usage"))
        elif kind == "message_delta":
            usage = values_of(data, "usage")
            self._read_usage(usage)
            self._is_counted = count(usage, "output_tokens") is not None
        elif kind == "message_stop":
            self._has_ended = True
        elif kind == "content_block_delta":
            delta = values_of(data, "delta")
            self._streamed += sum(text_bytes(delta.get(key)) for key in _GENERATED)
        elif kind == "content_block_start":
            block = values_of(data, "content_block")
            self._streamed += sum(text_bytes(block.get(key)) for key in _STARTED)
        elif kind == "error":
            self._error = error_of(data.get("error"))

    def answer(self, data: dict[str, Any]) -> None:
        if data.get("type") == "error" or "error" in data:
            self._error = error_of(data.get("error"))
            return
        self._start(data)
        for block in objects_of(data, "content"):
            self._streamed += sum(text_bytes(block.get(key)) for key in _STARTED) + dump_bytes(block.get("input"))
        usage = values_of(data, "usage")
        self._read_usage(usage)
        self._is_counted = self._has_ended = count(usage, "output_tokens") is not None

    def reading(self, *, complete: bool) -> Reading:
        is_final = self._has_ended and self._is_counted and not self._error
        usage = self._usage() if self._has_count else None
        return Reading(usage, is_final, self._streamed, self._error, self._model)

    def _start(self, message: Mapping[str, Any]) -> None:
        self._model, self._id = name_of(message, "model"), name_of(message, "id")

    def _read_usage(self, usage: Mapping[str, Any]) -> None:
        """A count that is absent keeps its last value."""
        if not usage:
            return
        details = values_of(usage, "cache_creation")
        counts = {name: count(usage, name) for name in _COUNTS} | {
            "written_1h": count(details, "ephemeral_1h_input_tokens"),
            "written_5m": count(details, "ephemeral_5m_input_tokens"),
            "searches": count(values_of(usage, "server_tool_use"), "web_search_requests"),
        }
        self._counts |= {name: value for name, value in counts.items() if value is not None}
        self._context = reading.context(usage, "service_tier", "speed", "inference_geo") or self._context
        if isinstance(usage.get("iterations"), list):
            self._extra = self._iterations(usage["iterations"])
        self._has_count = True

    def _iterations(self, iterations: list[Any]) -> Usage:
        """The iterations that the top-level counts leave out: summaries at the same prices; and other models, whose prices are unknown."""
        summaries = [each for each in iterations if isinstance(each, dict) and each.get("type") == "compaction"]
        others = [
            each
            for each in iterations
            if isinstance(each, dict) and each.get("type") not in ("message", "compaction", "fallback_message")
        ]
        return Usage(
            input=_sum(summaries, "input_tokens"),
            output=_sum(summaries, "output_tokens"),
            cache_read=_sum(summaries, "cache_read_input_tokens"),
            cache_write=_sum(summaries, "cache_creation_input_tokens"),
            unexplained=sum(_sum(others, name) for name in _COUNTS),
        )

    def _usage(self) -> Usage:
        counts, extra = self._counts, self._extra
        written = counts.get("cache_creation_input_tokens", 0)
        kept, short = counts.get("written_1h", 0), counts.get("written_5m", 0)
        written = max(written, kept + short) if "cache_creation_input_tokens" not in counts else written
        kept = min(kept, written)
        if (remainder := written - kept - short) > 0 and not self._writes_5m:
            kept += remainder  # the parts do not explain it: the longest lifetime that the request can have asked for
        summarised = extra.cache_write if not self._writes_1h else 0
        return Usage(
            input=counts.get("input_tokens", 0) + extra.input,
            output=counts.get("output_tokens", 0) + extra.output,
            cache_read=counts.get("cache_read_input_tokens", 0) + extra.cache_read,
            cache_write=written - kept + summarised,
            cache_write_1h=kept + extra.cache_write - summarised,
            searches=counts.get("searches", 0),
            unexplained=extra.unexplained,
            model=self._model,
            context=self._context,
            provider_id=self._id,
        )


def _sum(iterations: list[dict[str, Any]], name: str) -> int:
    total = sum(count(each, name) or 0 for each in iterations)
    if total > reading.MAX_COUNT:
        raise Unreadable(f"The provider's {name} is no count of tokens.")
    return total
