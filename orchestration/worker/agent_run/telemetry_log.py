"""A CLI's telemetry on disk, next to the shim's journal, for the reaper of a dead worker."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MAX_BYTES = 2**24


class TelemetryLog:
    """Appends records as they arrive. A full disk ends the log, never the session."""

    def __init__(self, path: Path) -> None:
        self._bytes_left = MAX_BYTES
        self._path = path

    def append(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Append a record, before it is acted on. Thread-safe: each record is one write."""
        line = json.dumps([name, attributes]).encode() + b"\n"
        if len(line) > self._bytes_left:
            return
        self._bytes_left -= len(line)
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, line)
            finally:
                os.close(handle)
        except OSError:
            self._bytes_left = 0


def read(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records in the file, without a truncated last line."""
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
