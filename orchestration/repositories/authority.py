"""The repository that all hosts share: what is fetched from it, and its refs, which move by compare-and-swap."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.git.locking import exclusive
from orchestration.git.places import common_dir

LIST_TIMEOUT_S = 60.0
FETCH_TIMEOUT_S = 600.0
PUSH_TIMEOUT_S = 120.0
TRIES = 3
ABSENT = ""
"""As the value of a ref: there is none."""
_STALE = ("stale info", "cannot lock ref", "reference already exists", "but expected")


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
        """Have these refs here as they are there. Raises Unreachable."""

    def move(self, ref: str, new: str, *, before: str) -> None:
        """Move a ref there, and here, from `before` to a commit that is here. Raises Moved, or Unreachable."""


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
        if code and any(words in errors for words in _STALE):
            raise Moved(ref)
        if code:
            raise GitError("update-ref", errors)


def _no_header() -> str:
    return ""


@dataclass(frozen=True)
class Remote:
    """Another repository, by URL. `header`: of each HTTP request."""

    repo: Path
    url: str
    header: Callable[[], str] = _no_header

    def refs(self, *names: str) -> dict[str, str]:
        output = self._run("ls-remote", "--quiet", self.url, *names, timeout_s=LIST_TIMEOUT_S)
        lines = (line.partition("\t") for line in output.splitlines())
        return {name: sha for sha, _, name in lines if name in names}

    def fetch(self, refs: Sequence[str]) -> None:
        if not refs:
            return
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--force", "--update-head-ok")
        command = ("fetch", *options, self.url, *(f"+{ref}:{ref}" for ref in refs))
        with exclusive(
            common_dir(self.repo), timeout_s=FETCH_TIMEOUT_S
        ):  # sessions and a lander of this host fetch the same refs at once
            for _ in range(TRIES):
                code, _, errors = self._attempt(*command, timeout_s=FETCH_TIMEOUT_S)
                if code == 0:
                    return
                if not any(words in errors for words in _STALE):  # else a lander of this host moved one meanwhile
                    break
        raise Unreachable("fetch", self._sentence(errors))

    def bring(self, *commits: str) -> None:
        """Have these commits here, by their hashes. Raises Unreachable."""
        self._run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self.url, *commits, timeout_s=FETCH_TIMEOUT_S)

    def move(self, ref: str, new: str, *, before: str) -> None:
        # No `+` before the refspec: it would move the ref whatever the lease says.
        command = ("push", "--porcelain", "--no-verify", f"--force-with-lease={ref}:{before}", self.url, f"{new}:{ref}")
        code, output, errors = self._attempt(*command, timeout_s=PUSH_TIMEOUT_S)
        if code:
            if any(words in output for words in _STALE):
                raise Moved(ref)
            refused = [line.partition("\t")[2].partition("\t")[2] for line in output.splitlines() if line.startswith("!")]
            raise Unreachable("push", self._sentence("\n".join(refused) or errors))
        git.attempt(self.repo, "update-ref", "-m", "muster: work", ref, new)

    def object_format(self) -> str:
        """sha1 or sha256. Raises Unreachable."""
        listed = self._run("ls-remote", "--quiet", self.url, "HEAD", "refs/heads/*", timeout_s=LIST_TIMEOUT_S, folder=Path("/"))
        return "sha256" if len(listed.partition("\t")[0]) == 64 else "sha1"

    def _run(self, *command: str, timeout_s: float, folder: Path | None = None) -> str:
        code, output, errors = self._attempt(*command, timeout_s=timeout_s, folder=folder)
        if code:
            raise Unreachable(command[0], self._sentence(errors))
        return output

    def _attempt(self, *command: str, timeout_s: float, folder: Path | None = None) -> tuple[int, str, str]:
        try:
            return git.attempt(folder or self.repo, *command, timeout_s=timeout_s, env=self._env())
        except GitError as problem:
            raise Unreachable(command[0], self._sentence(str(problem))) from None

    def _env(self) -> Mapping[str, str]:
        """The header in the environment: anyone on this host could read an argument."""
        env = {
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20",
            "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
            "GIT_HTTP_LOW_SPEED_TIME": "60",
        }
        if header := self.header():
            env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": header}
        return env

    def _sentence(self, errors: str) -> str:
        lines = [line.strip() for line in errors.splitlines() if line.strip() and not line.startswith("hint:")]
        return f"{without_password(self.url)} could not be used: {' '.join(lines)[-300:] or 'git gave no reason'}"


def without_password(url: str) -> str:
    scheme, separator, address = url.partition("://")
    return f"{scheme}://{address.rpartition('@')[2]}" if separator else url
