"""The API of GitLab about issues."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from orchestration.forges.gitlab import adapter
from orchestration.forges.gitlab.config import CONFIG
from orchestration.forges.shared.issues import Account, Issue, LabelEvent, Standing, newest
from orchestration.forges.shared.transport import Client
from orchestration.forges.shared.values import at, moment, number, required, text, written


@dataclass(frozen=True)
class Issues:
    """`api`: of the server, above the project."""

    client: Client
    api: Client

    def labelled(self, label: str, since: datetime) -> Iterator[Issue]:
        ordered = {"order_by": "updated_at", "sort": "desc", "updated_after": written(since)}
        rows = self.client.whole("/issues", labels=label, state="opened", **ordered)
        return (issue for issue in map(_issue, rows) if issue.has(label))

    def label_event(self, number: int, label: str, since: datetime) -> LabelEvent | None:
        """All of them: no later part can be asked for alone."""
        rows = self.client.whole(f"/issues/{number}/resource_label_events")
        mine = [row for row in rows if text(row, "label", "name").casefold() == label.casefold()]
        return newest([(text(row, "action") == "add", _event(row)) for row in mine])

    def standing(self, account: Account) -> Standing:
        """Access tokens of projects and groups have accounts of their own, which are bots."""
        if not account.id:
            return "stranger"
        if at(self.api.get(f"/users/{account.id}"), "bot"):
            return "bot"
        return "writer" if adapter.GitLab(self.client).may_write(int(account.id)) else "stranger"

    def own_login(self) -> str:
        return text(self.api.get("/user"), "username")

    def get(self, number: int) -> Issue:
        return _issue(self.client.get(f"/issues/{number}"))

    def has_comment(self, number: int, marker: str, since: datetime) -> bool:
        for row in self.client.pages(f"/issues/{number}/notes", sort="desc", order_by="created_at"):
            if marker in text(row, "body"):
                return True
            if moment(row, "created_at") < since:
                break
        return False

    def comment(self, number: int, text: str) -> None:
        self.client.send("POST", f"/issues/{number}/notes", {"body": text})

    def close(self, number: int) -> None:
        self.client.send("PUT", f"/issues/{number}", {"state_event": "close"})


def tracker(url: str, repository: str, token: str) -> Issues:
    client = adapter.connect(url, repository, token).client
    return Issues(client, replace(client, root=f"{(url or CONFIG.url).rstrip('/')}/api/v4"))


def _issue(row: Any) -> Issue:
    labels = at(row, "labels")
    return Issue(
        id=str(required(row, "id")),
        number=required(row, "iid"),
        url=text(row, "web_url"),
        title=text(row, "title"),
        body=text(row, "description"),
        by=text(row, "author", "username"),
        is_open=text(row, "state") == "opened",
        updated=text(row, "updated_at"),
        labels=frozenset(name for name in labels if isinstance(name, str)) if isinstance(labels, list) else frozenset(),
    )


def _event(row: Any) -> LabelEvent:
    account = Account(str(number(row, "user", "id") or ""), text(row, "user", "username"))
    return LabelEvent(str(required(row, "id")), account, moment(row, "created_at"))
