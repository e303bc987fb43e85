"""Reads files that an agent can write: no link is followed, nothing that could block is opened, and no more than a bound is read."""

import itertools
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Collection, Iterator
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
    """True if there is a folder of this name right in `top`."""
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
    """Remove a file, a link, or a folder with all that is in it, also where an agent took the rights to it away or nested folders deeper than
    a path can be long. Raises OSError."""
    if not is_folder(path):
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except (OSError, RecursionError):
        _remove_flat(path)


def _remove_flat(path: Path) -> None:
    """Every folder is moved right below `path` before its content is removed: no path gets long, and nothing is called recursively."""
    path.chmod(0o700)
    top = os.open(path, _FOLDER)
    try:
        unique, count = secrets.token_hex(8), itertools.count()
        while names := [entry.name for entry in os.scandir(top)]:
            for name in names:
                _empty(top, name, lambda: f"{unique}-{next(count)}")
    finally:
        os.close(top)
    path.rmdir()


def _empty(top: int, name: str, new_name: Callable[[], str]) -> None:
    """Remove one name in `top`; the folders in it stay, right in `top`."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=top)
        return
    os.chmod(name, 0o700, dir_fd=top)
    folder = os.open(name, _FOLDER, dir_fd=top)
    try:
        for inner in [entry.name for entry in os.scandir(folder)]:
            if stat.S_ISDIR(os.stat(inner, dir_fd=folder, follow_symlinks=False).st_mode):
                os.chmod(inner, 0o700, dir_fd=folder)  # to move a folder is to write in it
                os.rename(inner, new_name(), src_dir_fd=folder, dst_dir_fd=top)
            else:
                os.unlink(inner, dir_fd=folder)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=top)


def special_files(top: Path, names: Collection[str]) -> Iterator[Path]:
    """Pipes, sockets and devices of these names, wherever they are below `top`."""
    for entry in _below(top):
        if entry.name in names and not (entry.is_symlink() or entry.is_dir() or entry.is_file()):
            yield Path(entry.path)


def give_rights(top: Path) -> None:
    """Have the owner read every file and enter every folder."""
    for entry in _below(top):
        with suppress(OSError):
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
                Path(entry.path).chmod(stat.S_IMODE(mode) | (0o700 if stat.S_ISDIR(mode) else 0o400))


def _below(top: Path) -> Iterator["os.DirEntry[str]"]:
    """All that is below `top`, but not in a .git; a folder before its content. Follows no link, and leaves out what cannot be read."""
    folders = [str(top)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.name != ".git" and entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
