"""The health of a workspace's repository: it is there, takes writes, is not locked, and its newest commit can be read.

What is wrong here is wrong for every entry, and no fault of any: `configuration/repository_breaker.py` keeps them waiting meanwhile.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from orchestration.git import branches
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.git.places import common_dir

OLD_LOCK_S = 10.0
"""Git holds a lock for moments: an older one was left behind."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """`code`: missing, read_only, locked, bad_object or checked_out. `message`: what is wrong, and what to do. `branch`: the one that is
    checked out."""

    code: str
    message: str
    branch: str = ""


def find(repo: Path, integration_branch: str, *, lock_age_s: float = OLD_LOCK_S, all_objects: bool = False) -> Trouble | None:
    """Find the trouble with the repository; None: there is none. `all_objects`: look at each file of the newest commit."""
    if not repo.is_dir():
        return Trouble("missing", f"The repository {repo} is missing: put it back.")
    try:
        common = common_dir(repo)
        for folder in (common, common / "objects", common / "refs"):
            if not folder.is_dir():
                return Trouble("missing", f"{repo} is no git repository any more ({folder} is missing): put it back.")
            if not os.access(folder, os.W_OK | os.X_OK):
                return Trouble("read_only", f"The repository cannot be written: make {folder} writable for the session workers.")
        if (lock := _lock(common, integration_branch, lock_age_s)) is not None:
            return Trouble("locked", f"A lock file is in the way: delete {lock} if no git is running there.")
        return _unreadable(repo, integration_branch, all_objects=all_objects)
    except (GitError, OSError) as problem:
        return Trouble("missing", f"The repository {repo} cannot be read: {str(problem)[:300]}")


def checked_out(repo: Path, branch: str, *, own: Path) -> Trouble | None:
    """An entry's branch that is checked out elsewhere than in a folder of Muster's (`own`): a session cannot commit to it."""
    try:
        copies = branches.working_copies(repo)
    except GitError:
        return None
    for copy in copies:
        if copy.branch == branch and copy.path.exists() and not copy.path.resolve().is_relative_to(own.resolve()):
            message = f"The branch {branch} is checked out in {copy.path}: switch to another one there."
            return Trouble("checked_out", message, branch)
    return None


def _lock(common: Path, integration_branch: str, age_s: float) -> Path | None:
    for lock in (common / "packed-refs.lock", common / "refs" / "heads" / f"{integration_branch}.lock"):
        try:
            if time.time() - lock.stat().st_mtime >= age_s:
                return lock
        except OSError:
            continue
    return None


def _unreadable(repo: Path, branch: str, *, all_objects: bool) -> Trouble | None:
    """A repository without the branch is readable: it is made anew, or a lander says that it is gone."""
    code, name, _ = git.attempt(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"refs/heads/{branch}")
    if code:
        return None
    tree = f"{name.strip()}^{{tree}}"
    code, _, errors = git.attempt(repo, "cat-file", "-p", tree)
    if not code and all_objects:
        code, errors = _missing_file(repo, tree)
    if not code:
        return None
    detail = errors.strip().split("\n")[0].removeprefix("fatal: ").removeprefix("error: ")[:200]
    return Trouble(
        "bad_object", f"{branch} cannot be read ({detail}): restore the object from another clone, `git fsck` names it."
    )


def _missing_file(repo: Path, tree: str) -> tuple[int, str]:
    code, listed, errors = git.attempt(repo, "ls-tree", "-r", "--format=%(objecttype) %(objectname)", tree)
    if code:
        return code, errors
    blobs = {line.partition(" ")[2] for line in listed.splitlines() if line.startswith("blob ")}
    code, found_lines, errors = git.attempt(
        repo, "cat-file", "--batch-check", text="".join(f"{blob}\n" for blob in sorted(blobs))
    )
    lost = next((line for line in found_lines.splitlines() if line.endswith(" missing")), "")
    return (code, errors) if code or not lost else (1, lost)
