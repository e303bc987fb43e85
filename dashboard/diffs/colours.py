"""Syntax highlighting by Pygments, for languages whose lexers are fast.

The result is positions, not markup: the page's script paints them, so that a diff of thousands of lines stays a few hundred elements.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Literal, Name, String, _TokenType
from pygments.util import ClassNotFound

MAX_LINE_LENGTH = 500
MAX_CHARS = 60_000  # of one side of one hunk
_LANGUAGES = {
    "python": "py pyi",
    "javascript": "js mjs cjs jsx",
    "typescript": "ts tsx mts",
    "json": "json",
    "yaml": "yml yaml",
    "toml": "toml",
    "ini": "ini cfg",
    "html": "html htm",
    "css": "css",
    "sql": "sql",
    "go": "go",
    "rust": "rs",
    "java": "java",
    "kotlin": "kt",
    "c": "c h",
    "cpp": "cc cpp hpp cxx",
    "csharp": "cs",
    "ruby": "rb",
    "php": "php",
    "bash": "sh bash",
}
_BY_ENDING = {f".{ending}": language for language, endings in _LANGUAGES.items() for ending in endings.split()}
_BY_NAME = {"Makefile": "make", "Dockerfile": "docker"}
# (start, length, letter) of one line.
Places = list[tuple[int, int, str]]


@dataclass(slots=True)
class Patience:
    """The time limit for highlighting one page; afterwards lines stay plain."""

    seconds: float = 0.2
    until: float = 0.0

    def is_over(self) -> bool:
        if not self.until:
            self.until = time.monotonic() + self.seconds
        return time.monotonic() > self.until


def lexer_for(path: str) -> Lexer | None:
    file = PurePosixPath(path)
    alias = _BY_NAME.get(file.name) or _BY_ENDING.get(file.suffix.lower())
    if alias is None:
        return None
    try:
        return get_lexer_by_name(alias)
    except ClassNotFound:
        return None


def places(lexer: Lexer, lines: Sequence[str], patience: Patience) -> list[Places]:
    """The highlighted ranges of each line. Empty if the text is too long; lines after the time limit stay plain."""
    result: list[Places] = [[] for _ in lines]
    text = "\n".join(lines) + "\n"
    if len(text) > MAX_CHARS or any(len(line) > MAX_LINE_LENGTH for line in lines) or patience.is_over():
        return result
    line, begins = 0, 0
    for at, kind, value in lexer.get_tokens_unprocessed(text):
        while line < len(lines) and at > begins + len(lines[line]):
            begins += len(lines[line]) + 1
            line += 1
        if (letter := _letter(kind)) and not value.isspace():
            _spread(result, lines, line, at - begins, value, letter)
        if patience.is_over():
            break
    return result


def _spread(result: list[Places], lines: Sequence[str], line: int, start: int, value: str, letter: str) -> None:
    """Split a token over its lines."""
    for part in value.split("\n"):
        if line < len(lines) and part.strip():
            long = min(len(part), len(lines[line]) - start)
            before = result[line][-1] if result[line] else (0, 0, "")
            if before[2] == letter and before[0] + before[1] == start:  # lexers split a string into quotes and content
                start, long = before[0], before[1] + long
                result[line].pop()
            result[line].append((start, long, letter))
        line, start = line + 1, 0


@lru_cache(maxsize=256)
def _letter(kind: _TokenType) -> str:
    return next((letter for letter, kinds in _KINDS if any(kind in parent for parent in kinds)), "")


_KINDS: list[tuple[str, tuple[Any, ...]]] = [
    ("c", (Comment,)),
    ("s", (String, Literal.Scalar)),
    ("d", (Literal, Keyword.Constant)),
    ("k", (Keyword, Name.Tag)),
    ("n", (Name.Function, Name.Class, Name.Decorator, Name.Attribute)),
]
