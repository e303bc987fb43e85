"""Branches of a repository that belongs to somebody else: what is there, who has it checked out, which one we merge into."""

import time
from dataclasses import dataclass
from pathlib import Path

from orchestration.git import command as git
from orchestration.git.command import GitError

ABSENT = ""  # as the old value of update-ref: there must be none
LOOKS, PAUSE_S = 20, 0.05


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """A working copy of the repository, the main one or a linked one."""

    path: Path
    branch: str | None


def check(repo: Path, base_branch: str | None = None) -> str:
    """That we can work with this repository. Answers the branch to start from: the given one, or the one checked out."""
    if not repo.is_dir():
        raise GitError("check", f"{repo} is not a directory")
    code, answer, errors = git.attempt(repo, "rev-parse", "--is-bare-repository", "--absolute-git-dir")
    if code:
        # Ownership is the other reason, and git says well what to do about it.
        raise GitError("check", errors if "dubious ownership" in errors else f"{repo} is not a git repository")
    if answer.startswith("false"):
        top = Path(git.run(repo, "rev-parse", "--show-toplevel"))
        if top.resolve() != repo.resolve():
            raise GitError("check", f"{repo} is a folder inside the repository {top}: name that one")
    branch = base_branch or _current(repo)
    if tip(repo, branch) is None:
        empty = not git.run(repo, "for-each-ref", "--count=1", "refs/heads")
        raise GitError("check", f"{repo} has no commit yet" if empty else f"{repo} has no branch {branch!r}")
    return branch


def tip(repo: Path, branch: str) -> str | None:
    """The commit a local branch points to."""
    code, sha, _ = git.attempt(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"refs/heads/{branch}^{{commit}}")
    return sha.strip() if code == 0 else None


def tip_or_raise(repo: Path, branch: str) -> str:
    sha = tip(repo, branch)
    if sha is None:
        raise GitError("rev-parse", f"{repo} has no branch {branch!r}")
    return sha


def lock_file(place: Path, branch: str) -> Path:
    """What git locks a branch with while it moves it."""
    common = Path(git.run(place, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    return common / "refs" / "heads" / f"{branch}.lock"


def checked_out(repo: Path) -> list[CheckedOut]:
    """Every working copy, also those whose directory is gone."""
    found = []
    for block in _worktrees(repo).split("\0\0"):
        lines = dict(line.partition(" ")[::2] for line in block.strip("\0").split("\0"))
        if "worktree" in lines:
            found.append(CheckedOut(Path(lines["worktree"]), lines.get("branch", "").removeprefix("refs/heads/") or None))
    return found


def _worktrees(repo: Path) -> str:
    """What git lists. It fails while another one is just being made, by us or by anybody else, with its files still empty: then it is asked again."""
    command = ("worktree", "list", "--porcelain", "-z")
    for _ in range(LOOKS):
        code, listed, errors = git.attempt(repo, *command)
        if code == 0:
            return listed
        if "failed to read" not in errors:
            break
        time.sleep(PAUSE_S)
    raise GitError(command, errors)


def refuse_if_checked_out(repo: Path, branch: str, *, elsewhere_than: Path | None = None) -> None:
    """A branch that moves under somebody's working copy makes that copy look as if it undid our work."""
    for copy in checked_out(repo):
        ours = elsewhere_than is not None and copy.path.resolve() == elsewhere_than.resolve()
        if copy.branch == branch and copy.path.exists() and not ours:
            raise GitError("check", f"the branch {branch!r} is checked out in {copy.path}: switch to another one there first")


def ensure_integration(repo: Path, integration_branch: str, base_branch: str) -> str:
    """The integration branch's commit; the branch is made from the base branch when it is missing."""
    code, _, _ = git.attempt(repo, "check-ref-format", "--branch", integration_branch)
    if code:
        raise GitError("check-ref-format", f"{integration_branch!r} is not a name for a branch")
    refuse_if_checked_out(repo, integration_branch)
    start = tip_or_raise(repo, base_branch)
    present = tip(repo, integration_branch)
    if present is None:
        code, _, errors = git.attempt(repo, "update-ref", f"refs/heads/{integration_branch}", start, ABSENT)
        present = tip(repo, integration_branch)  # somebody else may have been first; that is fine
        if present is None:
            raise GitError("update-ref", errors)
    return present


def _current(repo: Path) -> str:
    code, name, _ = git.attempt(repo, "symbolic-ref", "--quiet", "--short", "HEAD")
    if code:
        raise GitError("check", f"{repo} has no branch checked out: name the base branch")
    return name.strip()
