"""Answers on the terminal: a table for people, JSON for programs."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from muster_cli.errors import Problem, Usage
from muster_cli.widths import cut, fitting

UNLIMITED = 10**9
Row = Mapping[str, Any]
Column = tuple[str, Callable[[Any], object]]
"""A title, and the cell of a row."""

STATUS_COLOURS = {"done": "32", "running": "32", "in_progress": "36", "blocked": "33", "paused": "33", "failed": "31"}
DIFF_COLOURS = {"+++": "1", "---": "1", "diff ": "1", "@@": "36", "+": "32", "-": "31"}
# Texts of agents may hold anything: what moves the cursor or writes the clipboard stays off the terminal.
_CONTROLS = re.compile(
    r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_CONTROL = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f-\x9f]")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


@dataclass
class Output:
    """`kind`: table, json or jsonl. `fields` picks some of each row; `jq` is a filter on what would be printed as JSON."""

    kind: str = "table"
    fields: str | None = None
    jq: str | None = None

    @property
    def is_for_programs(self) -> bool:
        return self.kind != "table" or self.fields is not None or self.jq is not None

    def show(self, document: Any, rows: Sequence[Row] | None, table: Callable[[], Iterable[str]]) -> None:
        """`document`: the whole answer. `rows`: its items, None where it is one thing. `table`: the lines for people."""
        if not self.is_for_programs:
            for line in table():
                write(line)
            return
        items = list(rows) if rows is not None else [document]
        if self.fields is not None:
            if items:
                check_fields(self.fields, {name for item in items for name in item})
            items = [{name: item.get(name) for name in _names(self.fields)} for item in items]
            document = items if rows is not None else items[0]
        if self.jq is not None:
            for result in filtered(self.jq, document):
                write(result, as_it_is=True) if isinstance(result, str) else print(_compact(result))
        elif self.kind == "jsonl":
            for item in items:
                print(_compact(item))
        else:
            # On a terminal as ASCII: U+009B begins a control sequence there, and U+202E turns the text around.
            print(json.dumps(document, indent=2, ensure_ascii=sys.stdout.isatty()))


def table(rows: Iterable[Any], columns: Sequence[Column], *, empty: str, keeps: Sequence[str] = ()) -> list[str]:
    """The lines of a table. On a terminal its head is bold, and columns give way where it is narrow, but those in `keeps`."""
    cells = [[one_line(cell(row)) for _, cell in columns] for row in rows]
    if not cells:
        return [empty]
    titles = [title for title, _ in columns]
    width = _terminal_width()
    widths = fitting(titles, cells, width or UNLIMITED, keeps=keeps)
    lines = [
        "  ".join(cut(line[place], limit).ljust(limit) for place, limit in widths.items()).rstrip() for line in [titles, *cells]
    ]
    lines = [cut(line, width or UNLIMITED) for line in lines]
    return [bold(lines[0]), *(_tinted(line) for line in lines[1:])]


def write(line: str, *, as_it_is: bool = False) -> None:
    """One line for people. `as_it_is`: in a pipe nothing of it is changed, for a program such as git apply."""
    print(printable(line) if sys.stdout.isatty() else line if as_it_is else visible(line))


def note(sentence: str) -> None:
    """A sentence that is no result: to the other stream, after the lines so far."""
    sys.stdout.flush()
    print(printable(sentence), file=sys.stderr)


def printable(text: str) -> str:
    """The text without anything that steers a terminal, but colours."""
    return _CONTROLS.sub(lambda match: match[0] if _COLOUR.fullmatch(match[0]) else "", text)


def visible(text: str) -> str:
    """The text for a file or a pipe, whose reader may be a terminal later: without colours, and with each other control as it is written in JSON."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", _COLOUR.sub("", text).removesuffix("\r"))


def one_line(value: object) -> str:
    text = "" if value is None else value if isinstance(value, str) else str(value)
    return _CONTROLS.sub("", " ".join(text.split()))


def usd(amount: float | None) -> str:
    return "" if amount is None else f"${amount:,.2f}"


def moment(text: str) -> datetime:
    """A time of the API."""
    return datetime.fromisoformat(text)


def time_of(text: str) -> str:
    """A time of the API, for people: `2026-12-01 13:52 UTC`."""
    return f"{moment(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if has_colours() else text


def tinted_diff(line: str) -> str:
    """A line of a patch, on a terminal as git colours it. Escapes of its own are taken out there."""
    if not has_colours():
        return line
    colour = next((code for start, code in DIFF_COLOURS.items() if line.startswith(start)), "")
    text = _CONTROLS.sub("", line)
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text


def has_colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def filtered(program: str, document: Any) -> list[Any]:
    """The results of a jq filter."""
    try:
        import jq
    except ImportError:
        raise Problem("--jq needs the package jq: install muster-cli[jq], or pipe -o json into jq.") from None
    try:
        return list(jq.compile(program).input_value(document).all())
    except ValueError as problem:
        raise Usage(f"--jq: {problem}") from None


def check_fields(fields: str, known: set[str]) -> None:
    """Raises Usage for a field that is not there."""
    if unknown := [name for name in _names(fields) if name not in known]:
        raise Usage(f"--json: no field {', '.join(unknown)}. There are: {', '.join(sorted(known))}")


def _names(fields: str) -> list[str]:
    return [name.strip() for name in fields.split(",")]


def _compact(value: Any) -> str:
    return json.dumps(value)  # as ASCII: some readers of lines split at U+2028


def _tinted(line: str) -> str:
    if not has_colours():
        return line
    words = "|".join(STATUS_COLOURS)
    return re.sub(rf"(?<=  )({words})(?=  |$)", lambda match: f"\x1b[{STATUS_COLOURS[match[0]]}m{match[0]}\x1b[0m", line, count=1)


def _terminal_width() -> int | None:
    """None: not a terminal, or one that does not know."""
    return (os.get_terminal_size(sys.stdout.fileno()).columns or None) if sys.stdout.isatty() else None
