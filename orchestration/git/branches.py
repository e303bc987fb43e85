"""Branches of the user's repository: which exist, where they are checked out, and the one to merge into."""

import time
from dataclasses import dataclass
from pathlib import Path

from orchestration.git import command as git
from orchestration.git import places, unsupported
from orchestration.git.command import GitError
from orchestration.git.places import common_dir

NO_REF = ""  # as the old value of update-ref: the ref must not exist
LIST_TRIES, LIST_PAUSE_S = 20, 0.05
LIST_TIMEOUT_S, FETCH_TIMEOUT_S = 20.0, 60.0


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """A working copy of the repository, the main one or a linked one."""

    path: Path
    branch: str | None


def check_repository(repo: Path, base_branch: str | None = None) -> str:
    """Returns the branch to start from: the given one, or the one checked out. Raises GitError, with a sentence, if the repository is unusable."""
    if not repo.is_dir():
        raise GitError("check", f"{repo} is not a directory")
    code, output, errors = git.attempt(repo, "rev-parse", "--is-bare-repository", "--absolute-git-dir")
    if code:
        # The other reason is ownership, for which git's own message has the remedy.
        raise GitError("check", errors if "dubious ownership" in errors else f"{repo} is not a git repository")
    if output.startswith("false"):
        top = Path(git.run(repo, "rev-parse", "--show-toplevel"))
        if top.resolve() != repo.resolve():
            raise GitError("check", f"{repo} is a folder inside the repository {top}: name that one")
    branch = base_branch or _current(repo)
    if (commit := tip(repo, branch)) is None:
        empty = not git.run(repo, "for-each-ref", "--count=1", "refs/heads")
        raise GitError("check", f"{repo} has no commit yet" if empty else f"{repo} has no branch {branch!r}")
    unsupported.refuse(repo, commit)
    return branch


def tip(repo: Path, branch: str, *, remote: str = "") -> str | None:
    """The commit of a local branch; None: no such branch. `remote`: as last fetched from there, if it was."""
    fetched = places.value_of(repo, f"refs/remotes/{remote}/{branch}") if remote else ""
    return fetched or places.value_of(repo, f"refs/heads/{branch}") or None


def fetch(repo: Path, remote: str, branch: str, ref: str) -> str:
    """Have a remote's branch at a ref of ours. Returns its commit. Raises GitError."""
    git.run(repo, "fetch", "--quiet", "--no-tags", remote, f"+refs/heads/{branch}:{ref}", timeout_s=FETCH_TIMEOUT_S)
    return git.run(repo, "rev-parse", "--verify", f"{ref}^{{commit}}")


def follow(repo: Path, remote: str, branch: str, *, is_ours: bool) -> None:
    """Ask a remote, and fetch if its branch moved. `is_ours`: the repository is Muster's clone, whose own branch follows. Raises GitError."""
    line = git.run(repo, "ls-remote", "--exit-code", remote, f"refs/heads/{branch}", timeout_s=LIST_TIMEOUT_S)
    theirs, ref = line.split()[0] if line else "", f"refs/remotes/{remote}/{branch}"
    if places.value_of(repo, ref) != theirs:
        fetch(repo, remote, branch, ref)
        if is_ours:
            git.attempt(repo, "update-ref", "-m", "muster: follow", f"refs/heads/{branch}", theirs)


def replace(repo: Path, branch: str, commit: str, *, before: str | None, keep_as: str) -> None:
    """Move a branch from `before`, which is kept at a ref, to a commit that need not contain it. Raises GitError where it moved meanwhile."""
    if before:
        git.run(repo, "update-ref", keep_as, before)
    git.run(repo, "update-ref", "-m", "muster: adopt", f"refs/heads/{branch}", commit, before or "0" * len(commit))


def heads(repo: Path, *names: str) -> dict[str, str]:
    """The commits of several branches; a branch that does not exist is missing."""
    return {name: sha for name in names if (sha := tip(repo, name)) is not None}


def tip_or_raise(repo: Path, branch: str) -> str:
    sha = tip(repo, branch)
    if sha is None:
        raise GitError("rev-parse", f"{repo} has no branch {branch!r}")
    return sha


def lock_file(repo: Path, branch: str) -> Path:
    """The file with which git locks a branch while it moves it."""
    return common_dir(repo) / "refs" / "heads" / f"{branch}.lock"


def working_copies(repo: Path) -> list[WorkingCopy]:
    """Every working copy, also those whose directory is missing."""
    copies = []
    for block in _list_worktrees(repo).split("\0\0"):
        lines = dict(line.partition(" ")[::2] for line in block.strip("\0").split("\0"))
        if "worktree" in lines:
            copies.append(WorkingCopy(Path(lines["worktree"]), lines.get("branch", "").removeprefix("refs/heads/") or None))
    return copies


def _list_worktrees(repo: Path) -> str:
    """Retries, because the list fails while any process is creating a worktree and its files are still empty."""
    command = ("worktree", "list", "--porcelain", "-z")
    for _ in range(LIST_TRIES):
        code, output, errors = git.attempt(repo, *command)
        if code == 0:
            return output
        if "failed to read" not in errors:
            break
        time.sleep(LIST_PAUSE_S)
    raise GitError(command, errors)


def checked_out_in(repo: Path, branch: str, *, except_in: Path | None = None) -> Path | None:
    """The working copy in which a branch is checked out, if there is one."""
    if not _may_be_checked_out(repo, branch):
        return None
    for copy in working_copies(repo):
        is_allowed = except_in is not None and copy.path.resolve() == except_in.resolve()
        if copy.branch == branch and copy.path.exists() and not is_allowed:
            return copy.path
    return None


def _may_be_checked_out(repo: Path, branch: str) -> bool:
    """Read from the disk, so that git is asked only where a HEAD names the branch, or names none."""
    common = common_dir(repo)
    try:
        heads = [file.read_text().strip() for file in [common / "HEAD", *common.glob("worktrees/*/HEAD")]]
    except OSError:
        return True
    return any(head in (f"ref: refs/heads/{branch}", "ref: refs/heads/.invalid") for head in heads)


def refuse_if_checked_out(repo: Path, branch: str, *, except_in: Path | None = None) -> None:
    """Moving a branch that is checked out would make that working copy look as if it undid the new commits. Raises GitError."""
    if (where := checked_out_in(repo, branch, except_in=except_in)) is not None:
        raise GitError("check", f"the branch {branch!r} is checked out in {where}: switch to another one there first")


def ensure_integration(repo: Path, integration_branch: str, base_branch: str) -> str:
    """The integration branch's commit; creates the branch from the base branch if it is missing."""
    code, _, _ = git.attempt(repo, "check-ref-format", "--branch", integration_branch)
    if code:
        raise GitError("check-ref-format", f"{integration_branch!r} is not a name for a branch")
    refuse_if_checked_out(repo, integration_branch)
    start = tip_or_raise(repo, base_branch)
    current = tip(repo, integration_branch)
    if current is None:
        code, _, errors = git.attempt(repo, "update-ref", f"refs/heads/{integration_branch}", start, NO_REF)
        current = tip(repo, integration_branch)  # another process may have been first; that is fine
        if current is None:
            raise GitError("update-ref", errors)
    return current


def _current(repo: Path) -> str:
    code, name, _ = git.attempt(repo, "symbolic-ref", "--quiet", "--short", "HEAD")
    if code:
        raise GitError("check", f"{repo} has no branch checked out: name the base branch")
    return name.strip()
