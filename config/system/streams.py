"""With MUSTER_LOG_FORMAT=json every line that a process writes is JSON: also what libraries print, warnings, and errors before Django is there.

Standard library only: it is the first thing that a process does.
"""

import io
import json
import os
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from config.system import env


def install() -> bool:
    """Returns whether lines are JSON. For processes whose output is a log: web, workers, `up`. Not for commands: their output is for who called them."""
    if env.read("MUSTER_LOG_FORMAT") != "json":
        return False
    if isinstance(sys.stderr, Lines):  # `up` did it, and this is a copy
        return True
    sys.stdout, sys.stderr = Lines(sys.stdout, "info"), Lines(sys.stderr, "warning")
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc, assignment]  # Celery prints its banner there
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    return True


def write_at_once(message: str, *_: Any) -> None:
    """Write a line from a signal handler, which may have interrupted the writer of another one."""
    os.write(2, f"{record(message.strip(), level='info')}\n".encode())


class Lines(io.TextIOBase):
    """A stream whose lines are JSON: those that are an object already stay, any other is the message of one."""

    def __init__(self, stream: TextIO, level: str) -> None:
        self._stream, self._level = stream, level
        self._begun = threading.local()

    def write(self, text: str) -> int:
        *whole, self._begun.text = (getattr(self._begun, "text", "") + text).split("\n")
        if lines := [self._as_json(line) for line in whole if line.strip()]:
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._stream.flush()
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def _as_json(self, line: str) -> str:
        if line.startswith("{"):
            try:
                json.loads(line)
            except ValueError:
                pass
            else:
                return line
        return record(line.rstrip(), level=self._level)


def record(message: str, *, level: str, **more: Any) -> str:
    at = datetime.fromtimestamp(time.time(), UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"timestamp": at, "level": level, "message": message, **more}, ensure_ascii=False)


def _uncaught(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    """Log the traceback as one record, not one for each of its lines."""
    if issubclass(kind, SystemExit):  # of a thread
        return
    lines = "".join(traceback.format_exception(kind, error, where))
    end = record(f"{kind.__name__}: {error}", level="critical", exception=lines)
    sys.stderr.write(f"\n{end}\n")  # first ends a line that was begun
