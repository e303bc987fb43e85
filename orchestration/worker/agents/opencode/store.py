"""What opencode keeps of its requests in its database: those of subagents too, of which it prints nothing, and each one's model."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.worker.agents.shared.reading import count, dig, parsed, text

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
    """One request: `part` is what is printed of it, if it is."""

    id: str
    model: str
    part: dict[str, Any]


class Store:
    """`row`: how far it was read. A database that cannot be read is none: then what is printed has to do."""

    def __init__(self, path: Path, *, after: Any = None) -> None:
        self._path = path
        self._version: tuple[int, ...] = ()
        self.row = self._first = count(after)

    def steps(self) -> Iterator[Step]:
        """The requests that are new."""
        version = self._stamp()
        if version == self._version:
            return
        rows = self._ask(STEPS, self.row)
        if rows is None:
            return
        self._version = version
        for row, id_, part, message in rows:
            self.row = max(self.row, row)
            told = parsed(text(part, 10**6))
            if told is not None and told.get("type") == "step-finish":
                model = text(dig(parsed(text(message, 10**6)), "modelID"), 200)
                yield Step(text(id_, 100), model, told)

    def open_steps(self) -> int:
        """Requests of this process that were answered and whose tools never came to their end: their cost is told nowhere."""
        rows = self._ask(OPEN, self._first, self._first)
        return count(rows[0][0]) if rows else 0

    def _ask(self, statement: str, *values: int) -> list[Any] | None:
        """None: it is busy, not there, or made by another version."""
        try:
            with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)) as database:
                return database.execute(statement, values).fetchall()
        except sqlite3.Error:
            return None

    def _stamp(self) -> tuple[int, ...]:
        """Changes with every write: asking the database each time would cost more."""
        found: list[int] = []
        for path in (self._path, self._path.with_name(f"{self._path.name}-wal")):
            try:
                seen = path.stat()
            except OSError:
                continue
            found += [seen.st_mtime_ns, seen.st_size]
        return tuple(found)
