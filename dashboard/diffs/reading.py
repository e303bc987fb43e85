"""Two commits of a workspace's repository, compared by git. No program of the repository runs, and nothing is fetched."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dashboard.diffs import parse
from dashboard.diffs.parse import Change
from dashboard.diffs.visible import name
from orchestration.git import command as git
from orchestration.git.command import GitError

LIST_BYTES = 4_000_000
PATCH_BYTES = 3_000_000
WHOLE_PATCH_BYTES = 10_000_000
TIMEOUT_S = 20.0
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
# No setting of the repository or user may run a program, hide a file, or change the output format.
_FORM = (
    *("--no-ext-diff", "--no-textconv", "--no-color", "--no-relative", "--find-renames", "-l400", "-O/dev/null"),
    *("--unified=3", "--inter-hunk-context=0", "--submodule=short", "--ignore-submodules=none", "--diff-algorithm=histogram"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)


class NotReadable(Exception):
    """There is no diff to show. The message gives the reason."""


@dataclass(frozen=True)
class Listed:
    """The changes between two commits. `whole`: none was cut off."""

    changes: list[Change]
    whole: bool


def listed(repo: str, base: str, commit: str) -> Listed:
    """Raises NotReadable."""
    _check(repo, base, commit)
    output, whole = _diff(repo, "--raw", "--numstat", "-z", "--no-abbrev", base, commit, limit_bytes=LIST_BYTES)
    if not whole:
        output = output[: output.rfind(b"\0") + 1]
    return Listed(parse.changes(parse.decoded(output)), whole)


def patches(repo: str, base: str, commit: str, chosen: Sequence[Change]) -> list[list[list[str]]]:
    """The sections of each chosen change, in order; empty for those beyond PATCH_BYTES. Raises NotReadable."""
    names = [path for change in chosen for path in (change.old_path, change.path) if path]
    if not names:
        return []
    output, whole = _diff(repo, "--patch", base, commit, "--", *names, limit_bytes=PATCH_BYTES)
    text = parse.decoded(output)
    per_change = parse.by_change(chosen, text)
    return per_change if whole or len(chosen) == 1 else _without_last(per_change)


def patch(repo: str, base: str, commit: str) -> tuple[str, bool]:
    """The patch as text, and whether it is complete. Raises NotReadable."""
    _check(repo, base, commit)
    output, whole = _diff(repo, "--patch", "--binary", "--full-index", base, commit, limit_bytes=WHOLE_PATCH_BYTES)
    return output.decode("utf-8", "surrogateescape"), whole


def merge_base(repo: str, branch: str, commit: str) -> str:
    """The merge base of a commit and a branch; empty if unknown."""
    if not _COMMIT.fullmatch(commit) or not Path(repo).is_dir():
        return ""
    with git.reading_only():
        try:
            code, output, _ = git.attempt(Path(repo), "merge-base", f"refs/heads/{branch}", commit, timeout_s=TIMEOUT_S)
        except GitError:
            return ""
    return output.strip() if code == 0 else ""


def _without_last(per_change: list[list[list[str]]]) -> list[list[list[str]]]:
    """Drop the last section, which is truncated and would look complete."""
    last = max((n for n, sections in enumerate(per_change) if sections), default=-1)
    return [[] if n == last else sections for n, sections in enumerate(per_change)]


def _check(repo: str, base: str, commit: str) -> None:
    if not base or not commit:
        raise NotReadable("There is no commit yet: the diff appears once the work is committed.")
    if not _COMMIT.fullmatch(base) or not _COMMIT.fullmatch(commit):
        raise NotReadable("The recorded commit is invalid.")
    if not Path(repo).is_dir():
        raise NotReadable("The repository of this workspace no longer exists, or is not on this host.")
    with git.reading_only():
        for revision in (base, commit):
            try:
                code, _, errors = git.attempt(Path(repo), "cat-file", "-e", f"{revision}^{{commit}}", timeout_s=TIMEOUT_S)
            except GitError as error:
                raise NotReadable(f"git could not read the repository: {name(str(error))[:200]}") from None
            if code == 0:
                continue
            if "dubious ownership" in errors or "not a git repository" in errors:
                raise NotReadable("The repository of this workspace no longer exists, or Muster may not read it.")
            raise NotReadable(f"The commit {revision[:10]} is no longer in the repository, so there is no diff to show.")


def _diff(repo: str, *arguments: str, limit_bytes: int) -> tuple[bytes, bool]:
    with git.reading_only():
        try:
            return git.read_start_bytes(Path(repo), "diff", *_FORM, *arguments, limit_bytes=limit_bytes, timeout_s=TIMEOUT_S)
        except GitError as error:
            raise NotReadable(f"git could not compare the commits: {name(str(error))[:200]}") from None
