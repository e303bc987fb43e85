"""This host: all processes that share a data directory. Each host has an id of its own, which its data directory keeps."""

import fcntl
import os
import secrets
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO

from django.conf import settings


def host_id() -> str:
    """The id of this host, made at the first call."""
    return id_in(Path(settings.DATA_DIR))


@lru_cache(maxsize=8)
def id_in(folder: Path) -> str:
    """The id that this data directory keeps."""
    file = folder / "host_id"
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".host_id.{secrets.token_hex(4)}"
    fresh.write_text(f"host_{secrets.token_hex(8)}")
    try:
        os.link(fresh, file)  # whole, and never over another process's
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return file.read_text().strip()


def alive_file(folder: Path, queue: str) -> Path:
    """The file whose time is the last heartbeat of a worker of this queue."""
    return folder / f"alive.{queue}"


def beat(queue: str) -> None:
    """A worker process of this queue works, whatever the database does. A full disk must not end it."""
    with suppress(OSError):
        alive_file(Path(settings.DATA_DIR), queue).touch()


LOOKS = 20
"""Tries to take a data directory, 50 ms apart: `is_taken` has the lock for a moment."""


def take(folder: Path) -> IO[str] | None:
    """Have this data directory alone until the file is closed, as `up` and a restore do. None: another process has it."""
    lock = open(folder / "up.lock", "a")  # noqa: SIM115  (the caller holds it until the end)
    for _ in range(LOOKS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return lock
    lock.close()
    return None


def is_taken(folder: Path) -> bool:
    """True if `up`, or a restore, works with this data directory."""
    try:
        with open(folder / "up.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
