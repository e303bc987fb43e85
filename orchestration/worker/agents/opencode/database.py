"""The requests in opencode's database, with their models: also those of subagents, which opencode does not print."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.sessions.folders import own_files
from orchestration.worker.agents.shared.json_values import count, nested, parse_object, text

STEPS = """
SELECT part.rowid, part.id, part.data, message.data FROM part JOIN message ON message.id = part.message_id
WHERE part.rowid > ? AND part.data LIKE '%"step-finish"%' ORDER BY part.rowid
"""

OPEN = """
SELECT count(DISTINCT message_id) FROM part WHERE rowid > ? AND json_extract(data, '$.type') = 'tool' AND message_id NOT IN
(SELECT message_id FROM part WHERE rowid > ? AND json_extract(data, '$.type') = 'step-finish')
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One request."""

    id: str
    model: str
    part: dict[str, Any]  # like in the printed event, if any


class Database:
    """opencode's database, read after the row `after`. An unreadable one counts as empty: then only the printed events count."""

    def __init__(self, path: Path, *, after: Any = None) -> None:
        self._path = path
        self._version: tuple[int, ...] = ()
        self.row = self._first = count(after)

    def steps(self) -> Iterator[Step]:
        """The new requests."""
        version = self._stamp()
        if version == self._version:
            return
        rows = self._query(STEPS, self.row)
        if rows is None:
            return
        self._version = version
        for row, id_, part, message in rows:
            self.row = max(self.row, row)
            payload = parse_object(text(part, 10**6))
            if payload is not None and payload.get("type") == "step-finish":
                model = text(nested(parse_object(text(message, 10**6)), "modelID"), 200)
                yield Step(text(id_, 100), model, payload)

    def open_steps(self) -> int:
        """The number of answered requests of this process whose tools did not end: their cost is unknown."""
        rows = self._query(OPEN, self._first, self._first)
        return count(rows[0][0]) if rows else 0

    def _query(self, statement: str, *values: int) -> list[Any] | None:
        """None: the database is busy, missing, or from another version."""
        if not own_files.is_plain(self._path):
            return None
        try:
            with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)) as database:
                return database.execute(statement, values).fetchall()
        except sqlite3.Error:
            return None

    def _stamp(self) -> tuple[int, ...]:
        """Changes with every write; cheaper than a query each time."""
        stamp: list[int] = []
        for path in (self._path, self._path.with_name(f"{self._path.name}-wal")):
            try:
                stat = path.stat()
            except OSError:
                continue
            stamp += [stat.st_mtime_ns, stat.st_size]
        return tuple(stamp)
