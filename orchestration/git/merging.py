"""Merging an entry's branch without a working copy: nothing that the user has checked out is touched."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from orchestration.git import branches, conflicts
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
    """Nothing was changed; these files were changed on both sides. `notes`: git's words on them."""

    files: list[str]
    notes: list[str] = field(default_factory=list)


def merge(repo: Path, branch: str, into: str, message: str) -> Merged | Conflict:
    """Land one branch on another. Whoever loses a race against another merge does it again on top of that one."""
    for failures in range(TRIES):
        time.sleep(random.uniform(0, 0.02) * failures)
        theirs, ours = branches.tip_or_raise(repo, branch), branches.tip_or_raise(repo, into)
        if git.succeeds(repo, "merge-base", "--is-ancestor", theirs, ours):
            return Merged(ours)
        branches.refuse_if_checked_out(repo, into)
        tree = conflicts.merged(repo, ours, theirs)
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
    """Whether a commit is in the branch already."""
    tip = branches.tip(repo, branch)
    return tip is not None and git.succeeds(repo, "merge-base", "--is-ancestor", sha, tip)


def is_merged(repo: Path, branch: str, into: str) -> bool:
    """Whether `into` contains all of the branch. A branch without commits of its own is merged; a missing one is not."""
    theirs, ours = branches.tip(repo, branch), branches.tip(repo, into)
    return bool(theirs and ours) and git.succeeds(repo, "merge-base", "--is-ancestor", str(theirs), str(ours))


def _clear_old_lock(repo: Path, branch: str) -> None:
    """Left by a git that was killed, with its machine for instance: nobody else would ever take it away."""
    lock = branches.lock_file(repo, branch)
    try:
        if time.time() - lock.stat().st_mtime > OLD_LOCK_S:
            lock.unlink()
            log.warning("lock.cleared", path=str(lock))
    except FileNotFoundError:
        pass
