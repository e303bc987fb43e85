"""A disk that is nearly full, or full: what still works on it.

Nothing new starts on a host whose data directory has less free than MUSTER_DISK_RESERVE_MB. A few files there keep some space besides: each is
given up for a write that must not fail, such as a stop, at the moment of its commit, and made again when there is space.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction

T = TypeVar("T")
log = structlog.get_logger(__name__)

FILES = 16
FILE_BYTES = 2**19
MIB = 2**20


def free_mb() -> float:
    """Free MiB on the disk of the data directory; infinite if that cannot be read."""
    try:
        return shutil.disk_usage(settings.DATA_DIR).free / MIB
    except OSError:
        return float("inf")


def free_mb_known() -> int | None:
    """The same in whole MiB; None where it cannot be read."""
    free = free_mb()
    return None if free == float("inf") else int(free)


def is_low() -> bool:
    """True if nothing new may start on this host."""
    return bool(free_mb() < settings.DISK_RESERVE_MB)


def is_full(error: BaseException | str) -> bool:
    """True if an error, or its text, reports a full disk: of a database, of the system, or of git, which names the file and no reason."""
    text = str(error).lower()
    return any(words in text for words in ("disk is full", "no space left", "unable to write file"))


def refill() -> None:
    """Make the reserve's missing files, once there is plenty of space."""
    for path in _files():
        if not path.exists() and free_mb() > settings.DISK_RESERVE_MB + FILES * FILE_BYTES / MIB:
            with suppress(OSError):
                _make(path)


def write_anyway(write: Callable[[], T]) -> T:
    """Run a transaction that must succeed on a full disk too: once more for each file of the reserve. In an outer transaction only once."""
    try:
        return write()
    except DatabaseError as error:
        if not is_full(error) or connection.in_atomic_block:
            raise
        full = error
    for path in _files():
        try:
            with transaction.atomic():
                done = write()
                path.unlink(missing_ok=True)  # last before the commit: whoever fills the disk has no time to take the space
            log.warning("disk.full", released=path.name)
            return done
        except DatabaseError as error:
            if not is_full(error):
                raise
            path.unlink(missing_ok=True)
            full = error
    raise full


def _files() -> list[Path]:
    return [settings.DATA_DIR / f"reserve-{number}" for number in range(1, FILES + 1)]


def _make(path: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(handle, 0, FILE_BYTES)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
