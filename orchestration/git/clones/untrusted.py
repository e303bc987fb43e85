"""Reads files that an agent can write: no link is followed, nothing that could block is opened, and no more than a bound is read."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def is_folder(path: Path) -> bool:
    """A link to a folder is none."""
    with suppress(OSError):
        return stat.S_ISDIR(path.lstat().st_mode)
    return False


def read(top: Path, name: str, *, limit: int) -> bytes | None:
    """The content of a file below `top`. None: it is missing, no regular file, reached through a link, or longer than `limit`."""
    *folders, last = name.split("/")
    if not all(folders) or last in ("", ".", "..") or {".", ".."} & set(folders):
        return None
    with suppress(OSError, ValueError), _opened(top, folders) as folder:
        file = os.open(last, _FILE, dir_fd=folder)
        try:
            info = os.fstat(file)
            if not stat.S_ISREG(info.st_mode) or info.st_size > limit:
                return None
            with os.fdopen(file, "rb", closefd=False) as reader:
                content = reader.read(limit + 1)
            return content if len(content) <= limit else None
        finally:
            os.close(file)
    return None


def holds(top: Path, name: str) -> bool:
    """Whether there is a folder of this name right in `top`."""
    return is_folder(top) and is_folder(top / name)


@contextmanager
def _opened(top: Path, folders: list[str]) -> Iterator[int]:
    current = os.open(top, _FOLDER)
    try:
        for name in folders:
            inner = os.open(name, _FOLDER, dir_fd=current)
            os.close(current)
            current = inner
        yield current
    finally:
        os.close(current)


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all that is in it, also where an agent took the rights to it away."""
    if not is_folder(path):
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        _give_rights(path)
        shutil.rmtree(path)


def _give_rights(path: Path) -> None:
    path.chmod(0o700)
    for _, names, _, descriptor in os.fwalk(path):
        for name in names:
            with suppress(OSError):
                if stat.S_ISDIR(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                    os.chmod(name, 0o700, dir_fd=descriptor)
