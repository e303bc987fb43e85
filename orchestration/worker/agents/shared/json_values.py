"""Untrusted JSON from CLIs: objects from lines, and values checked for their type; and the prompt as a command-line argument."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from budget import amounts
from orchestration.worker.agents.shared.interface import Task

MAX_TOKENS = 10**12
MAX_ANSWER = 1_000_000  # characters of a final answer: a planner's is the whole plan
MAX_ARGUMENT_BYTES = 100_000  # Linux allows 128 KiB for a single argument


def parse_object(line: str) -> dict[str, Any] | None:
    """The JSON object in a line; None: other text."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = without_unstorable(json.loads(line, parse_float=Decimal))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def without_unstorable(value: Any) -> Any:
    """JSON may contain NUL and lone surrogates, which databases reject: NUL is removed, surrogates become escapes."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [without_unstorable(each) for each in value]
    if isinstance(value, dict):
        return {without_unstorable(key): without_unstorable(each) for key, each in value.items()}
    return value


def nested(value: Any, *keys: str) -> Any:
    """A value inside nested objects; None if one of them is missing or of another type."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; empty for any other value."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(value: Any, max_length: int = 20_000) -> str:
    return value[:max_length] if isinstance(value, str) else ""


def count(value: Any) -> int:
    """A token count; 0 for any other value."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS:
        return 0
    return value


def number(value: Any) -> float:
    """A finite number that is not negative; 0 for any other value."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return 0.0
    return float(value) if 0 <= value < 1e15 else 0.0


def usd(value: Any) -> Decimal | None:
    """USD, rounded to remove the noise of binary fractions; None for any other value."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    amount = Decimal(str(value))
    if not amount.is_finite() or not 0 <= amount <= amounts.MAX_USD:
        return None
    return amount.quantize(Decimal("1e-12"))


def prompt_argument(task: Task) -> str:
    """The prompt as an argument; if it is too long, a pointer to its file."""
    if len(task.prompt.encode()) <= MAX_ARGUMENT_BYTES:
        return task.prompt
    return f"Your task is in the file {task.prompt_file}. It is long: read all of it first, then do what it says."
