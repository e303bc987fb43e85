"""Repairs a worktree's git state after an agent or a crash: locks, a half-done rebase, another branch checked out, a deleted branch."""

import time
from contextlib import suppress
from pathlib import Path

from orchestration.git import branches, conflicts
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.git.places import git_path


def release_locks(path: Path, branch: str) -> None:
    for name in ("index.lock", "HEAD.lock"):
        git_path(path, name).unlink(missing_ok=True)
    release_branch_lock(path, branch)


def release_branch_lock(repo: Path, branch: str) -> None:
    """Only for a branch that belongs to Muster: the lock of another ref may be the user's."""
    branches.lock_file(repo, branch).unlink(missing_ok=True)


def release_old_lock(repo: Path, ref: str, *, after_s: float) -> None:
    """Of a ref that belongs to Muster: no git of Muster's lives as long as `after_s`."""
    lock = git_path(repo, f"{ref}.lock")
    with suppress(FileNotFoundError):
        if time.time() - lock.stat().st_mtime > after_s:
            lock.unlink()


def abort_rebase(path: Path) -> None:
    """A half-done rebase loses nothing when aborted: the commits that it was moving still exist."""
    for state in ("rebase-merge", "rebase-apply"):
        if git_path(path, state).exists() and git.attempt(path, "rebase", "--abort")[0]:
            git.attempt(path, "rebase", "--quit")


def recreate_branch(path: Path, branch: str) -> None:
    """Recreate a deleted branch at its last commit, which the worktree's own log still contains. Raises GitError without a log."""
    log = git_path(path, "logs/HEAD")
    last = log.read_text(errors="replace").splitlines()[-1].split()[1] if log.exists() else ""
    if not last:
        raise GitError("prepare", f"the branch {branch!r} of {path} was deleted and cannot be found again")
    git.run(path, "update-ref", f"refs/heads/{branch}", last, branches.NO_REF)


def is_off_branch(path: Path, branch: str) -> bool:
    """Whether the agent switched to another branch, or to none."""
    return git.attempt(path, "symbolic-ref", "--quiet", "HEAD")[1].strip() != f"refs/heads/{branch}"


def detach(path: Path, branch: str) -> None:
    """Detach HEAD and keep the files: a commit made now moves no branch."""
    code, here, _ = git.attempt(path, "rev-parse", "--verify", "--quiet", "HEAD")
    start = branches.tip_or_raise(path, branch) if code else here.strip()  # HEAD may be on a branch without a commit
    git.run(path, "update-ref", "--no-deref", "HEAD", start)


def return_to_branch(path: Path, branch: str) -> None:
    """Join the commits of a clean, detached worktree with its own branch. Safe to repeat after a kill at any point."""
    here, ours = git.run(path, "rev-parse", "HEAD"), branches.tip_or_raise(path, branch)
    joined = _join(path, ours, here)
    git.run(path, "reset", "--hard", "--quiet", joined)
    git.run(path, "update-ref", f"refs/heads/{branch}", joined, ours)
    git.run(path, "symbolic-ref", "HEAD", f"refs/heads/{branch}")


def _join(path: Path, ours: str, here: str) -> str:
    """A commit that contains both. If they conflict, its files are as the agent left them; the other version stays in the history."""
    if git.succeeds(path, "merge-base", "--is-ancestor", ours, here):
        return here
    if git.succeeds(path, "merge-base", "--is-ancestor", here, ours):
        return ours
    git.run(path, "update-ref", f"refs/muster/strayed/{path.name}/{here[:12]}", here)  # so that no commit is lost
    tree = f"{here}^{{tree}}"
    if git.succeeds(path, "merge-base", ours, here):
        merge = conflicts.merge_trees(path, ours, here)
        tree = tree if merge.files else merge.sha
    return git.run(path, "commit-tree", tree, "-p", ours, "-p", here, "-m", "Bring back work done outside the branch")
