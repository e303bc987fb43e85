"""What an agent's JSON line tells a person: one kind and one sentence. Pure; every CLI's lines are recorded in tests/agents.

The readers in runtime/agents understand the same lines for the sake of money and failures. Here nothing depends on them: a line that is
not understood is shown as it is.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 300
# In the order in which they say most about a use of a tool.
TELLING = ("file_path", "notebook_path", "path", "filePath", "command", "pattern", "query", "url", "description", "prompt")
EDITS = frozenset({"edit", "write", "multiedit", "notebookedit", "write_file", "replace", "patch", "apply_patch", "file_change"})
SHELLS = frozenset({"bash", "shell", "run_shell_command", "command_execution"})


@dataclass(frozen=True, slots=True)
class LogSentence:
    """`kind`: tool, edit, shell, result, says, cost, trouble, begins, ends."""

    kind: str
    summary: str


def read(line: str) -> LogSentence | None:
    """None: no JSON object, or one that is not known."""
    if not line.startswith("{"):
        return None
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    for reader in (_protocol, _blocks, _item, _part, _gemini, _ends):
        if found := reader(told):
            return LogSentence(found[0], " ".join(found[1].split())[:LONGEST])
    return None


Reader = Callable[[Mapping[str, Any]], tuple[str, str] | None]


def _protocol(told: Mapping[str, Any]) -> tuple[str, str] | None:
    """The command agent's."""
    match told.get("type"):
        case "text" if "text" in told:
            return "says", _text(told.get("text"))
        case "usage" if "id" in told or "model" in told or "cost_usd" in told:
            tokens = [
                f"{_whole(told.get(f'{way}_tokens')):,} {way}" for way in ("input", "output") if _whole(told.get(f"{way}_tokens"))
            ]
            cost = told.get("cost_usd")
            return "cost", " · ".join(
                [
                    "Request",
                    _text(told.get("model")) or "no model named",
                    *([f"${cost} reported"] if cost is not None else []),
                    *tokens,
                ]
            )
        case "waiting":
            return "trouble", f"Waits: {_text(told.get('message'))}"
        case "failure":
            return "trouble", f"{_text(told.get('code'))}: {_text(told.get('message'))}"
        case "verdict":
            return "result", f"Verdict: {'passed' if told.get('passed') is True else 'not passed'}"
        case "score" if isinstance(told.get("score"), (int, float)):
            return "result", f"Score {told['score']}"
        case "result" if "summary" in told:
            return "ends", f"{'Not done' if told.get('ok') is False else 'Done'}: {_text(told.get('summary'))}"
    return None


def _blocks(told: Mapping[str, Any]) -> tuple[str, str] | None:
    """Claude Code's and Qwen Code's: a message of blocks."""
    if told.get("type") == "system" and told.get("subtype") == "init":
        return "begins", f"Session begins, {_text(told.get('model')) or 'model not named'}"
    for block in _objects(_dig(told, "message", "content")):
        match block.get("type"):
            case "tool_use":
                return _tool(_text(block.get("name")), block.get("input"))
            case "tool_result":
                return _result(block.get("content"), failed=block.get("is_error") is True)
            case "text" if _text(block.get("text")).strip():
                return "says", _text(block.get("text"))
            case "thinking":
                return "says", f"Thinks: {_text(block.get('thinking')) or '…'}"
    return None


def _item(told: Mapping[str, Any]) -> tuple[str, str] | None:
    """Codex's: items that begin and end."""
    item = told.get("item")
    match _dig(item, "type"):
        case "agent_message" | "reasoning":
            return "says", _text(_dig(item, "text"))
        case "command_execution":
            code = _dig(item, "exit_code")
            if told.get("type") == "item.completed" and isinstance(code, int):
                return ("result" if code == 0 else "trouble"), f"Exit {code}: {_text(_dig(item, 'command'))}"
            return "shell", _text(_dig(item, "command"))
        case "file_change":
            return "edit", f"Changed {', '.join(_text(each.get('path')) for each in _objects(_dig(item, 'changes')))}"
        case "error":
            return "trouble", _text(_dig(item, "message"))
    return None


def _part(told: Mapping[str, Any]) -> tuple[str, str] | None:
    """opencode's."""
    part = told.get("part")
    match told.get("type"):
        case "text" if part:
            return "says", _text(_dig(part, "text"))
        case "tool_use" if part:
            name, state = _text(_dig(part, "tool")), _dig(part, "state")
            kind = _kind(name) if _dig(state, "status") != "error" else "trouble"
            return kind, f"{name} {_text(_dig(state, 'title')) or _what(_dig(state, 'input'))}"
        case "step_finish" if part:
            return "cost", f"Step ends: {_text(_dig(part, 'reason'))}"
        case "error":
            return "trouble", _text(_dig(told, "error", "data", "message")) or _text(told.get("message"))
    return None


def _gemini(told: Mapping[str, Any]) -> tuple[str, str] | None:
    match told.get("type"):
        case "init":
            return "begins", f"Session begins, {_text(told.get('model')) or 'model not named'}"
        case "tool_use":
            return _tool(_text(told.get("tool_name")), told.get("parameters"))
        case "tool_result":
            return _result(told.get("output"), failed=told.get("status") == "error")
        case "message" if told.get("role") == "assistant":
            return "says", _text(told.get("content"))
    return None


def _ends(told: Mapping[str, Any]) -> tuple[str, str] | None:
    match told.get("type"):
        case "thread.started":
            return "begins", "Thread begins"
        case "turn.completed":
            return "ends", "Turn ends"
        case "turn.failed":
            return "trouble", _text(_dig(told, "error", "message")) or "The turn failed"
        case "result":
            failed = told.get("is_error") is True or told.get("status") == "error"
            return ("trouble" if failed else "ends"), _text(told.get("result")) or ("It failed" if failed else "Done")
    return None


def _tool(name: str, given: Any) -> tuple[str, str]:
    return _kind(name), f"{name} {_what(given)}"


def _kind(name: str) -> str:
    low = name.lower()
    return "edit" if low in EDITS else "shell" if low in SHELLS else "tool"


def _what(given: Any) -> str:
    return next((_text(_dig(given, key)) for key in TELLING if _text(_dig(given, key))), "")


def _result(content: Any, *, failed: bool) -> tuple[str, str]:
    said = content if isinstance(content, str) else " ".join(_text(block.get("text")) for block in _objects(content))
    return ("trouble" if failed else "result"), said[:LONGEST] or ("It failed" if failed else "It answered nothing")


def _dig(holder: Any, *keys: str) -> Any:
    for key in keys:
        holder = holder.get(key) if isinstance(holder, Mapping) else None
    return holder


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value[:2000] if isinstance(value, str) else ""


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else 0
