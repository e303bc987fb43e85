"""An entry's own working copy: made, found again after a crash, committed, taken away when nothing can be lost by it."""

import fcntl
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestration.git import branches, conflicts, recovery
from orchestration.git import command as git
from orchestration.git.command import GitError

BRANCH_PREFIX = "muster/"
FORCE = ("--force", "--force")  # once for what git misses or finds dirty, once more for what a killed git had locked
LOCK_PATIENCE_S = 120.0
SET_UP = "muster-set-up"  # in the worktree's part of .git: it goes when the folder goes
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Worktree:
    """`base_sha`: where the entry's own changes begin. `fresh`: made just now, nothing was there before. `conflicts`: git's words on those
    that are in its files since just now."""

    path: Path
    branch: str
    base_sha: str
    fresh: bool
    conflicts: tuple[str, ...] = ()


def branch_of(entry_id: str) -> str:
    return BRANCH_PREFIX + entry_id


def prepare(repo: Path, root: Path, entry_id: str, integration_branch: str, *, leave_conflicts: bool = False) -> Worktree:
    """The entry's worktree with the integration branch in it as it is now, if that merges cleanly; or else, for an agent that is to resolve
    them, with the conflicts in its files.

    Call it only while no agent of the entry lives: locks found in the worktree are taken for a dead one's.
    """
    path, branch, notes = root / _safe(entry_id), branch_of(entry_id), list[str]()
    with one_at_a_time(root):
        integrated = branches.tip_or_raise(repo, integration_branch)
        fresh = False
        if is_one(repo, path):
            _recover(path, branch)
        else:
            fresh = branches.tip(repo, branch) is None
            _add(repo, path, branch, start=integrated if fresh else None)
        if not fresh:
            notes = _catch_up(path, integrated, integration_branch, leave_conflicts=leave_conflicts)
        base = git.run(path, "merge-base", "HEAD", integrated)
        return Worktree(path, branch, base_sha=base, fresh=fresh, conflicts=tuple(notes))


def head(path: Path) -> str:
    return git.run(path, "rev-parse", "HEAD")


def commit(path: Path, message: str) -> str | None:
    """Everything in the worktree, new files too, what .gitignore names not. None: there was nothing to commit.

    The agent may have made commits itself, on whatever branch; compare `head` with the one before to see them.
    """
    branch = branch_of(path.name)
    recovery.release_locks(path, branch)
    recovery.abort_rebase(path)
    is_astray = recovery.is_astray(path, branch)
    if is_astray:
        recovery.detach(path, branch)
    _open_up(path)
    half_merged = [name for name in git.run(path, "diff", "--name-only", "--diff-filter=U", "-z").split("\0") if name]
    git.run(path, "add", "--all")
    is_new = not git.succeeds(path, "diff", "--cached", "--quiet", "--no-ext-diff", "HEAD") or _is_merging(path)
    if is_new:
        command = ("commit", "--quiet", "--no-verify", "--cleanup=whitespace", "--allow-empty-message", "--file=-")
        git.run(path, *command, text=conflicts.message(message, half_merged))
    if is_astray:
        recovery.bring_home(path, branch)
    return head(path) if is_new or is_astray else None


def _open_up(path: Path) -> None:
    """A repository that the agent made inside of this one would be kept as a mere name, or, while it is empty, keep all from being kept."""
    for name in git.run(path, "ls-files", "--others", "--exclude-standard", "-z").split("\0"):
        inner = path / name / ".git"
        if name.endswith("/") and inner.exists():
            inner.rename(recovery.inside(path, f"muster-inner-{time.time_ns()}"))


def is_one(repo: Path, path: Path) -> bool:
    """It exists and git takes it for a worktree of this repository, not for a folder inside of another one."""
    if not (path / ".git").exists():
        return False
    question = ("rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir")
    code, answer, _ = git.attempt(path, *question)
    if code:
        git.attempt(repo, "worktree", "repair", str(path))  # the repository or the data directory was moved
        code, answer, _ = git.attempt(path, *question)
    if code:
        return False
    top, common = answer.splitlines()
    locked = recovery.inside(path, "locked")
    if locked.exists() and locked.read_text().strip() == "initializing":
        return False  # git was killed while it made it: what is missing there was never deleted by anybody
    ours = git.run(repo, "rev-parse", "--path-format=absolute", "--git-common-dir")
    return Path(top).resolve() == path.resolve() and Path(common).resolve() == Path(ours).resolve()


def is_set_up(path: Path) -> bool:
    """Whether the workspace's setup commands went through in this very folder: one that was cut short is done again."""
    return recovery.inside(path, SET_UP).exists()


def note_set_up(path: Path) -> None:
    recovery.inside(path, SET_UP).touch()


def changed_files(path: Path, since: str) -> list[str]:
    """Every file that differs from that commit, committed or not. A moved file counts twice: gone and new."""
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
    """The changes as text, cut where it gets too long."""
    command = ("diff", "--text", "--no-ext-diff", "--no-textconv", since, until)  # whatever .gitattributes says is binary
    text, whole = git.beginning(path, *command, limit_bytes=limit_bytes)
    return text if whole else text + f"\n[cut: the diff is longer than {limit_bytes} bytes]\n"


def remove(repo: Path, path: Path) -> bool:
    """Take the worktree away. False: it stays, because something in it is nowhere else. The branch stays in any case."""
    with one_at_a_time(path.parent):
        if not path.exists():
            return True
        if not is_one(repo, path):
            return False
        kept = git.run(repo, "for-each-ref", "--count=1", f"--contains={head(path)}", "refs/heads", "refs/tags", "refs/muster")
        if not kept or git.run(path, "status", "--porcelain", "--untracked-files=all"):
            return False
        git.run(repo, "worktree", "remove", *FORCE, str(path))  # by force: submodules make git refuse otherwise
        return True


def told(path: Path, since: str, *, limit_bytes: int) -> str:
    """All that the branch's commits would make public: their messages and the lines that they add, also those that a later one takes out."""
    form = ("-U0", "--text", "--no-ext-diff", "--no-textconv", "--no-renames")
    text, _ = git.beginning(path, "log", "-p", *form, "--format=%B", f"{since}..HEAD", limit_bytes=limit_bytes)
    return "\n".join(line for line in text.split("\n") if not line.startswith("-"))


@contextmanager
def checkout(repo: Path, root: Path, name: str, commit_sha: str) -> Iterator[Path]:
    """A clean working copy of a commit, on no branch, for as long as the block lasts. What is left in it is thrown away."""
    path = root / _safe(name)
    discard(repo, path)  # an earlier one's, after a crash
    try:
        with one_at_a_time(root):
            git.run(repo, "worktree", "add", "--quiet", *FORCE, "--detach", str(path), commit_sha)
        yield path
    finally:
        discard(repo, path)


def discard(repo: Path, path: Path) -> None:
    """Remove a checkout with all that is in it. Nothing happens when it is gone already. Never for an entry's worktree."""
    shutil.rmtree(path, ignore_errors=True)
    with one_at_a_time(path.parent):
        if any(copy.path == path.resolve() for copy in branches.checked_out(repo)):
            git.run(repo, "worktree", "remove", *FORCE, str(path))


@contextmanager
def one_at_a_time(root: Path) -> Iterator[None]:
    """Among all threads, processes and hosts that share this folder: git's own book of worktrees bears one writer."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as file:
        patience = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > patience:
                    raise GitError("lock", f"{root / '.lock'} has been held for {LOCK_PATIENCE_S:g} s") from None
                time.sleep(0.01)
        yield


def _safe(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise GitError("worktree", f"{name!r} cannot be the name of a worktree")
    return name


def _is_merging(path: Path) -> bool:
    """A merge whose result is our own files is one all the same."""
    return recovery.inside(path, "MERGE_HEAD").exists()


def _add(repo: Path, path: Path, branch: str, *, start: str | None) -> None:
    """A new working copy: of a new branch from the start, or of the branch that is there."""
    branches.refuse_if_checked_out(repo, branch, elsewhere_than=path)
    if path.exists():
        # A half-made checkout, or one whose .git was deleted. It may hold work, so it is put aside and not removed.
        aside = path.parent / ".lost" / f"{path.name}-{time.time_ns()}"
        aside.parent.mkdir(exist_ok=True)
        path.rename(aside)
    recovery.release_branch_lock(repo, branch)
    what = ["-b", branch, str(path), start] if start else [str(path), branch]
    # By force: the directory may be known to git and gone. Pruning instead would also forget the user's own worktrees.
    git.run(repo, "worktree", "add", "--quiet", *FORCE, *what)


def _recover(path: Path, branch: str) -> None:
    """Make a worktree that a crash left behind usable again, with all that was in it committed."""
    recovery.release_locks(path, branch)
    if branches.tip(path, branch) is None:
        recovery.restore_branch(path, branch)
    commit(path, "recovered work")


def _catch_up(path: Path, integrated: str, name: str, *, leave_conflicts: bool) -> list[str]:
    """Bring in what others landed meanwhile. Where that conflicts, nothing happens and the merge will tell; or the conflict is left in
    the files, in one commit that no crash can cut in two. Answers git's words on it."""
    if git.succeeds(path, "merge-base", "--is-ancestor", integrated, "HEAD"):
        return []
    both = conflicts.merged(path, head(path), integrated)
    if both.files and not leave_conflicts:
        return []
    sha = integrated
    if not git.succeeds(path, "merge-base", "--is-ancestor", "HEAD", integrated):
        message = conflicts.message(f"Merge {name}", both.files)
        sha = git.run(path, "commit-tree", both.sha, "-p", "HEAD", "-p", integrated, "-F", "-", text=message)
    code, _, _ = git.attempt(path, "merge", "--quiet", "--ff-only", "--no-verify", sha)
    return both.notes if code == 0 else []  # something in the way that git ignores: as after a conflict
