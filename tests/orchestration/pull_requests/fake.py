"""A forge in memory, as the adapters show one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from orchestration.forges.shared.interface import Check, Comment, Draft, ForgeError, Method, Problem, PullRequest


@dataclass
class FakeForge:
    """`error`: raised by the next call. `calls`: what was asked, by name."""

    pulls: dict[int, PullRequest] = field(default_factory=dict)
    ci: list[Check] = field(default_factory=list)
    notes: list[Comment] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    approved: bool = False
    head: str = ""
    error: ForgeError | None = None
    calls: list[str] = field(default_factory=list)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def list_for(self, branch: str, base: str) -> Sequence[PullRequest]:
        self._call("list_for")
        return [pull for pull in self.pulls.values() if (pull.branch, pull.base) == (branch, base)]

    def create(self, draft: Draft) -> PullRequest:
        self._call("create")
        number = len(self.pulls) + 1
        pull = PullRequest(f"id-{number}", number, f"https://x/{number}", draft.branch, draft.base, self.head, "open", draft.body)
        self.pulls[number] = pull
        return pull

    def update(self, number: int, *, title: str, body: str) -> PullRequest:
        self._call("update")
        self.pulls[number] = replace(self.pulls[number], body=body)
        return self.pulls[number]

    def get(self, number: int) -> PullRequest:
        self._call("get")
        if number not in self.pulls:
            raise ForgeError(Problem.NOT_FOUND, "The forge answered 404: Not Found")
        return self.pulls[number]

    def checks(self, commit: str) -> Sequence[Check]:
        self._call("checks")
        return self.ci

    def log(self, check: Check) -> str:
        self._call("log")
        return self.logs.get(check.log, "")

    def comments(self, number: int) -> Sequence[Comment]:
        self._call("comments")
        return self.notes

    def is_approved(self, number: int, *, head: str, since: datetime) -> bool:
        self._call("is_approved")
        return self.approved

    def merge(self, number: int, *, head: str, method: Method) -> None:
        self._call("merge")
        if self.pulls[number].head != head:
            raise ForgeError(Problem.MOVED, "The forge answered 409: Head branch was modified")
        self.change(number, state="merged", merge_commit="f" * 40, ended_by="muster-bot")

    def change(self, number: int = 1, **values: str) -> None:
        self.pulls[number] = replace(self.pulls[number], **values)  # type: ignore[arg-type]
