"""Reads files while a CLI appends to them, each from its last offset."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.sessions.folders import own_files
from orchestration.worker.agents.shared.json_values import count


class FileTail:
    """A tail of all files of a pattern below a folder. Its offsets are kept with the conversation."""

    def __init__(self, folder: Path, pattern: str, offsets: Any = None) -> None:
        self._folder = folder
        self._pattern = pattern
        known = offsets if isinstance(offsets, Mapping) else {}
        self.offsets: dict[str, int] = {str(name): count(offset) for name, offset in known.items()}

    def lines(self) -> Iterator[str]:
        """The new complete lines. A last line without its newline stays for the next call."""
        for path in sorted(self._folder.glob(self._pattern)):
            name = str(path.relative_to(self._folder))
            try:
                new_lines = self._read_new(path, name)
            except OSError:
                continue
            yield from (line.decode("utf-8", "replace") for line in new_lines)

    def _read_new(self, path: Path, name: str) -> list[bytes]:
        read, size = self.offsets.get(name, 0), path.stat().st_size
        if size == read:
            return []
        if size < read:  # it was rewritten
            read = 0
        with own_files.reading(path) as file:
            file.seek(read)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self.offsets[name] = read + whole
        return data[:whole].splitlines()
