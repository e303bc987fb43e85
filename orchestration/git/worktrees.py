"""An entry's working copy: created, recovered after a crash, committed, and removed once nothing can be lost."""

import fcntl
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from orchestration.git import branches, conflicts, large_files, recovery
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.git.places import common_dir, git_path

BRANCH_PREFIX = "muster/"
FORCE = ("--force", "--force")  # once for missing or dirty worktrees, twice for those that a killed git had locked
LOCK_TIMEOUT_S = 120.0
SET_UP_FILE = "muster-set-up"  # in the worktree's part of .git, which is removed with the folder
_WHOLE_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Worktree:
    """`base_sha`: where the entry's own changes begin. `fresh`: newly created. `conflicts`: git's messages on conflicts that this call left in
    its files."""

    path: Path
    branch: str
    base_sha: str
    fresh: bool
    conflicts: tuple[str, ...] = ()


def branch_of(entry_id: str) -> str:
    return BRANCH_PREFIX + entry_id


def prepare(
    repo: Path,
    root: Path,
    entry_id: str,
    integration_branch: str,
    *,
    branch: str = "",
    start: str = "",
    leave_conflicts: bool = False,
) -> Worktree:
    """The entry's worktree, with the current integration branch merged in if that merges cleanly. `branch`: the entry's, by default named
    after its id. `start`: the commit to work from, by default the integration branch's. `leave_conflicts`: if it does not merge cleanly,
    leave the conflicts in the files, for an agent to resolve.

    Call it only while no agent of the entry is running: locks in the worktree are assumed to be a dead agent's.
    """
    path, branch, notes = root / _checked_name(entry_id), branch or branch_of(entry_id), list[str]()
    with exclusive(root):
        integrated = start or branches.tip_or_raise(repo, integration_branch)
        fresh = False
        if is_worktree(repo, path):
            _recover(path, branch)
        else:
            fresh = branches.tip(repo, branch) is None
            _add(repo, path, branch, start=integrated if fresh else None)
        if not fresh:
            notes = _catch_up(path, integrated, integration_branch, leave_conflicts=leave_conflicts)
        base = integrated if fresh else git.run(path, "merge-base", "HEAD", integrated)
        return Worktree(path, branch, base_sha=base, fresh=fresh, conflicts=tuple(notes))


def tree_of(repo: Path, commit_sha: str) -> str:
    return _tree_of(repo, commit_sha) if _WHOLE_SHA.fullmatch(commit_sha) else _tree_of.__wrapped__(repo, commit_sha)


@lru_cache(maxsize=4096)
def _tree_of(repo: Path, commit_sha: str) -> str:
    """Cached: a commit never gets another tree."""
    return git.run(repo, "rev-parse", f"{commit_sha}^{{tree}}")


def head(path: Path) -> str:
    return git.run(path, "rev-parse", "HEAD")


def commit(path: Path, message: str, *, branch: str = "", max_bytes: int = large_files.MAX_BYTES) -> str | None:
    """Commit all changes in the worktree, new files included, ignored and too large ones excluded. None: there was nothing to commit.
    `branch`: the entry's, by default named after the folder.

    The agent may have committed itself, on any branch; compare `head` before and after to see that.
    """
    branch = branch or branch_of(path.name)
    recovery.release_locks(path, branch)
    recovery.abort_rebase(path)
    is_astray = recovery.is_off_branch(path, branch)
    if is_astray:
        recovery.detach(path, branch)
    _detach_inner_repositories(path)
    half_merged = [name for name in git.run(path, "diff", "--name-only", "--diff-filter=U", "-z").split("\0") if name]
    large_files.add_all(path, but=[name for name in large_files.uncommitted(path, max_bytes) if name not in half_merged])
    is_new = not git.succeeds(path, "diff", "--cached", "--quiet", "--no-ext-diff", "HEAD") or _is_merging(path)
    if is_new:
        command = ("commit", "--quiet", "--no-verify", "--cleanup=whitespace", "--allow-empty-message", "--file=-")
        git.run(path, *command, text=conflicts.message_with_conflicts(message, half_merged))
    if is_astray:
        recovery.return_to_branch(path, branch)
    return head(path) if is_new or is_astray else None


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


def changed_files(path: Path, since: str) -> list[str]:
    """Every file that differs from that commit, committed or not. A moved file counts twice: deleted and new."""
    changed = git.run(path, "diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", since)
    new = git.run(path, "ls-files", "--others", "--exclude-standard", "-z")
    return sorted({*changed.split("\0"), *new.split("\0")} - {""})


def diffstat(path: Path, since: str, until: str = "HEAD") -> dict[str, int]:
    lines = git.run(path, "diff", "--numstat", "--text", "--no-renames", "--no-ext-diff", "-z", since, until).split("\0")
    counts = [line.split("\t")[:2] for line in lines if line]
    # A binary file's counts are "-".
    inserted, deleted = (sum(int(pair[side]) for pair in counts if pair[side].isdigit()) for side in (0, 1))
    return {"files": len(counts), "insertions": inserted, "deletions": deleted}


def diff(path: Path, since: str, until: str = "HEAD", *, limit_bytes: int = 200_000) -> str:
    """The changes as text, cut at `limit_bytes`."""
    command = ("diff", "--text", "--no-ext-diff", "--no-textconv", since, until)  # whatever .gitattributes marks as binary
    text, whole = git.read_start(path, *command, limit_bytes=limit_bytes)
    return text if whole else text + f"\n[cut: the diff is longer than {limit_bytes} bytes]\n"


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


def added_text(path: Path, since: str, *, limit_bytes: int) -> str:
    """All text that the branch's commits would publish: their messages and added lines, also lines that a later commit removes."""
    options = ("-U0", "--text", "--no-ext-diff", "--no-textconv", "--no-renames")
    text, _ = git.read_start(path, "log", "-p", *options, "--format=%B", f"{since}..HEAD", limit_bytes=limit_bytes)
    return "\n".join(line for line in text.split("\n") if not line.startswith("-"))


@contextmanager
def checkout(repo: Path, root: Path, name: str, commit_sha: str) -> Iterator[Path]:
    """A clean working copy of a commit, on no branch, for the duration of the block; discarded afterwards."""
    path = root / _checked_name(name)
    discard(repo, path)  # left by a crash
    try:
        with exclusive(root):
            git.run(repo, "worktree", "add", "--quiet", *FORCE, "--detach", str(path), commit_sha)
        yield path
    finally:
        discard(repo, path)


def discard(repo: Path, path: Path) -> None:
    """Remove a checkout with all its files, if it exists. Never call it for an entry's worktree."""
    if not path.exists() and not (common_dir(repo) / "worktrees" / path.name).exists():
        return
    shutil.rmtree(path, ignore_errors=True)
    with exclusive(path.parent):
        if any(copy.path == path.resolve() for copy in branches.working_copies(repo)):
            git.run(repo, "worktree", "remove", *FORCE, str(path))


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """A lock among all threads, processes and hosts that share this folder: git's worktree list supports one writer. Raises GitError."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as file:
        give_up_at = time.monotonic() + LOCK_TIMEOUT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise GitError("lock", f"{root / '.lock'} has been held for {LOCK_TIMEOUT_S:g} s") from None
                time.sleep(0.01)
        yield


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise GitError("worktree", f"{name!r} cannot be the name of a worktree")
    return name


def _is_merging(path: Path) -> bool:
    """A merge that changes no file still has to be committed."""
    return git_path(path, "MERGE_HEAD").exists()


def _add(repo: Path, path: Path, branch: str, *, start: str | None) -> None:
    """A new working copy: of a new branch from `start`, or of the existing branch."""
    branches.refuse_if_checked_out(repo, branch, except_in=path)
    if path.exists():
        # An incomplete checkout, or one whose .git was deleted. It may contain work, so it is moved away and not removed.
        aside = path.parent / ".lost" / f"{path.name}-{time.time_ns()}"
        aside.parent.mkdir(exist_ok=True)
        path.rename(aside)
    recovery.release_branch_lock(repo, branch)
    target = ["-b", branch, str(path), start] if start else [str(path), branch]
    # Forced: git may still list the missing directory. Pruning instead would also drop the user's own worktrees.
    git.run(repo, "worktree", "add", "--quiet", *FORCE, *target)


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
