"""Checks of one command that listen on one address of this host: locks by which such a check runs again with no other of its command beside it."""

import fcntl
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.conf import settings

PATIENCE_S = 600.0
POLL_S = 0.1
_IN_USE = re.compile(
    r"EADDRINUSE|AddrInUse|\baddress(es)? (is |are )?(already )?in use|\bport\b[ :'\"\d]*(is |are )?(already )?(in use|allocated|taken)"
    r"|only one usage of each socket address",
    re.IGNORECASE,
)


def reports_in_use(text: str) -> bool:
    """True for the words of a program that found its address taken. The agent can write them too: they are a reason to look again, no evidence."""
    return _IN_USE.search(text[:10_000]) is not None


@contextmanager
def with_others(command: str, keep: Callable[[], None]) -> Iterator[None]:
    """For the usual run of a check: it waits while another of its command runs alone. `keep`: called while waiting; may raise."""
    gate, room = _files(command)
    until = time.monotonic() + PATIENCE_S
    with ExitStack() as first:
        _locked(first, gate, fcntl.LOCK_SH, until, keep)  # released at once: it is held by one that waits to be alone
    with ExitStack() as held:
        _locked(held, room, fcntl.LOCK_SH, until, keep)
        yield


@contextmanager
def without_others(command: str, keep: Callable[[], None]) -> Iterator[bool]:
    """Yields True as soon as no other check of this command runs on this host and none begins; False if that takes more than PATIENCE_S."""
    gate, room = _files(command)
    until = time.monotonic() + PATIENCE_S
    with ExitStack() as held:
        yield all(_locked(held, path, fcntl.LOCK_EX, until, keep) for path in (gate, room))


def _files(command: str) -> tuple[Path, Path]:
    name = hashlib.sha256(command.encode(errors="surrogatepass")).hexdigest()[:32]
    folder = settings.DATA_DIR / "locks" / "checks"
    return folder / f"{name}.gate", folder / name


def _locked(held: ExitStack, path: Path, kind: int, until: float, keep: Callable[[], None]) -> bool:
    """True if the lock was got in time. The kernel frees it with its process. False where the file system has no locks: a check runs then as well."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = held.enter_context(path.open("w"))
    except OSError:
        return False
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
        except OSError:
            return False
        else:
            return True
        keep()
        time.sleep(POLL_S)
