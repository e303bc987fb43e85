"""Files where an agent may write too: when Muster writes or reads one, a link or pipe that the agent left there leads nowhere."""

import os
import stat
from pathlib import Path
from typing import BinaryIO


def write(root: Path, name: str, text: str) -> Path:
    """Write a file below `root`, which is Muster's own: every link on the way, and at its end, is replaced. Call it while no agent runs there."""
    path = root / name
    folder(root, str(Path(name).parent))
    remove(path)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def folder(root: Path, name: str) -> Path:
    """Make a folder below `root`. What stands in its way and is no folder, such as a link, is removed."""
    path = root
    for part in Path(name).parts:
        path /= part
        if not _is_folder(path):
            remove(path)
            path.mkdir(mode=0o700)
    return path


def remove(path: Path) -> None:
    """Remove a file or a link; a folder stays."""
    if not _is_folder(path):
        path.unlink(missing_ok=True)


def reading(path: Path) -> BinaryIO:
    """Open a file that an agent wrote. Raises OSError for a link, and for a pipe or device, which would be read for ever."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{path} is no file")
    return os.fdopen(handle, "rb")


def is_plain(path: Path) -> bool:
    """True if this is a file, and no link, pipe or device."""
    try:
        reading(path).close()
    except OSError:
        return False
    return True


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False
