"""The state of an agent's files by their times, without git: whether one was changed, made or removed since the last look."""

import os
from dataclasses import dataclass
from pathlib import Path

MAX_FILES = 50_000
CACHES = frozenset(
    {".git", ".cache", ".coverage", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".tox", ".venv", "__pycache__", "node_modules", "venv"}
)  # fmt: skip
"""Names of files and folders that tools write, and no work is in."""


@dataclass(frozen=True, slots=True)
class FileState:
    """`size`: of all files. `changed_at`: the newest change of one, in nanoseconds: no program can set that time."""

    files: int
    size: int
    changed_at: int


def look(folder: Path) -> FileState | None:
    """None: there are too many files to look at often, or some cannot be seen."""
    files = size = changed_at = 0
    folders = [os.fspath(folder)]
    try:
        while folders:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.name in CACHES:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                        continue
                    files += 1
                    if files > MAX_FILES:
                        return None
                    status = entry.stat(follow_symlinks=False)
                    size, changed_at = size + status.st_size, max(changed_at, status.st_ctime_ns)
    except FileNotFoundError:  # it was removed meanwhile: that is a change
        return FileState(-1, size, changed_at)
    except OSError:
        return None
    return FileState(files, size, changed_at)
