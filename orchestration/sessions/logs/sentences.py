"""Summaries of an agent's JSON log lines: one kind and one sentence. Pure; recorded lines of every CLI are in tests/agents.

The readers in orchestration/worker/agents parse the same lines for cost and failures. Nothing depends on this module: an unknown line is
shown as it is.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_LENGTH = 300
LABELS = {
    "tool": "Tool",
    "edit": "Edit",
    "shell": "Shell",
    "result": "Result",
    "says": "Text",
    "cost": "Cost",
    "trouble": "Problem",
    "begins": "Start",
    "ends": "End",
}
# Arguments of a tool that describe its use, the most specific first.
TOOL_FIELDS = ("file_path", "notebook_path", "path", "filePath", "command", "pattern", "query", "url", "description", "prompt")
EDITS = frozenset({"edit", "write", "multiedit", "notebookedit", "write_file", "replace", "patch", "apply_patch", "file_change"})
ACP_KINDS = {"edit": "edit", "delete": "edit", "move": "edit", "execute": "shell"}
SHELLS = frozenset({"bash", "shell", "run_shell_command", "command_execution"})


@dataclass(frozen=True, slots=True)
class LogSentence:
    """`kind`: one of LABELS."""

    kind: str
    summary: str

    @property
    def label(self) -> str:
        return LABELS[self.kind]


def read(line: str) -> LogSentence | None:
    """The sentence for an agent's line of JSON. None: the line is no JSON object, or an unknown one."""
    if not line.startswith("{"):
        return None
    try:
        payload = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(payload, dict):
        return None
    for reader in (_acp, _protocol, _blocks, _item, _part, _gemini, _end):
        if result := reader(payload):
            return LogSentence(result[0], _cut(" ".join(result[1].split())))
    return None


def text(line: str) -> str:
    """`Edit: Edit a.py`. Empty: the line is to be shown as it is."""
    known = read(line)
    return f"{known.label}: {known.summary}" if known else ""


Reader = Callable[[Mapping[str, Any]], tuple[str, str] | None]


def _acp(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    """Our client of the Agent Client Protocol."""
    title = _text(payload.get("title"))
    match payload.get("type"):
        case "started" if "can_go_on" in payload:
            agent = _text(payload.get("agent")) or "The agent"
            return "begins", f"{agent} begins, {_text(payload.get('model')) or 'model not named'}"
        case "tool" if "status" in payload:
            status = _text(payload.get("status"))
            kind = ACP_KINDS.get(_text(payload.get("kind")), "tool")
            return {"completed": "result", "failed": "trouble"}.get(status, kind), f"{title} {status.replace('_', ' ')}"
        case "permission":
            allowed = _text(payload.get("kind")).startswith("allow")
            return ("tool", f"Allowed: {title}") if allowed else ("trouble", f"Not allowed: {title}")
        case "cost" if "total" in payload:
            return "cost", f"The conversation has cost {payload['total']} {_text(payload.get('currency'))}"
        case "error" if "step" in payload:
            return "trouble", f"{_text(payload.get('step'))}: {_text(payload.get('message'))}"
    return None


def _protocol(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    """The protocol of the command agent."""
    match payload.get("type"):
        case "text" if "text" in payload:
            return "says", _text(payload.get("text"))
        case "usage" if "id" in payload or "model" in payload or "cost_usd" in payload:
            tokens = [
                f"{_whole(payload.get(f'{direction}_tokens')):,} {direction}"
                for direction in ("input", "output")
                if _whole(payload.get(f"{direction}_tokens"))
            ]
            cost = payload.get("cost_usd")
            return "cost", " · ".join(
                [
                    "Request",
                    _text(payload.get("model")) or "no model named",
                    *([f"${cost} reported"] if cost is not None else []),
                    *tokens,
                ]
            )
        case "tool" if "name" in payload:
            return _tool(_text(payload.get("name")), payload.get("arguments"))
        case "question" if "text" in payload:
            return "says", f"Asks: {_text(payload.get('text'))}"
        case "waiting":
            return "trouble", f"Waits: {_text(payload.get('message'))}"
        case "failure":
            return "trouble", f"{_text(payload.get('code'))}: {_text(payload.get('message'))}"
        case "verdict":
            passed = payload.get("verdict") == "PASS" or payload.get("passed") is True
            return "result", f"Verdict: {'passed' if passed else 'not passed'}"
        case "score" if isinstance(payload.get("score"), (int, float)):
            return "result", f"Score {payload['score']}"
        case "result" if "summary" in payload or "ok" in payload:
            return "ends", f"{'Not done' if payload.get('ok') is False else 'Done'}: {_text(payload.get('summary'))}".rstrip(": ")
    return None


def _blocks(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    """Claude Code and Qwen Code: a message of blocks."""
    if payload.get("type") == "system" and payload.get("subtype") == "init":
        return "begins", f"Session begins, {_text(payload.get('model')) or 'model not named'}"
    for block in _objects(_dig(payload, "message", "content")):
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


def _item(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    """Codex: items that begin and end."""
    item = payload.get("item")
    match _dig(item, "type"):
        case "agent_message" | "reasoning":
            return "says", _text(_dig(item, "text"))
        case "command_execution":
            code = _dig(item, "exit_code")
            if payload.get("type") == "item.completed" and isinstance(code, int):
                return ("result" if code == 0 else "trouble"), f"Exit {code}: {_text(_dig(item, 'command'))}"
            return "shell", _text(_dig(item, "command"))
        case "file_change":
            return "edit", f"Changed {', '.join(_text(each.get('path')) for each in _objects(_dig(item, 'changes')))}"
        case "error":
            return "trouble", _text(_dig(item, "message"))
    return None


def _part(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    """opencode: parts."""
    part = payload.get("part")
    match payload.get("type"):
        case "text" if part:
            return "says", _text(_dig(part, "text"))
        case "tool_use" if part:
            name, state = _text(_dig(part, "tool")), _dig(part, "state")
            kind = _kind(name) if _dig(state, "status") != "error" else "trouble"
            return kind, f"{name} {_text(_dig(state, 'title')) or _tool_argument(_dig(state, 'input'))}"
        case "step_finish" if part:
            return "cost", f"Step ends: {_text(_dig(part, 'reason'))}"
        case "error":
            return "trouble", _text(_dig(payload, "error", "data", "message")) or _text(payload.get("message"))
    return None


def _gemini(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    match payload.get("type"):
        case "init":
            return "begins", f"Session begins, {_text(payload.get('model')) or 'model not named'}"
        case "tool_use":
            return _tool(_text(payload.get("tool_name")), payload.get("parameters"))
        case "tool_result":
            return _result(payload.get("output"), failed=payload.get("status") == "error")
        case "message" if payload.get("role") == "assistant":
            return "says", _text(payload.get("content"))
    return None


def _end(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    match payload.get("type"):
        case "thread.started":
            return "begins", "Thread begins"
        case "turn.completed":
            return "ends", "Turn ends"
        case "turn.failed":
            return "trouble", _text(_dig(payload, "error", "message")) or "The turn failed"
        case "result":
            failed = payload.get("is_error") is True or payload.get("status") == "error"
            return ("trouble" if failed else "ends"), _text(payload.get("result")) or ("It failed" if failed else "Done")
    return None


def _tool(name: str, given: Any) -> tuple[str, str]:
    return _kind(name), f"{name} {_tool_argument(given)}"


def _kind(name: str) -> str:
    low = name.lower()
    return "edit" if low in EDITS else "shell" if low in SHELLS else "tool"


def _tool_argument(given: Any) -> str:
    if isinstance(given, str):
        return _text(given)
    return next((_text(_dig(given, key)) for key in TOOL_FIELDS if _text(_dig(given, key))), "")


def _result(content: Any, *, failed: bool) -> tuple[str, str]:
    text = content if isinstance(content, str) else " ".join(_text(block.get("text")) for block in _objects(content))
    return ("trouble" if failed else "result"), text or ("It failed" if failed else "No response")


def _dig(holder: Any, *keys: str) -> Any:
    for key in keys:
        holder = holder.get(key) if isinstance(holder, Mapping) else None
    return holder


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value[:2000] if isinstance(value, str) else ""


def _cut(text: str) -> str:
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…"


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else 0
