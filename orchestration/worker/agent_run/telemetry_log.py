"""What a CLI told the endpoint, on disk beside the shim's journal: for whoever comes after a dead worker."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MOST_BYTES = 2**24


class TelemetryLog:
    """Keeps records as they come. A full disk ends the keeping, never the session."""

    def __init__(self, path: Path) -> None:
        self._left = MOST_BYTES
        self._path = path

    def keep(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Before anyone acts on it. Safe from several threads: each record is one write."""
        line = json.dumps([name, attributes]).encode() + b"\n"
        if len(line) > self._left:
            return
        self._left -= len(line)
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, line)
            finally:
                os.close(handle)
        except OSError:
            self._left = 0


def read(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records that were kept. A line that death cut short is left out."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return
    for line in lines:
        try:
            name, attributes = json.loads(line)
        except ValueError:
            continue
        if isinstance(name, str) and isinstance(attributes, dict):
            yield name, attributes
