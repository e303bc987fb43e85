"""A diff as inert HTML: two `<pre>`, numbers and lines, with one element for each run of added or removed lines. Pure.

Signs and words carry the meaning, colour only repeats it. `data-tokens` holds the highlighted ranges as gaps and lengths in UTF-16 units.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from pygments.lexer import Lexer

from dashboard.diffs import colours
from dashboard.diffs.colours import Patience, Places
from dashboard.diffs.parse import Hunk
from dashboard.diffs.visible import misleads, shortened, visible

MAX_MARKS = 400
_RUNS = {"+": "ins", "-": "del"}


@dataclass(slots=True)
class Allowance:
    """The limits of one page: lines, and elements that mark words."""

    lines: int
    marks: int = MAX_MARKS
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class Painted:
    """`cut`: lines that are not shown. `misleads`: it contains characters that change its appearance."""

    numbers: str
    lines: SafeString
    tokens: str
    cut: int = 0
    misleads: bool = False


@dataclass(slots=True)
class _Line:
    sign: str
    text: str
    mark: tuple[int, int] | None = None
    places: Places = field(default_factory=list)


def render(path: str, hunks: Sequence[Hunk], allowance: Allowance, mask: Callable[[str], str] = str) -> Painted:
    """The hunks of one file, within the page's allowance."""
    lexer = colours.lexer_for(path)
    numbers: list[str] = []
    html: list[str] = []
    tokens = _Tokens()
    cut, odd = 0, False
    for hunk in hunks:
        kept = hunk.lines[: allowance.lines]
        cut += len(hunk.lines) - len(kept)
        if not kept:
            continue
        allowance.lines -= len(kept)
        odd = odd or any(misleads(text) for _, text in kept)
        lines = [_Line(sign, shortened(visible(mask(text)))) for sign, text in kept]
        _mark_words(lines, allowance)
        if lexer is not None:
            _colour(lexer, lines, allowance.patience)
        numbers += [" ", *_numbers(hunk, lines)]  # not empty: a `<pre>` drops a leading line break
        title = (
            f"@@ line {hunk.new_start or hunk.old_start}{' · ' if hunk.heading else ''}{shortened(visible(mask(hunk.heading)))}"
        )
        html.append(f"<b>{escape(title)}\n</b>")
        tokens.skip(title + "\n")
        html += _html(lines, tokens)
    return Painted("\n".join(numbers), mark_safe("".join(html)), tokens.encoded(), cut, odd)


def _html(lines: list[_Line], tokens: "_Tokens") -> list[str]:
    html = []
    for sign, run in groupby(lines, key=lambda line: line.sign):
        text = "".join(_line(line, tokens) for line in run)
        tag = _RUNS.get(sign)
        html.append(f"<{tag}>{text}</{tag}>" if tag else text)
    return html


def _line(line: _Line, tokens: "_Tokens") -> str:
    tokens.add(line.sign, line.text, line.places)
    sign = {"-": "−", "\\": "⚠"}.get(line.sign, line.sign)
    if line.mark is None:
        return f"{sign}{escape(line.text)}\n"
    start, end = line.mark
    before, marked, after = (escape(part) for part in (line.text[:start], line.text[start:end], line.text[end:]))
    return f"{sign}{before}<mark>{marked}</mark>{after}\n"


def _numbers(hunk: Hunk, lines: list[_Line]) -> list[str]:
    old, new, rows = hunk.old_start, hunk.new_start, []
    for line in lines:
        has_old, has_new = line.sign in " -", line.sign in " +"
        rows.append(f"{old if has_old else '':>5} {new if has_new else '':>5}")
        old, new = old + has_old, new + has_new
    return rows


def _mark_words(lines: list[_Line], allowance: Allowance) -> None:
    """Mark the difference of each pair of lines if a run of removals is followed by as many additions."""
    runs = [list(run) for _, run in groupby(lines, key=lambda line: line.sign)]
    for gone, new in pairwise(runs):
        if gone[0].sign != "-" or new[0].sign != "+" or len(gone) != len(new):
            continue
        for old_line, new_line in zip(gone, new, strict=True):
            if allowance.marks < 2:
                return
            marks = _differing(old_line.text, new_line.text)
            if marks is None:
                continue
            for line, (start, end) in zip((old_line, new_line), marks, strict=True):
                if end > start:
                    line.mark = (start, end)
                    allowance.marks -= 1


def _differing(old: str, new: str) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The differing middle of two lines, at word boundaries. None if it is most of the line."""
    shortest = min(len(old), len(new))
    head = next((n for n in range(shortest) if old[n] != new[n]), shortest)
    while head and head < max(len(old), len(new)) and _in_word(old, new, head):
        head -= 1
    tail = next((n for n in range(shortest - head) if old[-1 - n] != new[-1 - n]), shortest - head)
    while tail and _in_word(old, new, -tail):
        tail -= 1
    if head + tail < 0.3 * max(len(old), len(new), 1) or not (old[:head] + old[len(old) - tail :]).strip():
        return None
    return (head, len(old) - tail), (head, len(new) - tail)


def _in_word(old: str, new: str, at: int) -> bool:
    """True if this position is inside a word of either line."""
    return any(
        abs(at) < len(text) and (text[at - 1].isalnum() or text[at - 1] == "_") and (text[at].isalnum() or text[at] == "_")
        for text in (old, new)
    )


def _colour(lexer: Lexer, lines: list[_Line], patience: Patience) -> None:
    """Each side is highlighted as a whole, as in its file."""
    for signs in (" -", " +"):
        side = [line for line in lines if line.sign in signs]
        for line, places in zip(side, colours.places(lexer, [line.text for line in side], patience), strict=True):
            line.places = places


class _Tokens:
    """Highlighted ranges of a whole `<pre>`, encoded as a sequence of `gap letter length`."""

    def __init__(self) -> None:
        self._at = self._last = 0
        self._encoded: list[str] = []

    def skip(self, text: str) -> None:
        self._at += _units(text)

    def add(self, sign: str, text: str, places: Places) -> None:
        self.skip(sign)
        for start, length, letter in places:
            begins = self._at + _units(text[:start])
            if length > 0 and begins >= self._last:
                long = _units(text[start : start + length])
                self._encoded.append(f"{begins - self._last}{letter}{long}")
                self._last = begins + long
        self.skip(text + "\n")

    def encoded(self) -> str:
        return " ".join(self._encoded)


def _units(text: str) -> int:
    """JavaScript counts UTF-16 units."""
    return len(text) if text.isascii() else len(text) + sum(letter > "\uffff" for letter in text)
