"""Several files as one text: each begins with a line that names it, so that a person sees in a preview what a problem's line belongs to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MARK = re.compile(r"<!-- file: (\S.*?) -->[ \t]*")


@dataclass(frozen=True)
class File:
    """`before`: how many lines of the whole text stand before its own first."""

    name: str
    text: str
    before: int = 0


def join(files: Sequence[tuple[str, str]]) -> str:
    """Names and texts, in their order. One file alone stays as it is."""
    if len(files) == 1:
        return files[0][1]
    return "".join(f"<!-- file: {name} -->\n{text.rstrip(chr(10))}\n" for name, text in files)


def split(text: str) -> list[File]:
    """A text that does not begin with a named file is one file without a name."""
    lines = text.split("\n")
    if not _MARK.fullmatch(lines[0]):
        return [File("", text)]
    starts = [n for n, line in enumerate(lines) if _MARK.fullmatch(line)]
    files = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        match = _MARK.fullmatch(lines[start])
        files.append(File(match.group(1) if match else "", "\n".join(lines[start + 1 : end]), start + 1))
    return files


def place(text: str, line: int) -> str:
    """A line of the whole text as a person finds it: `tasks.md:12`, or `12` in a text without named files."""
    for file in reversed(split(text)):
        if file.name and line > file.before:
            return f"{file.name}:{line - file.before}"
    return str(line)
