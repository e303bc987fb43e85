"""Requests of the CLIs beside their usual ones, behind the gateway: subagents, small models, compaction, pictures, thinking, retries. The books equal the
provider's count, request by request."""

import base64
import json
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestration.worker.agents.shared.token_counts import merged_settings
from tests.agents import test_claude_code, test_codex, test_gemini, test_opencode, test_qwen
from tests.agents.harness import MICRO, Bench, command_turn, text_turn, write_turn
from tests.agents.llm import ScriptedLLM

CLIS = ("claude", "codex", "opencode", "gemini", "qwen")
ENOUGH_LEFT = {
    "anthropic-ratelimit-requests-remaining": "99",
    "anthropic-ratelimit-requests-reset": "60s",
    "x-ratelimit-remaining-requests": "99",
    "x-ratelimit-reset-requests": "60s",
}
"""Headers of each answer of a provider, also beside a refusal for too many tokens."""


def _picture(side: int = 64) -> str:
    """A grey PNG file in base64."""
    rows = zlib.compress((b"\0" + b"\x80" * side) * side)
    chunks = ((b"IHDR", struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""))
    framed = (struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(framed)).decode()


def draw() -> dict[str, Any]:
    return command_turn(f"echo {_picture()} | base64 -d > shot.png")


def look(**tool: Any) -> dict[str, Any]:
    return {"tool": tool or {"kind": "read", "path": "shot.png"}, "thinking": "I look at it.", "usage": {"reasoning": 20}}


def end() -> list[dict[str, Any]]:
    return [write_turn("ok"), text_turn()]


def used(tokens: int) -> dict[str, Any]:
    """A turn after which the conversation has so many tokens."""
    return command_turn("date", usage={"cache_read": tokens})


def fails(status: int, **more: Any) -> dict[str, Any]:
    return {"status": status, "type": "busy", "message": "not now", "times": 1, **more}


def troubles(*statuses: int, first: Sequence[dict[str, Any]] = (), **more: Any) -> dict[str, Any]:
    """Each answer is refused once, and one breaks off in its middle."""
    refused = [
        write_turn(f"f{status}", error=fails(status, **({"retry_after": 1} if status == 429 else {}))) for status in statuses
    ]
    cut = write_turn("cut", error={"cut": True, "times": 1})
    return {"turns": [*first, *refused, cut, *end()], "headers": ENOUGH_LEFT, **more}


@dataclass(frozen=True)
class Repertoire:
    """A part of what a CLI can do. `config`: of its agent. The numbers are what the provider must have seen of it at least: requests of small models, requests
    without tools, requests with a picture, conversations begun, requests refused, answers cut off."""

    scenario: dict[str, Any]
    config: dict[str, Any] = field(default_factory=dict)
    small: int = 0
    side: int = 0
    pictures: int = 0
    begun: int = 1
    refused: int = 0
    cut: int = 0


PARTS = [f"Do your part {n}" for n in range(3)]
DELEGATE = {"text": "I delegate.", "tools": [
    {"name": "Agent", "input": {"description": "d", "prompt": part, "subagent_type": "general-purpose", "model": model}}
    for part, model in zip(PARTS, ("sonnet", "haiku", "haiku"), strict=True)
]}  # fmt: skip
CLAUDE_CODE = {
    "subagents": Repertoire(
        {"turns": [DELEGATE, *end()], "by_prompt": {part: [command_turn("date"), text_turn("My part.")] for part in PARTS}},
        {"env": {"ANTHROPIC_DEFAULT_HAIKU_MODEL": "claude-haiku-4-5"}},
        small=4,
        begun=4,
    ),
    "compaction": Repertoire(
        {
            "turns": [used(180_000), *end()],
            "by_prompt": {
                "create a detailed summary": [text_turn("<summary>I looked at the date.</summary>")],
                "continued from a previous conversation": end(),
            },
        },
        {"env": {"CLAUDE_CODE_AUTO_COMPACT_WINDOW": "100000"}},
        begun=2,
    ),
    "picture": Repertoire({"turns": [draw(), look(), *end()]}, pictures=2),
    "cache": Repertoire(
        {
            "turns": [
                write_turn("one", thinking="I think of one.", usage={"cache_write": 400, "cache_write_1h": 1200}),
                write_turn("ok", thinking="I think of ok.", usage={"cache_write_1h": 1200}),
                text_turn(usage={"cache_write": 400}),
            ]
        }
    ),
    "troubles": Repertoire(troubles(529, 500, 429), refused=3, cut=1),
    "tools": Repertoire(
        {
            "turns": [{"tool": {"name": "ToolSearch", "input": {"query": "select:WebFetch"}}}, *end()],
            "turn_by": "assistant_total",
        },
        {"model": "sonnet", "env": {"ENABLE_TOOL_SEARCH": "true", "ANTHROPIC_DEFAULT_SONNET_MODEL": test_claude_code.MODEL}},
    ),
}
CODEX = {
    "picture": Repertoire({"turns": [draw(), look(name="view_image", input={"path": "shot.png"}), *end()]}, pictures=2),
    "compaction": Repertoire(
        {"turns": [used(60_000), *end()], "by_prompt": {"Another language model started": end()}},
        {"settings": {"model_auto_compact_token_limit": 50_000}},
        side=1,
        begun=2,
    ),
    "troubles": Repertoire(troubles(529, 500, 429), refused=3, cut=1),
}
CHECKED = {
    "reasoning": "all is done",
    "next_speaker": "user",
    "unproductive_state_analysis": "it works",
    "unproductive_state_confidence": 0.1,
}
"""Questions of its checks by another model: whose turn it is, and, after thirty turns, whether it is in a loop."""
GEMINI = {
    "picture": Repertoire(
        {
            "turns": [draw(), look(), *(command_turn(f"echo {n}") for n in range(30)), *end()],
            "side_call": {"text": json.dumps(CHECKED), "usage": {"output": 50}},
        },
        {"settings": {"model": {"skipNextSpeakerCheck": False}}},
        small=2,
        side=2,
        pictures=2,
    ),
    "compaction": Repertoire(
        {"rounds": [[command_turn("date"), text_turn()], end()]},
        {"settings": {"model": {"compressionThreshold": 0.0005}}},
        side=1,
    ),
    "troubles": Repertoire(troubles(503), refused=1, cut=1),
}
SMALLER = {
    "provider": {"anthropic": {"models": {"claude-sonnet-4-5": {"limit": {"context": 100_000, "output": 8000}}}}},
    "agent": {"compaction": {"model": "anthropic/claude-haiku-4-5"}},
}
OPENCODE = {
    "subagent": Repertoire(
        {
            "turns": [{"text": "I delegate.", "tool": test_opencode.DELEGATE}, *end()],
            "by_prompt": {"look around": [command_turn("date"), text_turn("I looked.")]},
        },
        begun=2,
    ),
    "compaction": Repertoire(
        {"turns": [used(120_000), *end()], "by_prompt": {"Continue if you have next steps": end()}},
        {"settings": SMALLER},
        side=1,
        small=1,
        begun=2,
    ),
    "picture": Repertoire(troubles(529, 500, 429, first=[draw(), look()]), pictures=2, refused=3, cut=1),
}
QWEN = {
    "picture": Repertoire(
        troubles(529, 500, 429, first=[draw(), look()], turn_by="assistant_total"), pictures=2, refused=3, cut=1
    ),
    "compaction": Repertoire(
        {
            "turns": [used(260_000), command_turn("echo yes > ok"), text_turn()],
            "side_call": {"text": "I looked.", "usage": {"input": 4000, "cache_read": 260_000}},
        },
        side=1,
    ),
}
REPERTOIRES = {"claude_code": CLAUDE_CODE, "codex": CODEX, "gemini": GEMINI, "opencode": OPENCODE, "qwen": QWEN}
AGENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "claude_code": test_claude_code.claude,
    "codex": test_codex.codex,
    "opencode": lambda provider, scenario: test_opencode.opencode(provider.url(scenario)),
    "gemini": test_gemini.playing,
    "qwen": test_qwen.playing,
}


def _numbered(scenario: dict[str, Any]) -> dict[str, Any]:
    """The scenario, whose turns have each a count of their own: no row can stand for another one's."""
    lists = [scenario.get("turns", []), *scenario.get("rounds", []), *scenario.get("by_prompt", {}).values()]
    for number, turn in enumerate(turn for turns in lists for turn in turns):
        usage = {"input": 2000 + 40 * number, "output": 100 + 10 * number, "cache_read": 10_000}
        turn["usage"] = usage | turn.get("usage", {})
    return scenario


@pytest.mark.parametrize("kind", REPERTOIRES)
def test_each_request_is_booked_once_at_the_providers_count(
    kind: str, llm: Callable[..., ScriptedLLM], bench: Callable[..., Bench]
) -> None:
    """All of a CLI's at once, each in a workspace of its own."""
    repertoires = REPERTOIRES[kind]
    provider = llm(**{name: _numbered(repertoire.scenario) for name, repertoire in repertoires.items()})
    works = {}
    for name, repertoire in repertoires.items():
        work = bench(merged_settings(AGENTS[kind](provider, name), repertoire.config), gateway="auto")
        works[name] = work, work.add("write ok", budget_rounds=2 if "rounds" in repertoire.scenario else 1)
    for name, (work, id_) in works.items():
        work.becomes(id_, "done", 60)
        _check_books(work, id_, provider, name)
        _check_seen(provider.log(name), repertoires[name])


def _check_books(work: Bench, id_: str, provider: ScriptedLLM, name: str) -> None:
    """A row for each request that the provider saw, and no other. What was seen of an answer without an end is booked, and the rest of its bound stays reserved."""
    sessions = work.sessions(id_)
    seen = {(session["meter"], session["anomaly"], session["cost_note"]) for session in sessions}
    assert seen == {("gateway", None, None)}, (name, seen)
    rows = [row for session in sessions for row in work.call("GET", f"/executor/sessions/{session['id']}/requests")["requests"]]
    unknown = [row for row in rows if row["state"] == "unknown"]
    settled = Counter(_of_row(row) for row in rows if row["state"] == "settled")
    seen = Counter(_of_provider(provider, request) for request in provider.log(name) if request["outcome"] != "cut")
    assert settled == seen, (name, settled - seen, seen - settled)
    assert len(unknown) == len([request for request in provider.log(name) if request["outcome"] == "cut"]), name
    seen_of = sum(round(row["amount_usd"] * MICRO) for row in unknown)
    held = sum(round(row["bound_usd"] * MICRO) for row in unknown) - seen_of
    assert work.spent(id_) == provider.cost(name) + seen_of, name
    assert round(work.call("GET", "/budget/holds")["unknown_usd"] * MICRO) == held, name
    print(f"\n{name}: {len(rows)} requests, {work.spent(id_)} micro-USD, {held} unknown", end="")


Booked = tuple[str, bool, tuple[int, ...], int]


def _of_row(row: dict[str, Any]) -> Booked:
    return row["model"], row["status"] == 200, tuple(row["tokens"].values()), round(row["amount_usd"] * MICRO)


def _of_provider(provider: ScriptedLLM, request: dict[str, Any]) -> Booked:
    usage, completed = request["usage"], request["outcome"] == "completed"
    if not completed:
        return request["model"], False, (0, 0, 0, 0), 0
    written = usage["cache_write"] + usage.get("cache_write_1h", 0)
    return request["model"], True, (usage["input"], usage["output"], usage["cache_read"], written), int(provider.price(request))


def _check_seen(log: list[dict[str, Any]], repertoire: Repertoire) -> None:
    """The CLI did what the repertoire is for."""
    seen = {
        "small": sum("haiku" in request["model"] or "flash" in request["model"] for request in log),
        "side": sum(request["side"] for request in log),
        "pictures": sum(request["pictures"] > 0 for request in log),
        "begun": sum((request["round"], request["turn"], request["outcome"]) == (0, 0, "completed") for request in log),
        "refused": sum(request["outcome"] == "error_sent" for request in log),
        "cut": sum(request["outcome"] == "cut" for request in log),
    }
    lacking = {what: number for what, number in seen.items() if number < getattr(repertoire, what)}
    assert not lacking, (seen, repertoire)
