"""A shared repository by URL. Some accept branches alone: there, Muster's own refs are branches under `muster/wip/`.

Each own ref is read in both places, and written where it was read; a new one begins as a ref, or as a branch where refs are known to be refused.
One refusal proves nothing: what it refused goes to the other place, for this time.
"""

import base64
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog

from orchestration.git import command as git
from orchestration.git import history
from orchestration.git.command import GitError
from orchestration.git.locking import exclusive
from orchestration.git.places import common_dir
from orchestration.repositories import claims, problems
from orchestration.repositories.authority import ABSENT, STALE, Moved, Unreachable
from workspaces.secrets.masking import foreign
from workspaces.values.git_urls import without_password

LIST_TIMEOUT_S = 20.0
FETCH_TIMEOUT_S = 600.0
PUSH_TIMEOUT_S = 120.0
TRIES = 3
MOST_AT_ONCE = 100
OWN = "refs/muster/"
BRANCHES = "refs/heads/muster/wip/"
APART_S = 60.0
"""Own refs are refused for their kind if they were refused twice, so far apart, while branches were taken."""
_PASSING = re.compile(
    r"unpack|index-pack|failed to update ref|\block(ed)?\b|quota|disk|no space|time.?out|timed out|internal (server )?error|unavailable|temporar|try again|busy|maintenance"
    r"|read-only|\b50\d\b",
    re.IGNORECASE,
)
"""Refusals that say nothing of the ref's kind."""
_refused_at: dict[str, float] = {}
"""By address: the first refusal since it took an own ref."""

log = structlog.get_logger(__name__)


class Refused(Unreachable):
    """It answered, and did not let the ref move. `may_pass`: for a reason that has nothing to do with the ref."""

    may_pass = False


def _no_header(_scope: str) -> str:
    return ""


def _ignore(_only_branches: bool) -> None:
    pass


@dataclass
class Remote:
    """`repo`: this host's, which has what was fetched. `header`: of the HTTP requests that may move this ref, or all under it, or none. `only_branches`:
    it is known to refuse refs that are no branches; `on_only_branches`: called when that changes. `remedy`: what to do where it denies access."""

    repo: Path
    url: str
    header: Callable[[str], str] = _no_header
    only_branches: bool = False
    on_only_branches: Callable[[bool], object] = _ignore
    remedy: str = ""
    _seen: dict[str, dict[str, str]] = field(default_factory=dict, init=False)
    """By ref: its places there with their commits, the one that counts first."""

    def refs(self, *names: str) -> dict[str, str]:
        """The commits of those of these refs that are there. Raises Unreachable."""
        by_place = {place: name for name in names for place in _places(name)}
        return self._read(names, lambda place: by_place.get(place, ""), *by_place)

    def under(self, prefix: str) -> dict[str, str]:
        starts = _places(prefix)

        def name_of(place: str) -> str:
            return next((prefix + place.removeprefix(start) for start in starts if place.startswith(start)), "")

        return self._read((), name_of, *(f"{start}*" for start in starts))

    def fetch(self, refs: Sequence[str]) -> None:
        """Have these refs here as they are there. Raises Unreachable."""
        if not refs:
            return
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--force", "--update-head-ok")
        command = ("fetch", *options, self._address, *(f"+{self._place(ref)}:{ref}" for ref in refs))
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
        self._move(ref, new, before)
        git.attempt(self.repo, "update-ref", "-m", "muster: work", ref, new)

    def discard(self, refs: Mapping[str, str]) -> None:
        """Remove refs there, each only while it is at this commit; here they stay, as a sign of what was shared. Raises Unreachable."""
        named = [pair for ref, sha in refs.items() for pair in self._at(ref, sha).items()]
        for some in _batches(named):
            leases = [f"--force-with-lease={name}:{sha}" for name, sha in some]
            names = [f":{name}" for name, _ in some]
            command = ("push", "--porcelain", "--no-verify", *leases, self._address, *names)
            code, output, errors = self._attempt(*command, timeout_s=PUSH_TIMEOUT_S, scope=OWN)
            refused = [line for line in _refused(output) if not any(words in line for words in STALE)]
            if refused or (code and not _refused(output)):
                raise Unreachable("push", self._sentence(" ".join(refused) or errors))

    def ask_again(self, ref: str, commit: str) -> None:
        """Forget that it takes branches alone if it takes this ref now, which is no branch and not there. It leaves none."""
        try:
            self._push_to(ref, ref, commit, ABSENT)
        except (Moved, Unreachable):
            return
        self._set_only_branches(False, ref)
        self._seen[ref] = {ref: commit}
        self.discard({ref: commit})

    def object_format(self) -> str:
        """sha1 or sha256. Raises Unreachable."""
        command = ("ls-remote", "--quiet", self._address, "HEAD", "refs/heads/*")
        listed = self._run(*command, timeout_s=LIST_TIMEOUT_S, folder=Path("/"))
        return "sha256" if len(listed.partition("\t")[0]) == 64 else "sha1"

    def _move(self, ref: str, new: str, before: str) -> None:
        """A push may have succeeded though its answer was lost, and may be called stale where the ref could not be locked."""
        for _ in range(TRIES):
            try:
                self._push(ref, new, before)
            except Moved:
                at = self.refs(ref).get(ref, ABSENT)
                if at not in (new, before):
                    raise
                if at == before:
                    continue
            return
        raise Unreachable("push", self._sentence(f"{ref} is where it was, and could not be locked there"))

    def _push(self, ref: str, new: str, before: str) -> None:
        place = self._place(ref)
        try:
            self._push_to(place, ref, new, before)
        except Refused as refusal:
            if refusal.may_pass:
                self._push_to(place, ref, new, before)
            elif ref.startswith(OWN):
                place = self._push_elsewhere(place, ref, new, before, refusal)
            else:
                raise
        else:
            if place.startswith(OWN):
                _refused_at.pop(self.url, None)
        self._seen[ref] = {place: new} | {other: sha for other, sha in self._seen.get(ref, {}).items() if other != place}

    def _push_elsewhere(self, place: str, ref: str, new: str, before: str, refusal: Refused) -> str:
        """Push what one place refused to the other, unless the ref is elsewhere by now. Returns the other. Raises Moved, or the refusal."""
        if self.refs(ref).get(ref, ABSENT) != before:
            raise Moved(ref)
        (elsewhere,) = _places(ref) - {place}
        try:
            self._push_to(elsewhere, ref, new, self._seen[ref].get(elsewhere, ABSENT))
        except Unreachable:
            raise refusal from None
        if place == ref and not self.only_branches:
            now, since = time.monotonic(), _refused_at.get(self.url)
            if since is None:
                _refused_at[self.url] = now
            elif now - since >= APART_S:
                self._set_only_branches(True, ref, why=str(refusal))
        return elsewhere

    def _set_only_branches(self, value: bool, ref: str, **why: str) -> None:
        log.warning("remote.only_branches", url=without_password(self.url), only_branches=value, ref=ref, **why)
        self.only_branches = value
        self.on_only_branches(value)

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
            problem = Refused("push", self._sentence(f"{there}: {' '.join(refused)}"))
            problem.may_pass = bool(
                _PASSING.search(f"{' '.join(refused)} {errors.replace(there, '').replace(self._address, '')}")
            )
            raise problem
        raise Unreachable("push", self._sentence(errors))

    def _place(self, ref: str) -> str:
        return next(iter(self._seen.get(ref, ())), as_branch(ref) if self.only_branches else ref)

    def _at(self, ref: str, sha: str) -> dict[str, str]:
        """All places of a ref that is at this commit, each with what it has."""
        return self._seen.get(ref, {}) | {self._place(ref): sha}

    def _read(self, asked: Sequence[str], name_of: Callable[[str], str], *patterns: str) -> dict[str, str]:
        by_name: dict[str, dict[str, str]] = {name: {} for name in asked}
        for place, sha in self._listed(*patterns).items():
            if name := name_of(place):
                by_name.setdefault(name, {})[place] = sha
        by_name = {name: self._in_order(name, at) for name, at in by_name.items()}
        self._seen |= by_name
        return {name: next(iter(at.values())) for name, at in by_name.items() if at}

    def _in_order(self, ref: str, at: dict[str, str]) -> dict[str, str]:
        """The branch counts where it has the work of the ref: it was written after the ref was refused."""
        if len(at) < 2:
            return at
        branch = as_branch(ref)
        if at[branch] != at[ref]:
            self._run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self._address, *at, timeout_s=FETCH_TIMEOUT_S)
            if not history.contains(self.repo, at[branch], claims.work_of(self.repo, at[ref])):
                return {ref: at[ref], branch: at[branch]}
        return {branch: at[branch], ref: at[ref]}

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


def _places(ref: str) -> set[str]:
    return {ref, as_branch(ref)}


def _basic(url: str) -> str:
    """The header for the password of an HTTP URL, if it has one."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.password:
        return ""
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
    return f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}"
