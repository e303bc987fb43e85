"""The repository that all hosts share: what is fetched from it, and its refs, which move by compare-and-swap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestration.git import command as git
from orchestration.git import history, places
from orchestration.git.command import GitError

ABSENT = ""
"""As the value of a ref: there is none."""
STALE = ("stale info", "cannot lock ref", "reference already exists", "but expected")
"""What git says of a ref that somebody else moved."""


class Moved(Exception):
    """The ref is not where it was: somebody else moved it."""


class Unreachable(GitError):
    """The repository that all hosts share did not answer, or refused."""


class Authority(Protocol):
    """`repo`: this host's, which has what was fetched."""

    @property
    def repo(self) -> Path: ...

    def refs(self, *names: str) -> dict[str, str]:
        """The commits of those of these refs that are there. Raises Unreachable."""

    def fetch(self, refs: Sequence[str]) -> None:
        """Copy these refs to this host. Raises Unreachable."""

    def move(self, ref: str, new: str, *, before: str) -> None:
        """Move a ref there, and here, from `before` to a commit that is here. Raises Moved, or Unreachable."""

    def discard(self, refs: Mapping[str, str]) -> None:
        """Remove refs there, each only while it is at this commit. Raises Unreachable."""

    def under(self, prefix: str) -> dict[str, str]:
        """The commits of the refs there whose names begin with this, which ends with a slash. Raises Unreachable."""


def bring(authority: Authority, *names: str) -> dict[str, str]:
    """Have those of these refs here that are there. Returns their commits. Raises Unreachable."""
    there, repo = authority.refs(*names), authority.repo
    authority.fetch([ref for ref, sha in there.items() if places.value_of(repo, ref) != sha or not history.has(repo, sha)])
    return there


@dataclass(frozen=True)
class Own:
    """The repository on this host is what the others share."""

    repo: Path

    def refs(self, *names: str) -> dict[str, str]:
        listed = git.run(self.repo, "for-each-ref", "--format=%(objectname) %(refname)", *names)
        lines = (line.partition(" ") for line in listed.splitlines())
        return {name: sha for sha, _, name in lines if name in names}

    def fetch(self, refs: Sequence[str]) -> None:
        pass

    def move(self, ref: str, new: str, *, before: str) -> None:
        code, _, errors = git.attempt(self.repo, "update-ref", "-m", "muster: work", ref, new, before)
        if code and any(words in errors for words in STALE):
            raise Moved(ref)
        if code:
            raise GitError("update-ref", errors)

    def discard(self, refs: Mapping[str, str]) -> None:
        for ref, sha in refs.items():
            git.attempt(self.repo, "update-ref", "-d", ref, sha)

    def under(self, prefix: str) -> dict[str, str]:
        listed = git.run(self.repo, "for-each-ref", "--format=%(refname) %(objectname)", prefix)
        return dict(line.split() for line in listed.splitlines())
