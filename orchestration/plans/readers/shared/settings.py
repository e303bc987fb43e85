"""The settings of an entry in a checklist: `budget: $2`, on a line of its own or in brackets at the end of the title."""

import difflib
import re
from decimal import Decimal, InvalidOperation
from typing import Any

_KEYS = {
    "files": "files_to_modify",
    "file": "files_to_modify",
    "creates": "files_to_create",
    "after": "depends_on",
    "needs": "depends_on",
    "depends on": "depends_on",
    "depends_on": "depends_on",
    "waits for": "depends_on",
    "requires": "depends_on",
    "modifies": "files_to_modify",
    "budget": "budget_usd",
    "rounds": "budget_rounds",
    "priority": "priority",
    "group": "parallel_group",
    "alone": "parallelizable",
    "ref": "ref",
    "agent": "agent",
    "route": "route",
    "runs on": "requires",
    "runs-on": "requires",
    "tests": "tests",
    "test": "tests",
}
_PAIR = re.compile(rf"^({'|'.join(_KEYS)})[ \t]*:[ \t]*(\S.*)$", re.I)
_LIKE_A_PAIR = re.compile(r"^([a-z_-]{3,12}(?: [a-z]{2,4})?)[ \t]*:[ \t]*\S", re.I)
LATE = re.compile(rf"\(({'|'.join(_KEYS)})[ \t]*:[^()]{{1,200}}\)", re.I)
_LISTS = ("files_to_modify", "files_to_create", "tests", "depends_on", "requires")
SPEC = ("files_to_modify", "files_to_create", "tests")


def is_pair(text: str) -> bool:
    return _PAIR.match(text) is not None


def read(text: str) -> tuple[str, Any] | None:
    """The API's name and the value; None: it is no setting. Raises ValueError for a value that is none."""
    match = _PAIR.match(text)
    if match is None:
        return None
    name = _KEYS[match.group(1).lower()]
    return name, _value(name, match.group(2).strip())


def has_word(text: str) -> bool:
    """True if the text begins with a word and a colon, like a setting."""
    return _LIKE_A_PAIR.match(text) is not None


def near(text: str) -> str:
    """The setting whose word it nearly has; empty without one. A misspelt `after:` would let two entries run at once."""
    match = _LIKE_A_PAIR.match(text)
    words = difflib.get_close_matches(match.group(1).lower(), _KEYS, n=1, cutoff=0.75) if match else []
    return words[0] if words else ""


def _value(name: str, text: str) -> Any:
    if name in _LISTS:
        return [part.strip().strip("`") for part in text.split(",") if part.strip().strip("`")]
    if name == "budget_usd":
        try:
            amount = Decimal(text.strip("`").removeprefix("$").replace("USD", "").strip())
        except InvalidOperation:
            raise ValueError(f"{text[:40]!r} is not an amount in USD, such as $2.50") from None
        return amount
    if name == "budget_rounds":
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ValueError(f"{text[:40]!r} is not a number of rounds")
        return int(text)
    if name == "parallelizable":
        if text.lower() not in ("yes", "no", "true", "false"):
            raise ValueError("alone: is yes or no")
        return text.lower() in ("no", "false")
    return text.lower() if name == "priority" else text.strip("`")


def bracket(title: str, end: int) -> int:
    """The start of the bracket that ends at `end`; -1: there is none. Without a regular expression: it would begin anew at every space of a
    long line."""
    start = title.rfind("(", 0, end) if title[end - 1 : end] == ")" else -1
    return start if start >= 0 and ")" not in title[start : end - 1] else -1
