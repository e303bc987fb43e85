"""The demo agent's answers when it plans, splits an entry, or reviews. It knows one goal. Standard library only, as the agent."""

import json
import re
from pathlib import Path
from typing import Any

GOAL = "Say what is left of a month's plan, and how long it lasts."
TESTS = Path(__file__).with_name("stages") / "plan"

CLASSES = {"plan": "Reading", "left": "Left", "pace": "Pace", "reach": "Reach"}
"""The class with a module's tests."""

LARGE = "Look ahead to the end of the month"
"""The title of the planned entry that is too large: the agent never finishes it in one piece."""

POOR = "Show where spending goes"
"""The entry of the demo whose budget is enough for one round and not for two."""

WAITING = ("Give it a command line", POOR)
"""Entries of the demo that start last: the first waits for many others, and these for a person's money. What is proposed for it holds as long."""


def _entry(title: str, text: str, *modules: str, reason: str) -> dict[str, Any]:
    tests = {module: f"tests/test_{module}.py" for module in modules}
    return {
        "content": f"{title}\n\n{text}",
        "spec": {
            "acceptance_criteria": [f"tests.test_{module}.{CLASSES[module]} passes" for module in modules],
            "files_to_create": [f"tally/{module}.py" for module in modules],
            "tests": [f"{file}::{CLASSES[module]}" for module, file in tests.items()],
            "test_files": {file: (TESTS / file).read_text() for file in tests.values()},
        },
        "priority": "high",
        "reason": reason,
    }


PACE = "`pace.pace` is what may be spent each day, from a day to the last one of its month; nothing once nothing is left."
REACH = "`reach.reach` is the day on which the money is gone at so much a day, or None if it lasts."


def answer(phase: str, prompt: str) -> dict[str, Any] | None:
    """The fields of the line that answers this prompt; None: the agent does not know it."""
    if phase == "interception":
        word = re.findall(r"Verdict word: (\S+)", prompt)
        return {"type": "verdict", "verdict": "PASS", "word": word[-1]} if word else None
    if phase == "planning" and GOAL in prompt:
        return _entries(plan())
    if phase == "expansion" and LARGE in prompt.partition("## Also on the backlog")[0]:
        return _entries(children())
    if phase == "orchestration" and (backlog := re.search(r"^```json\n(.*?)\n```$", prompt, re.DOTALL | re.MULTILINE)):
        return _answer({"changes": changes(json.loads(backlog[1])["entries"])})
    return None


def plan() -> list[dict[str, Any]]:
    return [
        _entry(LARGE, f"{PACE} {REACH}", "pace", "reach", reason="It answers how long the money lasts"),
        _entry(
            "Read a plan",
            "`plan.parse` reads what is planned for each account: `expenses:food 300`, with comments after `;`.",
            "plan",
            reason="Without a plan nothing can be left of it",
        ),
        _entry(
            "Say what is left of the plan",
            "`left.left` takes what was spent on each account off what was planned for it.",
            "left",
            reason="It is what the goal asks for first",
        ),
    ]


def children() -> list[dict[str, Any]]:
    return [
        _entry("Say what a day may cost", PACE, "pace", reason="Its rounds finish the pace, and never come to the last day"),
        _entry("Say when the money is gone", REACH, "reach", reason="It needs nothing of the pace"),
    ]


def changes(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Change the first of `WAITING` that may be changed, or another entry."""
    free = [entry for entry in entries if not entry["why_not"]]
    chosen = next((entry for title in WAITING for entry in free if entry["title"] == title), next(iter(free), None))
    if chosen is None:
        return []
    priority = "critical" if chosen["priority"] == "high" else "high"
    reason = "It waits for most of the others: once they have landed, it should be the next to start"
    return [{"kind": "change", "entry": chosen["entry"], "priority": priority, "reason": reason}]


def _entries(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return _answer({"entries": entries})


def _answer(answer: dict[str, Any]) -> dict[str, Any]:
    return {"type": "result", "ok": True, "summary": json.dumps(answer)}
