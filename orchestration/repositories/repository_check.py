"""Describes a repository on the server before it becomes a workspace."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestration.git import branches
from orchestration.git import command as git
from workspaces.errors import Invalid

TIMEOUT_S = 20.0
MAX_BRANCHES = 50


@dataclass(frozen=True)
class RepositoryInfo:
    """`kind`: bare, clean, or how many files are changed in its working copy. `size`: of its objects, in words."""

    path: str
    branch: str
    branches: tuple[str, ...]
    commit: str
    subject: str
    author: str
    at: datetime
    kind: str
    size: str


def inspect(path: Path, base_branch: str | None = None) -> RepositoryInfo:
    """Raises Invalid with the field that does not fit."""
    try:
        branch = branches.check_repository(path, base_branch)
        commit = git.run(path, "log", "-1", "--format=%H%x00%s%x00%an%x00%ct", f"refs/heads/{branch}", timeout_s=TIMEOUT_S).split(
            "\x00"
        )
        names = git.run(
            path, "for-each-ref", f"--count={MAX_BRANCHES}", "--sort=-committerdate", "--format=%(refname:short)", "refs/heads",
            timeout_s=TIMEOUT_S,
        )  # fmt: skip
        kind, size = _kind(path), _size(path)
    except git.GitError as error:
        raise Invalid(str(error)[:300], "base_branch" if base_branch else "repo") from None
    at = datetime.fromtimestamp(int(commit[3]), UTC)
    return RepositoryInfo(
        str(path), branch, tuple(names.split("\n")), commit[0][:12], commit[1][:200], commit[2][:100], at, kind, size
    )


def _kind(path: Path) -> str:
    if git.run(path, "rev-parse", "--is-bare-repository", timeout_s=TIMEOUT_S) == "true":
        return "bare: without a working copy"
    if git.run(path, "ls-files", "--cached", timeout_s=TIMEOUT_S) == "":
        return "nothing checked out"
    try:
        changed = git.run(path, "status", "--porcelain", "--untracked-files=no", timeout_s=TIMEOUT_S)
    except git.GitError:
        return "too large to check quickly for changed files"
    n = len(changed.splitlines())
    return (
        f"{n} changed {'file is' if n == 1 else 'files are'} not committed: Muster does not see and does not touch them"
        if n
        else "clean"
    )


def _size(path: Path) -> str:
    counts = dict(
        line.split(": ", 1) for line in git.run(path, "count-objects", "-v", timeout_s=TIMEOUT_S).splitlines() if ": " in line
    )
    kilobytes = int(counts.get("size", 0)) + int(counts.get("size-pack", 0))
    return f"{kilobytes} kB" if kilobytes < 1024 else f"{kilobytes / 1024:,.1f} MB"
