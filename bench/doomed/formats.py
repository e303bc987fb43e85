"""A session's steps as lines of a CLI. The lines are recorded ones (`tests/agents/transcripts/`) with other words in them."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from bench.doomed.steps import Step

TRANSCRIPTS = Path(__file__).resolve().parents[2] / "tests/agents/transcripts"
Lines = Callable[[int, Step], list[str]]


def _recorded(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (TRANSCRIPTS / name).read_text().splitlines()]


def _pair(name: str, is_call: Callable[[dict[str, Any]], bool]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A call of a tool, and the line with its answer."""
    lines = _recorded(name)
    place = next(n for n, line in enumerate(lines) if is_call(line))
    return deepcopy(lines[place]), deepcopy(lines[place + 1])


def _uses_a_tool(line: dict[str, Any]) -> bool:
    return line["type"] == "assistant" and line["message"]["content"][0]["type"] == "tool_use"


def _arguments(step: Step, names: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The tool's name and its arguments. `names`: of the CLI's tools, by kind."""
    match step.kind:
        case "bash":
            return names["bash"], {"command": step.argument, "description": f"about {len(step.answer)}"}
        case "poll":
            return names["poll"], {"command": f"sleep 20; cat {step.argument}.log"} if names["poll"] == names["bash"] else {
                "bash_id": step.argument
            }
        case "read":
            return names["read"], {"file_path": step.argument}
    return names["edit"], {"file_path": step.argument, "old_string": "value", "new_string": step.answer if step.changes else "x"}


def _claude() -> Lines:
    call, answer = _pair("claude.jsonl", _uses_a_tool)

    def lines(n: int, step: Step) -> list[str]:
        name, arguments = _arguments(step, {"bash": "Bash", "poll": "BashOutput", "read": "Read", "edit": "Edit"})
        block, result = call["message"]["content"][0], answer["message"]["content"][0]
        call["message"]["id"] = f"msg_{n}"
        block |= {"id": f"toolu_{n}", "name": name, "input": arguments}
        result |= {"tool_use_id": f"toolu_{n}", "content": step.answer, "is_error": step.kind == "failed_edit"}
        return [json.dumps(call), json.dumps(answer)]

    return lines


def _codex() -> Lines:
    begun, done = _pair("codex.jsonl", lambda line: line["type"] == "item.started")

    def lines(n: int, step: Step) -> list[str]:
        _, arguments = _arguments(step, {"bash": "bash", "poll": "bash", "read": "cat", "edit": "apply_patch"})
        words = (
            arguments.get("command") or f"cat {step.argument}" if step.kind in ("bash", "poll", "read") else json.dumps(arguments)
        )
        item = {"id": f"item_{n}", "command": f"/bin/bash -lc {words!r}"}
        begun["item"] |= item
        done["item"] |= item | {"aggregated_output": "" if step.changes else step.answer}
        return [json.dumps(begun), json.dumps(done)]

    return lines


def _opencode() -> Lines:
    recorded = next(line for line in _recorded("opencode.jsonl") if line["type"] == "tool_use")

    def lines(n: int, step: Step) -> list[str]:
        name, arguments = _arguments(step, {"bash": "bash", "poll": "bash", "read": "read", "edit": "edit"})
        part = recorded["part"]
        part |= {"tool": name, "callID": f"call_{n}", "id": f"prt_{n}"}
        part["state"] |= {"input": arguments, "output": step.answer, "title": step.argument}
        return [json.dumps(recorded)]

    return lines


def _gemini() -> Lines:
    call, answer = _pair("gemini.jsonl", lambda line: line["type"] == "tool_use")

    def lines(n: int, step: Step) -> list[str]:
        names = {"bash": "run_shell_command", "poll": "run_shell_command", "read": "read_file", "edit": "replace"}
        name, arguments = _arguments(step, names)
        call.update(tool_name=name, tool_id=f"{name}_{n}", parameters=arguments)
        answer.update(tool_id=f"{name}_{n}", output=step.answer)
        return [json.dumps(call), json.dumps(answer)]

    return lines


def _qwen() -> Lines:
    call, answer = _pair("qwen.jsonl", _uses_a_tool)

    def lines(n: int, step: Step) -> list[str]:
        names = {"bash": "run_shell_command", "poll": "run_shell_command", "read": "read_file", "edit": "edit"}
        name, arguments = _arguments(step, names)
        call["message"]["content"][0] |= {"id": f"call_{n}", "name": name, "input": arguments}
        answer["message"]["content"][0] |= {"tool_use_id": f"call_{n}", "content": step.answer}
        return [json.dumps(call), json.dumps(answer)]

    return lines


FORMATS: dict[str, Callable[[], Lines]] = {
    "claude_code": _claude, "codex": _codex, "opencode": _opencode, "gemini": _gemini, "qwen": _qwen
}  # fmt: skip


def written(kind: str, steps: list[Step]) -> Iterator[tuple[Step, list[str]]]:
    """Each step with its lines."""
    lines = FORMATS[kind]()
    for n, step in enumerate(steps):
        yield step, lines(n, step)
