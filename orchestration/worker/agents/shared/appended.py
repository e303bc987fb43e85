"""Files that a CLI appends to while it runs, read on from where they were read last."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.worker.agents.shared.reading import count


class Appended:
    """All files of a pattern below a folder. `offsets`: how far each was read, kept with the conversation that they belong to."""

    def __init__(self, folder: Path, pattern: str, offsets: Any = None) -> None:
        self._folder = folder
        self._pattern = pattern
        known = offsets if isinstance(offsets, Mapping) else {}
        self.offsets: dict[str, int] = {str(name): count(offset) for name, offset in known.items()}

    def lines(self) -> Iterator[str]:
        """The whole lines that are new. A last one without its end waits for the rest of it."""
        for path in sorted(self._folder.glob(self._pattern)):
            name = str(path.relative_to(self._folder))
            try:
                fresh = self._fresh(path, name)
            except OSError:
                continue
            yield from (line.decode("utf-8", "replace") for line in fresh)

    def _fresh(self, path: Path, name: str) -> list[bytes]:
        read, size = self.offsets.get(name, 0), path.stat().st_size
        if size == read:
            return []
        if size < read:  # it was written anew
            read = 0
        with path.open("rb") as file:
            file.seek(read)
            told = file.read()
        whole = told.rfind(b"\n") + 1
        self.offsets[name] = read + whole
        return told[:whole].splitlines()
