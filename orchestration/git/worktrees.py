"""Worktrees of the user's repository, in which entries of earlier versions began: such an entry finishes in it. New ones get a clone."""

import time
from pathlib import Path

from orchestration.git import branches, conflicts, large_files, recovery
from orchestration.git import command as git
from orchestration.git.locking import exclusive
from orchestration.git.places import common_dir, git_path
from orchestration.git.prepared import Prepared

FORCE = ("--force", "--force")  # once for dirty worktrees, twice for those that a killed git had locked
SET_UP_FILE = "muster-set-up"  # in the worktree's part of .git, which is removed with the folder


def prepare(repo: Path, path: Path, branch: str, integrated: str, name: str, *, leave_conflicts: bool) -> Prepared:
    """Make an existing worktree ready: what a crash or an agent left in it is committed, and `integrated` merged in if that merges cleanly.
    `leave_conflicts`: if it does not, leave the conflicts in the files, for an agent to resolve. Raises GitError.

    Call it only while no agent of the entry is running: locks in the worktree are assumed to be a dead agent's.
    """
    with exclusive(path.parent):
        _recover(path, branch)
        notes = _catch_up(path, integrated, name, leave_conflicts=leave_conflicts)
        base = git.run(path, "merge-base", "HEAD", integrated)
        return Prepared(path, branch, base_sha=base, fresh=False, conflicts=tuple(notes))


def head(path: Path) -> str:
    return git.run(path, "rev-parse", "HEAD")


def commit(path: Path, message: str, *, branch: str, max_bytes: int = large_files.MAX_BYTES) -> str | None:
    """Commit all changes in the worktree, new files included, ignored and too large ones excluded. None: there was nothing to commit.
    `branch`: the entry's.

    The agent may have committed itself, on any branch; compare `head` before and after to see that.
    """
    recovery.release_locks(path, branch)
    recovery.abort_rebase(path)
    is_astray = recovery.is_off_branch(path, branch)
    if is_astray:
        recovery.detach(path, branch)
    _detach_inner_repositories(path)
    half_merged = [name for name in git.run(path, "diff", "--name-only", "--diff-filter=U", "-z").split("\0") if name]
    names = [name for name in uncommitted(path) if name not in half_merged]
    command, text = large_files.add_all(large_files.over(path, names, max_bytes))
    git.run(path, *command, text=text)
    is_new = not git.succeeds(path, "diff", "--cached", "--quiet", "--no-ext-diff", "HEAD") or _is_merging(path)
    if is_new:
        command = ("commit", "--quiet", "--no-verify", "--cleanup=whitespace", "--allow-empty-message", "--file=-")
        git.run(path, *command, text=conflicts.message_with_conflicts(message, half_merged))
    if is_astray:
        recovery.return_to_branch(path, branch)
    return head(path) if is_new or is_astray else None


def uncommitted(path: Path) -> list[str]:
    """New and changed files that are not ignored."""
    names = git.run(path, "ls-files", "--others", "--modified", "--exclude-standard", "-z").split("\0")
    return [name for name in names if name]


def _detach_inner_repositories(path: Path) -> None:
    """A repository inside the worktree would be committed as a bare link, and an empty one makes the commit fail: move its .git away."""
    for name in git.run(path, "ls-files", "--others", "--exclude-standard", "-z").split("\0"):
        inner = path / name / ".git"
        if name.endswith("/") and inner.exists():
            inner.rename(git_path(path, f"muster-inner-{time.time_ns()}"))


def is_worktree(repo: Path, path: Path) -> bool:
    """Whether git accepts it as a worktree of this repository, and not as a folder inside another one."""
    if not (path / ".git").exists():
        return False
    command = ("rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir")
    code, output, _ = git.attempt(path, *command)
    if code:
        git.attempt(repo, "worktree", "repair", str(path))  # the repository or the data directory was moved
        code, output, _ = git.attempt(path, *command)
    if code:
        return False
    top, common = output.splitlines()
    locked = git_path(path, "locked")
    if locked.exists() and locked.read_text().strip() == "initializing":
        return False  # git was killed while it created it: files that are missing there were never deleted
    return Path(top).resolve() == path.resolve() and Path(common).resolve() == common_dir(repo).resolve()


def is_set_up(path: Path) -> bool:
    """Whether the workspace's setup commands completed in this folder: an interrupted setup is repeated."""
    return git_path(path, SET_UP_FILE).exists()


def mark_set_up(path: Path) -> None:
    git_path(path, SET_UP_FILE).touch()


def remove(repo: Path, path: Path) -> bool:
    """Remove the worktree. False: it stays, because it contains work that exists nowhere else. The branch always stays."""
    with exclusive(path.parent):
        if not path.exists():
            return True
        if not is_worktree(repo, path):
            return False
        containing_ref = git.run(
            repo, "for-each-ref", "--count=1", f"--contains={head(path)}", "refs/heads", "refs/tags", "refs/muster"
        )
        if not containing_ref or git.run(path, "status", "--porcelain", "--untracked-files=all"):
            return False
        git.run(repo, "worktree", "remove", *FORCE, str(path))  # forced: git refuses to remove submodules otherwise
        return True


def _is_merging(path: Path) -> bool:
    """A merge that changes no file still has to be committed."""
    return git_path(path, "MERGE_HEAD").exists()


def _recover(path: Path, branch: str) -> None:
    """Make a worktree usable after a crash, and commit all changes in it."""
    recovery.release_locks(path, branch)
    if branches.tip(path, branch) is None:
        recovery.recreate_branch(path, branch)
    commit(path, "recovered work", branch=branch)


def _catch_up(path: Path, integrated: str, name: str, *, leave_conflicts: bool) -> list[str]:
    """Merge what others landed meanwhile. On a conflict: change nothing (the final merge reports it), or leave the conflict in the files,
    in one commit that no crash can split. Returns git's conflict messages."""
    if git.succeeds(path, "merge-base", "--is-ancestor", integrated, "HEAD"):
        return []
    merge = conflicts.merge_trees(path, head(path), integrated)
    if merge.files and not leave_conflicts:
        return []
    sha = integrated
    if not git.succeeds(path, "merge-base", "--is-ancestor", "HEAD", integrated):
        message = conflicts.message_with_conflicts(f"Merge {name}", merge.files)
        sha = git.run(path, "commit-tree", merge.sha, "-p", "HEAD", "-p", integrated, "-F", "-", text=message)
    code, _, _ = git.attempt(path, "merge", "--quiet", "--ff-only", "--no-verify", sha)
    return merge.notes if code == 0 else []  # an ignored file blocks the merge: handled like a conflict
