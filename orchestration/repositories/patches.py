"""Two commits of a workspace's repository as a patch, by git. No program of the repository runs, and nothing is fetched."""

import re
from pathlib import Path

from orchestration.git import command as git
from orchestration.git.command import GitError

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


def patch(repo: str, base: str, commit: str) -> tuple[str, bool]:
    """The patch as text, and whether it is complete. Raises NotReadable."""
    check(repo, base, commit)
    output, whole = read_diff(repo, "--patch", "--binary", "--full-index", base, commit, limit_bytes=WHOLE_PATCH_BYTES)
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


def check(repo: str, base: str, commit: str) -> None:
    """Raises NotReadable."""
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
                raise NotReadable(f"git could not read the repository: {_printable(error)}") from None
            if code == 0:
                continue
            if "dubious ownership" in errors or "not a git repository" in errors:
                raise NotReadable("The repository of this workspace no longer exists, or Muster may not read it.")
            raise NotReadable(f"The commit {revision[:10]} is no longer in the repository, so there is no diff to show.")


def read_diff(repo: str, *arguments: str, limit_bytes: int) -> tuple[bytes, bool]:
    """The start of git's output, and whether it is complete. Raises NotReadable."""
    with git.reading_only():
        try:
            return git.read_start_bytes(Path(repo), "diff", *_FORM, *arguments, limit_bytes=limit_bytes, timeout_s=TIMEOUT_S)
        except GitError as error:
            raise NotReadable(f"git could not compare the commits: {_printable(error)}") from None


def _printable(error: GitError) -> str:
    """One line, without anything that steers a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(error))[:200]
