"""Log lines as HTML, built without a template because a page has a thousand. Every line is escaped here, once."""

import re
from collections.abc import Iterable
from functools import lru_cache

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import get_current_timezone_name

from dashboard.sessions import ansi
from dashboard.templatetags.muster import line_clock
from orchestration.sessions.logs import sentences
from orchestration.sessions.logs.chunks import Line, plain
from orchestration.sessions.logs.levels import level

MAX_LENGTH = 2000
_TESTS = re.compile(
    r"^=* ?(?=.*\b\d+ (?:passed|failed)\b).*\bin [\d.]+ ?m?s|^(?:Tests?|test result): .*\b\d+ (?:passed|failed|ok)\b|^Ran \d+ tests? in "
)


def html(lines: Iterable[Line], *, base: str, previous: int = 0, words: str = "", here: bool = True) -> SafeString:
    """Rows in order. `base`: the URL of the log. `previous`: the number of the line before the first one, to report gaps; 0: report
    none. `words`: text to mark. `here=False`: on another page, where line numbers link to the log.
    """
    find = re.compile(re.escape(words), re.IGNORECASE) if words else None
    rows: list[str] = []
    for line in lines:
        if previous and line.seq > previous + 1:
            rows.append(gap_row(line.seq - previous - 1))
        previous = line.seq
        rows.append(row(line, base=base, find=find, here=here))
    return mark_safe("".join(rows))


def full_line(line: Line) -> SafeString:
    """One line in full."""
    return mark_safe(row(line, base="", whole=True))


def gap_row(missing: int) -> str:
    return f'<div class="gap">… {missing:,} line{"" if missing == 1 else "s"} not shown</div>'


def row(line: Line, *, base: str, find: re.Pattern[str] | None = None, whole: bool = False, here: bool = True) -> str:
    words = plain(line.text)
    bad = level(words)
    known = None if whole else sentences.read(words)
    classes = " ".join(filter(None, ("line", bad and f"l-{bad}", _stream(line.stream))))
    job, _, _ = line.stream.rpartition(":")
    label = f'<b class="job">{escape(job)}</b> ' if job else ""
    if known:
        text = _event(known, words, base=base, seq=line.seq)
    else:
        text = f'<span class="text">{label}{_text(line, words, base=base, find=find, whole=whole)}</span>'
    place = f' id="L{line.seq}"' if here else ""
    number = f'<a href="{"" if here else f"{base}?at={line.seq}"}#L{line.seq}">{line.seq}</a>'
    return f'<div class="{classes}"{place}>{number}<time data-at="{line.at}">{_clock(line.at // 1000)}</time>{text}</div>'


def _text(line: Line, words: str, *, base: str, find: re.Pattern[str] | None, whole: bool) -> str:
    """A line with a match is marked and loses its colours, because a match may span several colours."""
    if len(words) > MAX_LENGTH and not whole:
        more = len(words) - MAX_LENGTH
        link = f'<a class="show-all" href="{base}?line={line.seq}" data-line="{line.seq}">show all, {more:,} more characters</a>'
        return f"{_marked(words[:MAX_LENGTH], find)} … {link}"
    if find and find.search(words):
        return _marked(words, find)
    coloured = ansi.html(line.text)
    return f'<strong class="tests">{coloured}</strong>' if _TESTS.search(words[:300]) else coloured


def _marked(words: str, find: re.Pattern[str] | None) -> str:
    if find is None:
        return escape(words)
    shown, at = [], 0
    for match in find.finditer(words):
        shown += [escape(words[at : match.start()]), f"<mark>{escape(match[0])}</mark>"]
        at = match.end()
    return "".join([*shown, escape(words[at:])])


def _event(known: sentences.LogSentence, words: str, *, base: str, seq: int) -> str:
    """An agent's line as a summary that opens to the raw text."""
    raw: str = escape(words[:MAX_LENGTH])
    if len(words) > MAX_LENGTH:
        raw += f' … <a class="show-all" href="{base}?line={seq}">show all, {len(words) - MAX_LENGTH:,} more characters</a>'
    return (
        f'<details class="text event t-{known.kind}"><summary><b>{known.label}</b> {escape(known.summary)}</summary>'
        f"<code>{raw}</code></details>"
    )


def _stream(stream: str) -> str:
    kind = stream.rpartition(":")[2]
    return kind if kind in ("stderr", "muster") else ""


@lru_cache(maxsize=4096)
def _clock_of(second: int, zone: str) -> str:
    return line_clock(second)


def _clock(second: int) -> str:
    return _clock_of(second, get_current_timezone_name())
