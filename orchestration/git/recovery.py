"""Removes locks that a git of Muster's left behind when it was killed."""

import time
from contextlib import suppress
from pathlib import Path

from orchestration.git import branches
from orchestration.git.places import git_path


def release_branch_lock(repo: Path, branch: str) -> None:
    """Remove the lock file of a branch. Call this for Muster's own branches only: the lock of another ref may be the user's."""
    with suppress(OSError):  # on a read-only disk the command that needs the branch says so
        branches.lock_file(repo, branch).unlink()


def release_old_lock(repo: Path, ref: str, *, after_s: float) -> None:
    """Remove an old lock of a ref that belongs to Muster: no git of Muster's lives as long as `after_s`."""
    lock = git_path(repo, f"{ref}.lock")
    with suppress(FileNotFoundError):
        if time.time() - lock.stat().st_mtime > after_s:
            lock.unlink()
