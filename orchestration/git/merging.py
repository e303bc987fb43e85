"""Merge an entry's branch without a working copy: the user's checked-out files stay untouched."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from orchestration.git import branches, conflicts, history
from orchestration.git import command as git
from orchestration.git.command import GitError

log = structlog.get_logger(__name__)

TRIES = 60
OLD_LOCK_S = 60.0  # git holds a branch's lock for milliseconds


@dataclass(frozen=True, slots=True)
class Merged:
    """The commit of the target branch that contains the work."""

    sha: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Nothing was merged: both sides changed these files. `notes`: git's conflict messages."""

    files: list[str]
    notes: list[str] = field(default_factory=list)


def merge(repo: Path, branch: str, into: str, message: str) -> Merged | Conflict:
    """Merge one branch into another. If a concurrent merge wins the race, merge again on top of it."""
    for failures in range(TRIES):
        time.sleep(random.uniform(0, 0.02) * failures)
        theirs, ours = branches.tip_or_raise(repo, branch), branches.tip_or_raise(repo, into)
        if history.contains(repo, ours, theirs):
            return Merged(ours)
        branches.refuse_if_checked_out(repo, into)
        tree = conflicts.merge_trees(repo, ours, theirs)
        if tree.files:
            return Conflict(tree.files, tree.notes)
        sha = git.run(repo, "commit-tree", tree.sha, "-p", ours, "-p", theirs, "-F", "-", text=message)
        code, _, errors = git.attempt(repo, "update-ref", "-m", f"muster: merge {branch}", f"refs/heads/{into}", sha, ours)
        if code == 0:
            return Merged(sha)
        if branches.tip(repo, into) == ours and "lock" not in errors:
            break
        _clear_old_lock(repo, into)
    raise GitError("update-ref", f"{into!r} could not be moved: {errors}")


def contains(repo: Path, branch: str, sha: str) -> bool:
    tip = branches.tip(repo, branch)
    return tip is not None and history.contains(repo, tip, sha)


def is_merged(repo: Path, branch: str, into: str) -> bool:
    """True if `into` contains all of the branch. A branch without own commits counts as merged; a missing branch does not."""
    theirs, ours = branches.tip(repo, branch), branches.tip(repo, into)
    return bool(theirs and ours) and history.contains(repo, str(ours), str(theirs))


def _clear_old_lock(repo: Path, branch: str) -> None:
    """Remove the lock of a git that was killed, for example with its machine: no other process would ever remove it."""
    lock = branches.lock_file(repo, branch)
    try:
        if time.time() - lock.stat().st_mtime > OLD_LOCK_S:
            lock.unlink()
            log.warning("lock.cleared", path=str(lock))
    except FileNotFoundError:
        pass
