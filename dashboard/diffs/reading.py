"""Two commits of a workspace's repository, compared by git. Nothing of the repository is run, and nothing is fetched."""

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
# No setting of the repository or of a person may run a program, hide a file, or give the answer another form.
_FORM = (
    *("--no-ext-diff", "--no-textconv", "--no-color", "--no-relative", "--find-renames", "-l400", "-O/dev/null"),
    *("--unified=3", "--inter-hunk-context=0", "--submodule=short", "--ignore-submodules=none", "--diff-algorithm=histogram"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)


class NotReadable(Exception):
    """There is no diff to show. As text: why, for a person."""


@dataclass(frozen=True)
class Listed:
    """What changed between two commits. `whole`: the list did not have to be cut."""

    changes: list[Change]
    whole: bool


def listed(repo: str, base: str, commit: str) -> Listed:
    """Raises NotReadable."""
    _check(repo, base, commit)
    output, whole = _diff(repo, "--raw", "--numstat", "-z", "--no-abbrev", base, commit, limit_bytes=LIST_BYTES)
    if not whole:
        output = output[: output.rfind(b"\0") + 1]
    return Listed(parse.changes(parse.decoded(output)), whole)


def patches(repo: str, base: str, commit: str, wanted: Sequence[Change]) -> list[list[list[str]]]:
    """The sections of each wanted change, in the order of the list; none for what did not fit. Raises NotReadable."""
    names = [path for change in wanted for path in (change.old_path, change.path) if path]
    if not names:
        return []
    output, whole = _diff(repo, "--patch", base, commit, "--", *names, limit_bytes=PATCH_BYTES)
    text = parse.decoded(output)
    found = parse.by_change(wanted, text)
    return found if whole or len(wanted) == 1 else _without_last(found)


def patch(repo: str, base: str, commit: str) -> tuple[str, bool]:
    """The whole of it for a file, and whether it is all. Raises NotReadable."""
    _check(repo, base, commit)
    output, whole = _diff(repo, "--patch", "--binary", "--full-index", base, commit, limit_bytes=WHOLE_PATCH_BYTES)
    return output.decode("utf-8", "surrogateescape"), whole


def merge_base(repo: str, branch: str, commit: str) -> str:
    """Where a commit left a branch; empty when that cannot be said."""
    if not _COMMIT.fullmatch(commit) or not Path(repo).is_dir():
        return ""
    with git.reading_only():
        try:
            code, answer, _ = git.attempt(Path(repo), "merge-base", f"refs/heads/{branch}", commit, timeout_s=TIMEOUT_S)
        except GitError:
            return ""
    return answer.strip() if code == 0 else ""


def _without_last(found: list[list[list[str]]]) -> list[list[list[str]]]:
    """The last section was cut somewhere in its middle: better none than one that looks whole."""
    last = max((n for n, sections in enumerate(found) if sections), default=-1)
    return [[] if n == last else sections for n, sections in enumerate(found)]


def _check(repo: str, base: str, commit: str) -> None:
    if not base or not commit:
        raise NotReadable("It has no commit yet: what it changes is known once its work is committed.")
    if not _COMMIT.fullmatch(base) or not _COMMIT.fullmatch(commit):
        raise NotReadable("What is on record as its commit is none.")
    if not Path(repo).is_dir():
        raise NotReadable("The repository of this workspace is not there any more, or not on this host.")
    with git.reading_only():
        for one in (base, commit):
            try:
                code, _, errors = git.attempt(Path(repo), "cat-file", "-e", f"{one}^{{commit}}", timeout_s=TIMEOUT_S)
            except GitError as error:
                raise NotReadable(f"git could not read the repository: {name(str(error))[:200]}") from None
            if code == 0:
                continue
            if "dubious ownership" in errors or "not a git repository" in errors:
                raise NotReadable("The repository of this workspace is not there any more, or not Muster's to read.")
            raise NotReadable(f"The commit {one[:10]} is not in the repository any more, so there is no diff to show.")


def _diff(repo: str, *arguments: str, limit_bytes: int) -> tuple[bytes, bool]:
    with git.reading_only():
        try:
            return git.read_start_bytes(Path(repo), "diff", *_FORM, *arguments, limit_bytes=limit_bytes, timeout_s=TIMEOUT_S)
        except GitError as error:
            raise NotReadable(f"git could not compare the commits: {name(str(error))[:200]}") from None
