"""What every agent module needs: a line as JSON, values that are what they should be, a prompt that fits into an argument."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from budget import amounts
from orchestration.worker.agents.shared.interface import Task

MOST_TOKENS = 10**12
LONGEST_ARGUMENT = 100_000  # Linux takes 128 KiB for one, whatever the whole may have


def parsed(line: str) -> dict[str, Any] | None:
    """The JSON object in a line; None: it is other text."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        told = storable(json.loads(line, parse_float=Decimal))
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def storable(value: Any) -> Any:
    """JSON may hold NUL and halves of characters, which no database takes: the first are left out, the second written as escapes."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [storable(each) for each in value]
    if isinstance(value, dict):
        return {storable(key): storable(each) for key, each in value.items()}
    return value


def dig(holder: Any, *keys: str) -> Any:
    """A value inside of objects; None where one of them is missing or something else."""
    for key in keys:
        holder = holder.get(key) if isinstance(holder, Mapping) else None
    return holder


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none where it is something else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(value: Any, most: int = 20_000) -> str:
    return value[:most] if isinstance(value, str) else ""


def count(value: Any) -> int:
    """A number of tokens; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TOKENS:
        return 0
    return value


def number(value: Any) -> float:
    """A finite number that is not negative; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return 0.0
    return float(value) if 0 <= value < 1e15 else 0.0


def usd(value: Any) -> Decimal | None:
    """USD without the noise of binary fractions; None for what is no amount."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    amount = Decimal(str(value))
    if not amount.is_finite() or not 0 <= amount <= amounts.MAX_USD:
        return None
    return amount.quantize(Decimal("1e-12"))


def argument(task: Task) -> str:
    """The prompt as an argument, or, where it is too long for one, where to read it."""
    if len(task.prompt.encode()) <= LONGEST_ARGUMENT:
        return task.prompt
    return f"Your task is in the file {task.prompt_file}. It is long: read all of it first, then do what it says."
