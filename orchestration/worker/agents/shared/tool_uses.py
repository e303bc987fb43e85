"""A tool that an agent used, as an event: comparable with the uses before it, whatever the CLI adds to each."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from orchestration.worker.agents.shared.events import ToolUse
from orchestration.worker.agents.shared.json_values import nested, objects, text

MAX_ARGUMENTS = 2000
MAX_ANSWER = 20_000
WORDING = frozenset({"description", "explanation", "timeout", "is_background", "run_in_background"})
"""Arguments without effect on the tool."""


def tool_use(name: Any, arguments: Any, answer: Any) -> ToolUse:
    """A tool use from raw values. Of a long answer the end is kept: tools print their result there."""
    return ToolUse(text(name, 100), _arguments(arguments), _text(answer)[-MAX_ANSWER:])


def _arguments(arguments: Any) -> str:
    if isinstance(arguments, Mapping):
        arguments = {key: value for key, value in arguments.items() if key not in WORDING}
        if list(arguments) == ["command"]:
            arguments = arguments["command"]
    words = " ".join((arguments if isinstance(arguments, str) else json.dumps(arguments, sort_keys=True, default=str)).split())
    return words if len(words) <= MAX_ARGUMENTS else f"{words[:MAX_ARGUMENTS]} {sha256(words.encode()).hexdigest()}"


def _text(answer: Any) -> str:
    if isinstance(answer, str):
        return answer
    return "\n".join(text(nested(block, "text"), MAX_ANSWER) for block in objects(answer))
