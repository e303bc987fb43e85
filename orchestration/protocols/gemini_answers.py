"""Google's Gemini API: answers. Every chunk may have a count of all so far; the last one counts, once a candidate has finished."""

from collections.abc import Mapping
from typing import Any

from orchestration.protocols.shared import reading
from orchestration.protocols.shared.interface import Reading, Usage
from orchestration.protocols.shared.metering import count, dump_bytes, error_of, name_of, objects_of, text_bytes, values_of


class Contents:
    """The tally of one answer."""

    def __init__(self) -> None:
        self._usage: Usage | None = None
        self._model = self._error = ""
        self._streamed = 0
        self._has_finished = self._is_counted = False

    def event(self, name: str, data: dict[str, Any]) -> None:
        if data.get("error"):
            self._error = error_of(data["error"])
            return
        for candidate in objects_of(data, "candidates"):
            for part in objects_of(values_of(candidate, "content"), "parts"):
                self._streamed += text_bytes(part.get("text")) + dump_bytes(values_of(part, "functionCall").get("args"))
            self._has_finished |= bool(name_of(candidate, "finishReason"))
        self._has_finished |= bool(name_of(values_of(data, "promptFeedback"), "blockReason"))
        self._model = name_of(data, "modelVersion") or self._model
        usage = values_of(data, "usageMetadata")
        if usage:
            self._usage = _usage(usage, self._model, name_of(data, "responseId"))
            self._is_counted = self._has_finished

    def answer(self, data: dict[str, Any]) -> None:
        self.event("", data)

    def reading(self, *, complete: bool) -> Reading:
        return Reading(self._usage, self._is_counted and not self._error, self._streamed, self._error, self._model)


def _usage(usage: Mapping[str, Any], model: str, id_: str) -> Usage:
    """One count. The prompt includes what came from the cache; results of tools do not belong to it."""
    prompt, cached, results, written, thoughts, total = (
        count(usage, name) or 0
        for name in (
            "promptTokenCount",
            "cachedContentTokenCount",
            "toolUsePromptTokenCount",
            "candidatesTokenCount",
            "thoughtsTokenCount",
            "totalTokenCount",
        )
    )
    cached = min(cached, prompt)
    return Usage(
        input=prompt - cached + results,
        output=written + thoughts,
        cache_read=cached,
        unexplained=max(total - prompt - results - written - thoughts, 0),
        model=model,
        context=reading.context({"service_tier": usage.get("serviceTier")}, "service_tier"),
        provider_id=id_,
    )
