"""Answers as the providers send them, from the scripted server's own shapes."""

import json
from typing import Any

from orchestration.protocols import PROTOCOLS
from orchestration.protocols.shared.interface import Reading, Request, Usage
from tests.agents import stub_llm

EVENTS = {
    "anthropic": stub_llm.anthropic_events,
    "openai_responses": stub_llm.responses_events,
    "openai_chat": lambda plan, model: stub_llm.chat_events(plan, model, True),
    "gemini": stub_llm.gemini_events,
}
PLAN = {
    "usage": {"input": 1000, "output": 50, "cache_read": 300, "cache_write": 0, "reasoning": 7},
    "text": "Größe: hello, world",
    "calls": [("Bash", "function", {"command": "echo hello"})],
}
REQUEST = Request("model-1", streams=True, cache_write="5m")


def stream(name: str, plan: dict[str, Any] = PLAN) -> bytes:
    """The stream of an answer, as bytes of server-sent events."""
    events, _ = EVENTS[name](plan, "model-1")
    done = b"data: [DONE]\n\n" if name == "openai_chat" else b""
    return sse(*events) + done


def whole(name: str, plan: dict[str, Any] = PLAN) -> bytes:
    return json.dumps(EVENTS[name](plan, "model-1")[1]).encode()


def sse(*events: tuple[str | None, Any]) -> bytes:
    lines = ((f"event: {name}\n" if name else "") + f"data: {json.dumps(data, ensure_ascii=False)}\n\n" for name, data in events)
    return "".join(lines).encode()


def read(
    name: str,
    *chunks: bytes,
    request: Request = REQUEST,
    kind: str = "text/event-stream",
    encoding: str = "",
    complete: bool = True,
) -> Reading:
    meter = PROTOCOLS[name].meter(request, kind, encoding)
    for chunk in chunks:
        meter.feed(chunk)
    return meter.end(complete=complete)


def usage(reading: Reading) -> Usage:
    assert reading.usage is not None
    return reading.usage
