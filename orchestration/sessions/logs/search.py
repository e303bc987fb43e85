"""Searches through a whole log, for text and for lines by level, in portions and up to a limit."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestration.models import LogChunk, Session
from orchestration.sessions.logs.chunks import Line, plain
from orchestration.sessions.logs.levels import ERROR, level
from orchestration.sessions.logs.windows import Window, unpacked

MAX_BYTES = 48_000_000
MAX_HITS = 5000
PORTION_BYTES = 2_000_000
PORTION_CHUNKS = 400
_HIDING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # what `plain` takes out, within words too


@dataclass(frozen=True)
class SearchResult:
    """The numbers of matching lines. `cut`: the log was too long, or too many lines matched."""

    hits: list[int] = field(default_factory=list)
    cut: bool = False

    def nearest(self, seq: int) -> int:
        """The position, from 1, of the first hit at or after `seq`, else of the last; 0 without hits."""
        return next((n for n, hit in enumerate(self.hits, start=1) if hit >= seq), len(self.hits))


def find_text(session: Session, text: str) -> SearchResult:
    """Lines that contain this text in any case. A log past the limit is searched in its newest part."""
    needle = text.casefold()
    hits: list[int] = []
    scan = _Scan(session)
    for first, lines in scan.backwards():
        if _may_contain(lines, [needle]):
            hits += [first + n for n in reversed(range(len(lines))) if needle in plain(lines[n][2]).casefold()]
        if len(hits) > MAX_HITS:
            return SearchResult(hits[:MAX_HITS][::-1], cut=True)
    return SearchResult(hits[::-1], cut=scan.cut)


def before(
    session: Session, seq: int | None, fits: Callable[[Line], bool], *, limit: int, markers: Sequence[str] = ()
) -> tuple[Window, bool]:
    """The newest fitting lines below `seq`, and whether the search stopped before the log's start. `markers`: a fitting line contains one."""
    matches: list[Line] = []
    scan = _Scan(session, below=seq)
    for first, lines in scan.backwards():
        if markers and not _may_contain(lines, markers):
            continue
        matches += [line for line in reversed(unpacked(first, lines)) if (seq is None or line.seq < seq) and fits(line)]
        if len(matches) > limit:
            return Window(matches[:limit][::-1], earlier=True, later=seq is not None), False
    return Window(matches[::-1], later=seq is not None), scan.cut


def line_filter(shown: str) -> Callable[[Line], bool] | None:
    """The predicate for a page's filter: a level and worse, or a stream. None: every line fits."""
    if shown == ERROR:
        return lambda line: level(plain(line.text)) == ERROR
    if shown == "warn":
        return lambda line: bool(level(plain(line.text)))
    if shown == "stderr":
        return lambda line: line.stream.endswith("stderr")
    if shown == "agent":
        return lambda line: ":" not in line.stream
    if shown == "checks":
        return lambda line: ":" in line.stream
    return None


def _may_contain(lines: Sequence[Sequence[Any]], needles: Sequence[str]) -> bool:
    """A cheap test on a chunk's whole text. False: no line can match. Control characters may hide text, so they count as a match."""
    text = "\n".join([line[2] for line in lines])
    if _HIDING.search(text):
        return True
    folded = text.casefold()
    return any(each in folded for each in needles)


class _Scan:
    """The chunks of a log from its end, in portions of some megabytes, two statements each."""

    def __init__(self, session: Session, *, below: int | None = None) -> None:
        self._chunks = LogChunk.objects.filter(session=session)
        self._below = below
        self.cut = False

    def backwards(self) -> Iterator[tuple[int, list[Sequence[Any]]]]:
        below, taken = self._below, 0
        while portion := self._portion(below):
            if taken > MAX_BYTES:
                self.cut = True
                return
            below = portion[-1][0]
            taken += sum(size for _, size in portion)
            kept = self._chunks.filter(first_seq__gte=below, first_seq__lte=portion[0][0])
            yield from kept.order_by("-first_seq").values_list("first_seq", "lines")

    def _portion(self, below: int | None) -> list[tuple[int, int]]:
        """(first line, size) of the next chunks, up to PORTION_BYTES."""
        chunks = self._chunks if below is None else self._chunks.filter(first_seq__lt=below)
        sizes = list(chunks.order_by("-first_seq").values_list("first_seq", "size")[:PORTION_CHUNKS])
        taken = 0
        for n, (_, size) in enumerate(sizes):
            taken += size
            if n and taken > PORTION_BYTES:
                return sizes[:n]
        return sizes
