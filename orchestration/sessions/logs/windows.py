"""Some lines of a log from any position, in a few statements and megabytes however long the log is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, QuerySet, Subquery
from django.db.models.functions import Coalesce

from orchestration.models import LogChunk, Session
from orchestration.sessions.logs.chunks import Line

MAX_LINES = 1000
MAX_BYTES = 2_000_000  # of text: long lines shorten the window


@dataclass(frozen=True)
class Window:
    """Lines in order. `earlier`, `later`: more lines exist on that side. Numbers jump where lines were dropped."""

    lines: Sequence[Line] = ()
    earlier: bool = False
    later: bool = False

    @property
    def first(self) -> int:
        return self.lines[0].seq if self.lines else 0

    @property
    def last(self) -> int:
        return self.lines[-1].seq if self.lines else 0


def before(session: Session, seq: int | None = None, *, limit: int = MAX_LINES) -> Window:
    """The newest lines below a number; without one, the end of the log."""
    chunks = LogChunk.objects.filter(session=session)
    if seq is not None:
        chunks = chunks.filter(first_seq__lt=seq)
    sizes = list(chunks.order_by("-first_seq").values_list("first_seq", "size")[: limit + 1])
    if not sizes:
        return Window(later=seq is not None and _reaches(session, seq))
    start = _reach(sizes, limit)
    lines = [line for line in _lines(chunks.filter(first_seq__gte=start)) if seq is None or line.seq < seq]
    shown = lines[-limit:]
    earlier = len(lines) > limit or len(sizes) > sum(first >= start for first, _ in sizes)
    return Window(shown, earlier=earlier, later=seq is not None and _reaches(session, seq))


def after(session: Session, seq: int, *, limit: int = MAX_LINES) -> Window:
    """The next lines above a number, without gaps of their own."""
    every = LogChunk.objects.filter(session=session)
    containing = every.filter(first_seq__lte=seq).order_by().values("session").annotate(at=Max("first_seq")).values("at")
    chunks = every.filter(first_seq__gte=Coalesce(Subquery(containing), 0))
    sizes = list(chunks.order_by("first_seq").values_list("first_seq", "size")[: limit + 2])
    if not sizes:
        return Window()
    ends, taken = sizes[0][0], 0
    for n, (first, size) in enumerate(sizes):
        # Not the first two: the requested lines may begin in the second.
        if n > 1 and (taken + size > MAX_BYTES or first > max(sizes[1][0], seq + 1) + limit):
            break
        ends, taken = first, taken + size
    lines = [line for line in _lines(chunks.filter(first_seq__lte=ends)) if line.seq > seq]
    return Window(lines[:limit], earlier=seq > 0, later=len(lines) > limit or sizes[-1][0] > ends)


def around(session: Session, seq: int, *, limit: int = MAX_LINES) -> Window:
    """A line with its neighbours before and after."""
    older, newer = before(session, seq, limit=limit // 2), after(session, seq - 1, limit=limit // 2)
    return Window([*older.lines, *newer.lines], earlier=older.earlier, later=newer.later)


def find_line(session: Session, seq: int) -> Line | None:
    """A single line; None when it does not exist or was dropped."""
    return next((line for line in after(session, seq - 1, limit=1).lines if line.seq == seq), None)


def _reach(sizes: Sequence[tuple[int, int]], limit: int) -> int:
    """The first line to read, going back from the newest chunk, for so many lines and at most MAX_BYTES of text."""
    start, taken = sizes[0][0], sizes[0][1]
    newest = start
    for first, size in sizes[1:]:
        if newest - start >= limit or taken + size > MAX_BYTES:
            break
        start, taken = first, taken + size
    return start


def _reaches(session: Session, seq: int) -> bool:
    """True if the log has this line or a later one."""
    newest = LogChunk.objects.filter(session=session).order_by("-first_seq").first()
    return newest is not None and newest.first_seq + len(newest.lines) > seq


def _lines(chunks: QuerySet[LogChunk]) -> list[Line]:
    return [
        line for first, lines in chunks.order_by("first_seq").values_list("first_seq", "lines") for line in unpacked(first, lines)
    ]


def unpacked(first_seq: int, lines: Iterable[Sequence[Any]]) -> list[Line]:
    return [Line(seq, at, stream, text) for seq, (at, stream, text) in enumerate(lines, start=first_seq)]
