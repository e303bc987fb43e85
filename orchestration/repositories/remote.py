"""A shared repository by URL. Some accept branches alone: there, Muster's own refs are branches under `muster/wip/`."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.git.locking import exclusive
from orchestration.git.places import common_dir
from orchestration.repositories import problems
from orchestration.repositories.authority import STALE, Moved, Unreachable
from workspaces.secrets.masking import foreign
from workspaces.values.git_urls import without_password

LIST_TIMEOUT_S = 20.0
FETCH_TIMEOUT_S = 600.0
PUSH_TIMEOUT_S = 120.0
TRIES = 3
MOST_AT_ONCE = 100
OWN = "refs/muster/"
BRANCHES = "refs/heads/muster/wip/"


class Refused(Unreachable):
    """It answered, and did not let the ref move."""


def _no_header(_scope: str) -> str:
    return ""


def _forget() -> None:
    pass


@dataclass
class Remote:
    """`repo`: this host's, which has what was fetched. `header`: of the HTTP requests that may move this ref, or all under it, or none. `only_branches`:
    it is known to refuse refs that are no branches; `on_only_branches`: called when that turns out. `remedy`: what to do where it denies access."""

    repo: Path
    url: str
    header: Callable[[str], str] = _no_header
    only_branches: bool = False
    on_only_branches: Callable[[], object] = _forget
    remedy: str = ""

    def refs(self, *names: str) -> dict[str, str]:
        """The commits of those of these refs that are there. Raises Unreachable."""
        by_name = {self._there(name): name for name in names}
        return {by_name[there]: sha for there, sha in self._listed(*by_name).items() if there in by_name}

    def under(self, prefix: str) -> dict[str, str]:
        there = self._there(prefix)
        return {prefix + name.removeprefix(there): sha for name, sha in self._listed(f"{there}*").items()}

    def fetch(self, refs: Sequence[str]) -> None:
        """Have these refs here as they are there. Raises Unreachable."""
        if not refs:
            return
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--force", "--update-head-ok")
        command = ("fetch", *options, self._address, *(f"+{self._there(ref)}:{ref}" for ref in refs))
        with exclusive(
            common_dir(self.repo), timeout_s=FETCH_TIMEOUT_S
        ):  # sessions and a lander of this host fetch the same refs at once
            for _ in range(TRIES):
                code, _, errors = self._attempt(*command, timeout_s=FETCH_TIMEOUT_S)
                if code == 0:
                    return
                if not any(words in errors for words in STALE):  # else a lander of this host moved one meanwhile
                    break
        raise Unreachable("fetch", self._sentence(errors))

    def bring(self, *commits: str) -> None:
        """Fetch commits by their hashes. Raises Unreachable."""
        options = ("--quiet", "--no-tags", "--no-write-fetch-head")
        self._run("fetch", *options, self._address, *commits, timeout_s=FETCH_TIMEOUT_S)

    def move(self, ref: str, new: str, *, before: str) -> None:
        """Move a ref from `before` to a commit of this host, in both repositories. Raises Moved, or Unreachable."""
        self._push(ref, new, before)
        git.attempt(self.repo, "update-ref", "-m", "muster: work", ref, new)

    def discard(self, refs: Mapping[str, str]) -> None:
        """Remove refs there, each only while it is at this commit; here they stay, as a sign of what was shared. Raises Unreachable."""
        for some in _batches(list(refs.items())):
            named = [(self._there(ref), sha) for ref, sha in some]
            leases = [f"--force-with-lease={name}:{sha}" for name, sha in named]
            names = [f":{name}" for name, _ in named]
            command = ("push", "--porcelain", "--no-verify", *leases, self._address, *names)
            code, output, errors = self._attempt(*command, timeout_s=PUSH_TIMEOUT_S, scope=OWN)
            refused = [line for line in _refused(output) if not any(words in line for words in STALE)]
            if refused or (code and not _refused(output)):
                raise Unreachable("push", self._sentence(" ".join(refused) or errors))

    def object_format(self) -> str:
        """sha1 or sha256. Raises Unreachable."""
        command = ("ls-remote", "--quiet", self._address, "HEAD", "refs/heads/*")
        listed = self._run(*command, timeout_s=LIST_TIMEOUT_S, folder=Path("/"))
        return "sha256" if len(listed.partition("\t")[0]) == 64 else "sha1"

    def _push(self, ref: str, new: str, before: str) -> None:
        try:
            self._push_to(self._there(ref), ref, new, before)
        except Refused:
            if self.only_branches or not ref.startswith(OWN):
                raise
            try:
                self._push_to(as_branch(ref), ref, new, before)
            except Moved:  # another host found out before
                self._learn()
                raise
            self._learn()

    def _learn(self) -> None:
        self.only_branches = True
        self.on_only_branches()

    def _push_to(self, there: str, ref: str, new: str, before: str) -> None:
        # No `+` before the refspec: it would move the ref whatever the lease says.
        options = ("--porcelain", "--no-verify", f"--force-with-lease={there}:{before}")
        command = ("push", *options, self._address, f"{new}:{there}")
        code, output, errors = self._attempt(*command, timeout_s=PUSH_TIMEOUT_S, scope=ref)
        if code == 0:
            return
        if any(words in output for words in STALE):
            raise Moved(ref)
        if refused := _refused(output):
            raise Refused("push", self._sentence(f"{there}: {' '.join(refused)}"))
        raise Unreachable("push", self._sentence(errors))

    def _there(self, ref: str) -> str:
        return as_branch(ref) if self.only_branches else ref

    def _listed(self, *patterns: str) -> dict[str, str]:
        output = self._run("ls-remote", "--quiet", self._address, *patterns, timeout_s=LIST_TIMEOUT_S)
        lines = (line.partition("\t") for line in output.splitlines())
        return {name: sha for sha, _, name in lines}

    def _run(self, *command: str, timeout_s: float, folder: Path | None = None) -> str:
        code, output, errors = self._attempt(*command, timeout_s=timeout_s, folder=folder)
        if code:
            raise Unreachable(command[0], self._sentence(errors))
        return output

    def _attempt(self, *command: str, timeout_s: float, folder: Path | None = None, scope: str = "") -> tuple[int, str, str]:
        try:
            return git.attempt(folder or self.repo, *command, timeout_s=timeout_s, env=self._env(scope))
        except GitError as problem:
            raise Unreachable(command[0], self._sentence(str(problem))) from None

    @property
    def _address(self) -> str:
        return without_password(self.url) if _basic(self.url) else self.url

    def _env(self, scope: str) -> Mapping[str, str]:
        """The header in the environment: anyone on this host could read an argument."""
        env = {
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20",
            "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
            "GIT_HTTP_LOW_SPEED_TIME": "60",
        }
        if header := self.header(scope) or _basic(self.url):
            env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": header}
        return env

    def _sentence(self, errors: str) -> str:
        advice = problems.advice(errors)
        if self.remedy and "returned error: 403" in errors:
            advice = self.remedy
        text = (
            f"{without_password(self.url)} could not be used: {foreign(problems.summary(errors))[-250:] or 'git gave no reason'}"
        )
        return f"{text.rstrip('.')}. {advice}. It is tried again by itself" if advice else text


def _batches(items: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    return [items[n : n + MOST_AT_ONCE] for n in range(0, len(items), MOST_AT_ONCE)]


def _refused(output: str) -> list[str]:
    """Git's answer for each ref that did not move."""
    return [line.partition("\t")[2].partition("\t")[2] for line in output.splitlines() if line.startswith("!")]


def as_branch(ref: str) -> str:
    """The name of a ref where branches alone are accepted: the ids at the end of Muster's own refs are unique."""
    return BRANCHES + ref.rpartition("/")[2] if ref.startswith(OWN) else ref


def _basic(url: str) -> str:
    """The header for the password of an HTTP URL, if it has one."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.password:
        return ""
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
    return f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}"
