"""The shape of a forge's package, and the values that all forges have in common. An adapter translates; it decides nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from orchestration.forges.shared.issues import Tracker
from orchestration.forges.shared.webhooks import Webhook
from workspaces.secrets.masking import foreign

State = Literal["open", "merged", "closed"]
Outcome = Literal["pending", "passed", "failed", "neutral"]
Method = Literal["merge", "squash", "rebase"]


class Problem(StrEnum):
    """The reasons why a forge does not do what Muster requests."""

    AUTH = "auth"
    PROTECTED_BRANCH = "protected_branch"
    EXISTS = "exists"
    RATE_LIMITED = "rate_limited"
    NOT_FOUND = "not_found"
    INVALID = "invalid"
    MOVED = "moved"
    UNREACHABLE = "unreachable"
    TOO_MANY = "too_many"


ADVICE = {
    Problem.AUTH: "Give the workspace a secret FORGE_TOKEN that may read and write pull requests of this repository",
    Problem.PROTECTED_BRANCH: "Allow the account of FORGE_TOKEN to merge there, or let a person merge",
    Problem.EXISTS: "Close the other pull request of this branch, or let it be merged",
    Problem.RATE_LIMITED: "Muster asks again once the forge allows it; a token of its own has a limit of its own",
    Problem.NOT_FOUND: "Look at forge.url and forge.repository in the config, and whether FORGE_TOKEN may see the repository",
    Problem.INVALID: "Look at the branch and at the pull request there",
    Problem.MOVED: "Muster looks at the new commits first",
    Problem.UNREACHABLE: "Look at forge.url in the config, and at the network of the host with the control worker",
    Problem.TOO_MANY: "Muster reads no more of them: close issues that are done, or remove their label",
}


class ForgeError(Exception):
    """A forge refused, or did not answer. `until`: when it may be asked again, if the forge says so. `status`: of its answer, or 0."""

    def __init__(self, problem: Problem, detail: str, *, until: datetime | None = None, status: int = 0) -> None:
        self.problem = problem
        self.detail = foreign(detail.strip())
        self.until = until
        self.status = status
        super().__init__(problem, self.detail)

    def by_status(self, problems: Mapping[int, Problem]) -> "ForgeError":
        """The same refusal, named by its status: at some addresses a status means something of its own."""
        return ForgeError(problems[self.status], self.detail, status=self.status) if self.status in problems else self

    def __str__(self) -> str:
        return f"{self.detail[:300].rstrip('.')}. {ADVICE[self.problem]}"


@dataclass(frozen=True, slots=True)
class Draft:
    """A pull request that is to be opened."""

    branch: str
    base: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class PullRequest:
    """`id`: the forge's own, which never changes. `merge_commit`: of a merged one, the commit on its base that has the work."""

    id: str
    number: int
    url: str
    branch: str
    base: str
    head: str
    state: State
    body: str = ""
    merge_commit: str = ""
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """CI's outcome for one commit. `log`: the adapter's name of its log; empty: it has none. `detail`: the forge's own words."""

    name: str
    outcome: Outcome
    url: str = ""
    detail: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """`is_trusted`: its author belongs to the repository, and is no bot. `asks`: it is meant to be answered by a change: on a line, in a review that
    requests changes, or addressed to Muster. `is_old_side`: the line is counted before the change."""

    id: str
    by: str
    text: str
    at: datetime
    path: str = ""
    line: int | None = None
    is_old_side: bool = False
    is_trusted: bool = False
    asks: bool = False


class Forge(Protocol):
    """One repository of a forge. Every method raises ForgeError."""

    def list_for(self, branch: str, base: str) -> Sequence[PullRequest]:
        """The pull requests of this branch, open ones first, then newest first."""
        ...

    def create(self, draft: Draft) -> PullRequest: ...

    def update(self, number: int, *, title: str, body: str) -> PullRequest: ...

    def get(self, number: int) -> PullRequest: ...

    def checks(self, commit: str) -> Sequence[Check]: ...

    def log(self, check: Check) -> str:
        """All that the forge gives of a check's log; empty where there is none."""
        ...

    def comments(self, number: int) -> Sequence[Comment]: ...

    def is_approved(self, number: int, *, head: str, since: datetime) -> bool:
        """True if a person of the repository approved this head, and nobody requests changes. `since`: when it was pushed, for a forge that
        does not name the commit that was approved."""
        ...

    def merge(self, number: int, *, head: str, method: Method) -> None:
        """Merge exactly this head."""
        ...


@dataclass(frozen=True, slots=True)
class ForgeConfig:
    """`url`: of the public server; empty: the config must name one. `repository`: the form of its path; empty: any depth. `hosts`: a regular expression
    of hosts that are known to be this forge, `compare_path`: where their pages compare branches; empty: unknown."""

    title: str
    url: str = ""
    repository: str = "OWNER/NAME"
    hosts: str = ""
    compare_path: str = ""

    def problem(self, kind: str, url: str, repository: str) -> str:
        """The reason why the config is invalid; empty: it is valid."""
        if not (url or self.url):
            return f"{kind} needs a url: the address of your server"
        if self.repository and repository.count("/") != self.repository.count("/"):
            return f"repository must be {self.repository}"
        return ""


class Kind(Protocol):
    """The shape of a forge's package."""

    CONFIG: ForgeConfig
    WEBHOOK: Webhook

    def connect(self, url: str, repository: str, token: str) -> Forge: ...

    def tracker(self, url: str, repository: str, token: str) -> Tracker: ...


def find_or_create(forge: Forge, draft: Draft, marker: str, *, earlier: Collection[str] = ()) -> PullRequest:
    """The open pull request of this branch that has the marker, updated, or a new one. One that was merged is found too: a process may have
    ended between the creation and its note. `earlier`: ids of those that ended before this work. Raises ForgeError, `exists` for a pull
    request that somebody else opened."""
    known = forge.list_for(draft.branch, draft.base)
    ours = [each for each in known if marker in each.body and each.state != "closed" and each.id not in earlier]
    if ours:
        return ours[0] if ours[0].state == "merged" else forge.update(ours[0].number, title=draft.title, body=draft.body)
    if others := [each for each in known if each.state == "open"]:
        raise ForgeError(Problem.EXISTS, f"{others[0].url} is open for {draft.branch}, and Muster did not open it")
    return forge.create(draft)
