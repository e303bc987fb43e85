"""An entry's own working copy: made, found again after a crash, committed, taken away when nothing can be lost by it."""

import fcntl
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestration.runtime import branches, git
from orchestration.runtime.git import GitError

BRANCH_PREFIX = "muster/"
LOCK_PATIENCE_S = 120.0
_ENTRY_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Worktree:
    """`base_sha`: where the entry's own changes begin. `fresh`: made just now, nothing was there before."""

    path: Path
    branch: str
    base_sha: str
    fresh: bool


def branch_of(entry_id: str) -> str:
    return BRANCH_PREFIX + entry_id


def prepare(repo: Path, root: Path, entry_id: str, integration_branch: str) -> Worktree:
    """The entry's worktree with the integration branch in it, as it is now if that merges cleanly.

    Call it only while no agent of the entry lives: locks found in the worktree are taken for a dead one's.
    """
    if not _ENTRY_ID.fullmatch(entry_id):
        raise GitError("prepare", f"{entry_id!r} cannot be the name of a worktree")
    path, branch = root / entry_id, branch_of(entry_id)
    with one_at_a_time(root):
        integrated = branches.tip_or_raise(repo, integration_branch)
        fresh = False
        if _is_worktree(repo, path):
            _recover(path, branch)
        else:
            fresh = branches.tip(repo, branch) is None
            _add(repo, path, branch, start=integrated if fresh else None)
        if not fresh:
            _catch_up(path, integrated, integration_branch)
        base = git.run(path, "merge-base", "HEAD", integrated)
        return Worktree(path, branch, base_sha=base, fresh=fresh)


def head(path: Path) -> str:
    return git.run(path, "rev-parse", "HEAD")


def commit(path: Path, message: str) -> str | None:
    """Everything in the worktree, new files too, what .gitignore names not. None: there was nothing to commit.

    The agent may have made commits itself; compare `head` with the one before to see them.
    """
    _release_locks(path, branch_of(path.name))
    _return_to_branch(path, branch_of(path.name))
    git.run(path, "add", "--all")
    if git.succeeds(path, "diff", "--cached", "--quiet", "--no-ext-diff", "HEAD"):
        return None
    git.run(path, "commit", "--quiet", "--no-verify", "--cleanup=whitespace", "--allow-empty-message", "--file=-", text=message)
    return head(path)


def changed_files(path: Path, since: str) -> list[str]:
    """Every file that differs from that commit, committed or not. A moved file counts twice: gone and new."""
    changed = git.run(path, "diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", since)
    new = git.run(path, "ls-files", "--others", "--exclude-standard", "-z")
    return sorted({*changed.split("\0"), *new.split("\0")} - {""})


def diffstat(path: Path, since: str, until: str = "HEAD") -> dict[str, int]:
    lines = git.run(path, "diff", "--numstat", "--no-renames", "--no-ext-diff", "-z", since, until).split("\0")
    counts = [line.split("\t")[:2] for line in lines if line]
    # A binary file's counts are "-".
    inserted, deleted = (sum(int(pair[side]) for pair in counts if pair[side].isdigit()) for side in (0, 1))
    return {"files": len(counts), "insertions": inserted, "deletions": deleted}


def diff(path: Path, since: str, until: str = "HEAD", *, limit_bytes: int = 200_000) -> str:
    """The changes as text, cut where it gets too long."""
    command = ("diff", "--no-ext-diff", "--no-textconv", since, until)
    text, whole = git.beginning(path, *command, limit_bytes=limit_bytes)
    return text if whole else text + f"\n[cut: the diff is longer than {limit_bytes} bytes]\n"


def remove(repo: Path, path: Path) -> bool:
    """Take the worktree away. False: it stays, because something in it is nowhere else. The branch stays in any case."""
    with one_at_a_time(path.parent):
        if not path.exists():
            return True
        if not _is_worktree(repo, path):
            return False
        kept = git.run(repo, "for-each-ref", "--count=1", f"--contains={head(path)}", "refs/heads", "refs/tags", "refs/muster")
        if not kept or git.run(path, "status", "--porcelain", "--untracked-files=all"):
            return False
        git.run(repo, "worktree", "remove", "--force", str(path))  # by force: submodules make git refuse otherwise
        return True


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


def _is_worktree(repo: Path, path: Path) -> bool:
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
    ours = git.run(repo, "rev-parse", "--path-format=absolute", "--git-common-dir")
    return Path(top).resolve() == path.resolve() and Path(common).resolve() == Path(ours).resolve()


def _add(repo: Path, path: Path, branch: str, *, start: str | None) -> None:
    """A new working copy: of a new branch from the start, or of the branch that is there."""
    branches.refuse_if_checked_out(repo, branch, elsewhere_than=path)
    if path.exists():
        # A half-made checkout, or one whose .git was deleted. It may hold work, so it is put aside and not removed.
        aside = path.parent / ".lost" / f"{path.name}-{time.time_ns()}"
        aside.parent.mkdir(exist_ok=True)
        path.rename(aside)
    _release_branch_lock(repo, branch)
    what = ["-b", branch, str(path), start] if start else [str(path), branch]
    # By force: the directory may be known to git and gone. Pruning instead would also forget the user's own worktrees.
    git.run(repo, "worktree", "add", "--quiet", "--force", *what)


def _recover(path: Path, branch: str) -> None:
    """Make a worktree that a crash left behind usable again, with all that was in it committed."""
    _release_locks(path, branch)
    if branches.tip(path, branch) is None:
        _restore_branch(path, branch)
    for state, command in (
        ("rebase-merge", "rebase"),
        ("rebase-apply", "rebase"),
        ("MERGE_HEAD", "merge"),
        ("CHERRY_PICK_HEAD", "cherry-pick"),
        ("REVERT_HEAD", "revert"),
    ):
        if _inside(path, state).exists():
            code, _, _ = git.attempt(path, command, "--abort")
            if code:
                git.attempt(path, command, "--quit")
                git.run(path, "reset", "--hard", "--quiet")  # half of a merge is nothing to keep
    commit(path, "recovered work")


def _restore_branch(path: Path, branch: str) -> None:
    """Somebody deleted the branch. The worktree's own log still knows its last commit."""
    log = _inside(path, "logs/HEAD")
    last = log.read_text(errors="replace").splitlines()[-1].split()[1] if log.exists() else ""
    if not last:
        raise GitError("prepare", f"the branch {branch!r} of {path} was deleted and cannot be found again")
    git.run(path, "update-ref", f"refs/heads/{branch}", last, branches.ABSENT)


def _return_to_branch(path: Path, branch: str) -> None:
    """An agent may have switched branches or detached. The files stay as they are; what is committed goes on our branch."""
    ref = f"refs/heads/{branch}"
    if git.attempt(path, "symbolic-ref", "--quiet", "HEAD")[1].strip() == ref:
        return
    here, ours = head(path), branches.tip_or_raise(path, branch)
    if git.succeeds(path, "merge-base", "--is-ancestor", ours, here):
        git.run(path, "update-ref", ref, here, ours)
    else:
        git.run(path, "update-ref", f"refs/muster/strayed/{path.name}/{here[:12]}", here)  # so that nothing is lost
    git.run(path, "symbolic-ref", "HEAD", ref)


def _catch_up(path: Path, integrated: str, name: str) -> None:
    """Bring in what others landed meanwhile. After a conflict all is as before: the merge will tell."""
    if git.succeeds(path, "merge-base", "--is-ancestor", integrated, "HEAD"):
        return
    code, _, _ = git.attempt(path, "merge", "--quiet", "--ff", "--no-verify", "-m", f"Merge {name}", integrated)
    if code and git.attempt(path, "merge", "--abort")[0]:
        git.run(path, "reset", "--hard", "--quiet")


def _release_locks(path: Path, branch: str) -> None:
    for name in ("index.lock", "HEAD.lock"):
        _inside(path, name).unlink(missing_ok=True)
    _release_branch_lock(path, branch)


def _release_branch_lock(place: Path, branch: str) -> None:
    """Only our own branch's: another ref's lock may be the user's."""
    common = Path(git.run(place, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    (common / "refs" / "heads" / f"{branch}.lock").unlink(missing_ok=True)


def _inside(path: Path, name: str) -> Path:
    return Path(git.run(path, "rev-parse", "--path-format=absolute", "--git-path", name))
