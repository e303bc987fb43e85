"""Words that the house no longer uses in names, and what it says instead. `tests/test_words.py` and `tests/figures.py` read this list."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

# A part of an identifier, between underscores or capitals, anywhere in it.
BANNED_PARTS = {
    "told": "recorded, reported, or the noun",
    "tell": "record, report, announce",
    "tells": "reports",
    "telling": "event text, reporting",
    "said": "the noun: output, text, form data",
    "say": "print, report",
    "says": "reports",
    "mend": "repair, fix",
    "mends": "repairs, fixes",
    "mended": "repaired, recovered",
    "mending": "repairing",
    "dearest": "most expensive",
    "scene": "page request",
    "doors": "entry points, decorators",
    "asking": "confirmation",
    "passages": "phase history",
    "furnish": "prepare",
    "summon": "request check",
    "summons": "check requests",
    "nudge": "enqueue cycle",
    "doorbell": "message, wake-up",
    "doorbells": "messages, wake-ups",
    "bell": "event",
    "rung": "kill step",
    "rungs": "kill steps",
    "heard": "telemetry, received",
    "hear": "receive",
    "hears": "receives",
    "beside": "compared, next to, parallel",
    "ladder": "kill sequence",
    "sheet": "CSV export",
    "sheets": "CSV export",
    "nobody": "no one: name the role",
    "everybody": "all",
    "somebody": "anyone: name the role",
    "whom": "the noun",
}

# The whole name of a variable, a parameter, a function or an attribute.
BANNED_NAMES = {
    "found": "the noun: entries, rows, match",
    "one": "the noun of the item",
    "those": "the noun",
    "made": "created, or the noun",
    "wanted": "requested, required, or the noun",
    "rest": "remaining, idle",
    "way": "nav, route",
    "pulse": "executor stats",
    "watch": "stop flags",
}

# Names that others gave: Django's, the standard library's, the contract's.
ALLOWED = {"_watch": "a thread that watches"}


def identifiers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names that a module binds, with their lines: variables, parameters, functions, classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or (
            isinstance(node, ast.ExceptHandler) and node.name
        ):
            yield node.name, node.lineno


def parts(name: str) -> list[str]:
    """`NotFound_again` -> `not`, `found`, `again`."""
    return [part.lower() for part in re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).split("_") if part]


def banned_in(name: str) -> str:
    """The word in this name that may not be there, or ""."""
    if name in ALLOWED:
        return ""
    if name.strip("_").lower() in BANNED_NAMES:
        return name.strip("_").lower()
    return next((part for part in parts(name) if part in BANNED_PARTS), "")


def instead(word: str) -> str:
    """The names that the house uses instead of a banned word."""
    return BANNED_NAMES.get(word) or BANNED_PARTS[word]


def banned_names(path: Path) -> list[tuple[str, int]]:
    """Names of a Python file that are from the old dialect."""
    return [(name, line) for name, line in identifiers(ast.parse(path.read_text())) if banned_in(name)]


# Phrases that a person never reads: on pages, in documents and in docstrings.
BANNED_PHRASES = {
    r"\btell of\b": "Notify on",
    r"\btold\b": "reported, recorded",
    r"\bmend(s|ed|ing)?\b": "repair, fix, recover",
    r"\bfor want of\b": "without",
    r"\ball the same\b": "anyway",
    r"\bby hand\b": "manually",
    r"\bcomes? to rest\b": "becomes idle",
    r"\bturned away\b": "provider unavailable",
    r"\bdoorbells?\b": "message",
    r"\bsummon(s|ed)?\b": "request a check",
    r"\bnudg(e|es|ed)\b": "enqueue",
    r"\bwho(so)?ever\b": "anyone who",
    r"\bas the system has it\b": "Use system setting",
    r"\bat most a round\b": "Max per round",
    r"\blongest silence\b": "Idle timeout",
    r"\bits rows of the ledger\b": "View in ledger",
    r"\bbeside the others\b": "Concurrency",
}


def banned_phrases(text: str) -> list[str]:
    """The banned phrases in this text, as they stand in it."""
    return [match.group(0) for phrase in BANNED_PHRASES for match in re.finditer(phrase, text, re.IGNORECASE)]


# A docstring that begins so has no subject: its reader guesses what it is about.
_WITHOUT_SUBJECT = re.compile(r"(What|Whether|How|As|Of|Where|Which|Who|When|That|Whom|Whose|Why)\b")


def docstrings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The docstrings of a module, with their lines."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if text:
            yield text, node.body[0].lineno


def has_no_subject(docstring: str) -> bool:
    return bool(_WITHOUT_SUBJECT.match(docstring))
