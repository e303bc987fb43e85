"""The worker processes of a data directory, also those in other PID namespaces, as containers are: each holds a lock until it ends, however it ends."""

import fcntl
import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_held: list[IO[str]] = []
"""Of this process: closed by its end."""


def enter(folder: Path, role: str, *, pid: int, started_ticks: int) -> str:
    """Hold the lock of this process, unless a worker of this role and host name lives in another PID namespace: neither sees the processes of the
    other, and would take them for dead. Returns the reason; empty: it is held."""
    folder = folder / "workers"
    folder.mkdir(parents=True, exist_ok=True)
    mine = {"role": role, "host": socket.gethostname(), "namespace": _namespace(), "pid": pid}
    with open(folder / "lock", "a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        for file in folder.glob("*.*.*"):
            if not _is_held(file):
                file.unlink()
            elif _is_twin(other := _read(file), mine):
                return (
                    f"A worker of the queue {role} with the host name {mine['host']} and this data directory is at work in another container, as process "
                    f"{other['pid']} there: give one of them another host name, or another MUSTER_DATA_DIR. This one waits until the other ends"
                )
        lock = open(folder / f"{pid}.{started_ticks}.{mine['namespace']}", "w")  # noqa: SIM115  (this process holds it until its end)
        fcntl.flock(lock, fcntl.LOCK_EX)
        json.dump(mine, lock)
        lock.flush()
        _held.append(lock)
    return ""


def is_at_work(folder: Path, *, pid: int, started_ticks: int) -> bool:
    """True if this worker process lives, in whichever PID namespace."""
    return any(map(_is_held, (folder / "workers").glob(f"{pid}.{started_ticks}.*")))


def _is_twin(other: dict[str, Any], mine: dict[str, Any]) -> bool:
    same = all(other.get(name) == mine[name] for name in ("role", "host"))
    return same and other.get("namespace") != mine["namespace"]


def _is_held(file: Path) -> bool:
    try:
        with open(file) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _read(file: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        return dict(json.loads(file.read_text()))
    return {}


def _namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino
