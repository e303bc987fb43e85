"""The JSON object at the end of an agent's answer: found in its text, and its problems in sentences. Pure."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from workspaces.schemas import property_path

MAX_PROBLEMS = 20
MONEY = re.compile(r"budget|usd|cost|price|spend|cap$")
FENCE = re.compile(r"^```[a-zA-Z]*[ \t]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


def items(text: str, key: str, *, most: int, may_be_empty: bool = False) -> list[Any]:
    """The list under the answer's only key. Raises ValueError with the problem."""
    if not text.strip():
        raise ValueError(f"There is no answer: end with one JSON object that has the key `{key}`")
    broken = ""
    for candidate in _candidates(text, key):
        try:
            value = json.loads(candidate, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_unique)
        except RecursionError:
            broken = "it is nested too deep"
        except ValueError as error:
            broken = str(error)[:200]
        else:
            if isinstance(value, dict) and key in value:
                return _list_of(value, key, most, may_be_empty)
    if broken and f'"{key}"' in text:
        raise ValueError(f"The JSON of the answer cannot be read: {broken}")
    raise ValueError(f"The answer has no JSON object with the key `{key}`: end with one, and nothing after it")


def _list_of(answer: dict[str, Any], key: str, most: int, may_be_empty: bool) -> list[Any]:
    if unknown := sorted(answer.keys() - {key}):
        raise ValueError(f"The answer has the key `{key}` alone, not `{unknown[0][:60]}`")
    listed = answer[key]
    if not isinstance(listed, list) or not (listed or may_be_empty):
        singular = {"entries": "entry"}.get(key, key.removesuffix("s"))
        raise ValueError(f"`{key}` must be a list" + ("" if may_be_empty else f" with at least one {singular}"))
    if len(listed) > most:
        raise ValueError(f"The answer has {len(listed):,} {key}: {most} is the most. Propose the first steps")
    return listed


def _candidates(text: str, key: str) -> Iterator[str]:
    """The whole text, the last fenced block with the key, and what stands between the first and the last brace."""
    yield text.strip()
    yield from [block for block in FENCE.findall(text) if f'"{key}"' in block][-1:]
    if "}" in text:
        yield text[text.find("{") : text.rfind("}") + 1]


def problem(where: str, detail: Any) -> str:
    """One of pydantic's errors as a sentence. `where`: as in "Entry 3"."""
    is_unknown = detail["type"] == "extra_forbidden"
    name = property_path(detail["loc"], unknown=is_unknown)[:80]
    if is_unknown and MONEY.search(name):
        return f"{where}: take out `{name}`: an agent sets no amounts"
    if is_unknown:
        return f"{where}: take out `{name}`: {'entries have' if where.startswith('Entry') else 'it has'} no such property"
    words = "is missing" if detail["type"] == "missing" else detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{where}: {f'`{name}`' if name else 'it'} {words[:1].lower()}{words[1:200]}"


def first(problems: list[str]) -> list[str]:
    """The first problems: as many as an agent can repair at once."""
    more = len(problems) - MAX_PROBLEMS
    return [*problems[:MAX_PROBLEMS], *([f"And {more} more problems"] if more > 0 else [])]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice[:60]!r} is there twice")
    return result


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not a number that JSON has")
