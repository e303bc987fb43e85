"""A fingerprint of an agent's files by their times, without git. Any change, addition or removal alters it."""

import os
from dataclasses import dataclass
from pathlib import Path

MAX_FILES = 50_000
CACHES = frozenset(
    {".git", ".cache", ".coverage", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".tox", ".venv", "__pycache__", "node_modules", "venv"}
)  # fmt: skip
"""Files and folders of tools, without work."""


@dataclass(frozen=True, slots=True)
class FileState:
    """The state of a folder."""

    files: int
    size: int  # of all files
    changed_at: int  # the newest ctime, in nanoseconds: no program can set it


def look(folder: Path) -> FileState | None:
    """Look at a folder. None: too many files for frequent looks, or unreadable ones."""
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
    except FileNotFoundError:  # removed meanwhile: a change
        return FileState(-1, size, changed_at)
    except OSError:
        return None
    return FileState(files, size, changed_at)
