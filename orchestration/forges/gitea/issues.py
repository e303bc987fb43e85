"""The API of Gitea about issues."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from orchestration.forges.gitea import adapter
from orchestration.forges.shared import values
from orchestration.forges.shared.issues import Account, Issue, LabelEvent, Standing, newest
from orchestration.forges.shared.transport import Client
from orchestration.forges.shared.values import at, moment, number, required, text


@dataclass(frozen=True)
class Issues:
    """`api`: of the server, above the repository."""

    client: Client
    api: Client

    def labelled(self, label: str) -> Sequence[Issue]:
        """For a label that is not there Gitea lists all issues."""
        rows = self.client.pages("/issues", labels=label, state="open", type="issues")
        issues = [values.issue(row) for row in rows if not at(row, "pull_request")]
        return [issue for issue in issues if issue.has(label)]

    def label_event(self, number: int, label: str) -> LabelEvent | None:
        """The body of an event is 1 where the label was added, and empty where it was removed."""
        rows = [row for row in self.client.pages(f"/issues/{number}/timeline") if text(row, "type") == "label"]
        mine = [row for row in rows if text(row, "label", "name").casefold() == label.casefold()]
        return newest([(text(row, "body") == "1", _event(row)) for row in mine])

    def standing(self, account: Account) -> Standing:
        """Gitea has no accounts of programs but its own, which may not write."""
        is_writer = bool(account.login) and adapter.Gitea(self.client).may_write(account.login)
        return "writer" if is_writer else "stranger"

    def own_login(self) -> str:
        return text(self.api.get("/user"), "login")

    def get(self, number: int) -> Issue:
        return values.issue(self.client.get(f"/issues/{number}"))

    def has_comment(self, number: int, marker: str, since: datetime) -> bool:
        rows = self.client.pages(f"/issues/{number}/comments", since=f"{since:%Y-%m-%dT%H:%M:%SZ}")
        return any(marker in text(row, "body") for row in rows)

    def comment(self, number: int, text: str) -> None:
        self.client.send("POST", f"/issues/{number}/comments", {"body": text})

    def close(self, number: int) -> None:
        self.client.send("PATCH", f"/issues/{number}", {"state": "closed"})


def tracker(url: str, repository: str, token: str) -> Issues:
    client = adapter.connect(url, repository, token).client
    return Issues(client, replace(client, root=f"{url.rstrip('/')}/api/v1"))


def _event(row: Any) -> LabelEvent:
    account = Account(str(number(row, "user", "id") or ""), text(row, "user", "login"))
    return LabelEvent(str(required(row, "id")), account, moment(row, "created_at"))
