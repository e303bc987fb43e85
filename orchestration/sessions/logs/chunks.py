"""A session's output, stored in chunks and readable while it runs: its head and its tail."""

import json
import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from orchestration.models import LogChunk, Session
from orchestration.sessions.logs.levels import ERROR, level
from workspaces.secrets.masking import OWN_TOKEN, Mask

MAX_LINE = 20_000
# Escape sequences (colours, cursor movement, titles) and every control character but the tab.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]?|[\x00-\x08\x0a-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Line:
    """`seq` counts from 1 and has gaps where the middle was dropped. `at`: milliseconds since the epoch."""

    seq: int
    at: int
    stream: str
    text: str


class Writer:
    """Collects lines and writes them in chunks. Beyond `limit` bytes the head and the newest half stay; the middle is deleted."""

    def __init__(self, session: Session, *, limit: int, mask: Mask | None = None) -> None:
        self._session = session
        self.mask = mask or Mask({})
        self._half = limit // 2
        self._lines: list[tuple[int, str, str]] = []
        self._pending = 0
        self._next = 1
        self._head = 0
        self._tail: deque[tuple[int, int]] = deque()
        self._tail_size = 0
        self.last_words = ""
        self.first_error: int | None = None

    def add(self, stream: str, text: str) -> None:
        text = self.mask(OWN_TOKEN.sub("[secret token]", text))
        shown = text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]} … {len(text) - MAX_LINE} more characters"
        if self.first_error is None and level(plain(shown)) == ERROR:
            self.first_error = self._next + len(self._lines)
        self._lines.append((int(time.time() * 1000), stream, shown))
        self._pending += len(shown)
        if shown.strip() and not shown.startswith("{"):
            self.last_words = shown.strip()[:300]

    @property
    def is_full(self) -> bool:
        """True if the lines fill a chunk, which is written without waiting for the timer."""
        return self._pending > 64_000 or len(self._lines) > 1000

    def flush(self) -> bool:
        """Write the collected lines. False: there were none."""
        if not self._lines:
            return False
        size = self._pending
        chunk = _insert(self._session.pk, self._next, self._lines, size)
        self._next += len(self._lines)
        self._lines, self._pending = [], 0
        if self._head + size <= self._half:
            self._head += size
        else:
            self._head = self._half  # the head is closed: later chunks belong to the tail
            self._tail.append((chunk, size))
            self._tail_size += size
            self._drop()
        return True

    def _drop(self) -> None:
        dropped = []
        while self._tail_size > self._half and len(self._tail) > 1:
            pk, size = self._tail.popleft()
            self._tail_size -= size
            dropped.append(pk)
        if dropped:
            LogChunk.objects.filter(pk__in=dropped).delete()


def _insert(session_id: str, first_seq: int, lines: list[tuple[int, str, str]], size: int) -> int:
    """The key of a new chunk. In SQL, since each session writes one with almost each line of its agent."""
    as_json = "%s::jsonb" if connection.vendor == "postgresql" else "%s"
    places = f"(session_id, first_seq, lines, size) VALUES (%s, %s, {as_json}, %s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {LogChunk._meta.db_table} {places} RETURNING id", [session_id, first_seq, json.dumps(lines), size]
        )
        return int(cursor.fetchone()[0])


def plain(text: str) -> str:
    """A line without escape sequences, so that hostile output cannot move a cursor or draw; of a progress bar, its last state."""
    if text.isprintable():
        return text
    return _ESCAPES.sub("", last_state(text))


def last_state(text: str) -> str:
    """The text that a terminal shows after carriage returns overwrote a line."""
    return text.rstrip("\r").rsplit("\r", 1)[-1]


def read(session: Session, *, after: int = 0) -> Iterator[Line]:
    """The lines after a number, in order."""
    chunks = LogChunk.objects.filter(session=session).order_by("first_seq")
    newest_before = chunks.filter(first_seq__lte=after).values_list("first_seq", flat=True).last()
    if newest_before is not None:
        chunks = chunks.filter(first_seq__gte=newest_before)
    for chunk in chunks.iterator(chunk_size=50):
        for seq, (at, stream, text) in enumerate(chunk.lines, start=chunk.first_seq):
            if seq > after:
                yield Line(seq, at, stream, text)
