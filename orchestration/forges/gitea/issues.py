"""The API of Gitea about issues."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from orchestration.forges.gitea import adapter
from orchestration.forges.shared import values
from orchestration.forges.shared.github_issues import GitHubIssues
from orchestration.forges.shared.issues import Account, Issue, LabelEvent, Standing, newest
from orchestration.forges.shared.values import at, moment, number, required, text, written


class Issues(GitHubIssues):
    def labelled(self, label: str, since: datetime) -> Iterator[Issue]:
        """For a label that is not there Gitea lists all issues."""
        rows = self.client.whole("/issues", labels=label, state="open", type="issues", since=written(since))
        issues = (values.issue(row) for row in rows if not at(row, "pull_request"))
        return (issue for issue in issues if issue.has(label))

    def label_event(self, number: int, label: str, since: datetime) -> LabelEvent | None:
        """The body of an event is 1 where the label was added, and empty where it was removed."""
        timeline = self.client.whole(f"/issues/{number}/timeline", since=written(since))
        rows = [row for row in timeline if text(row, "type") == "label"]
        mine = [row for row in rows if text(row, "label", "name").casefold() == label.casefold()]
        return newest([(text(row, "body") == "1", _event(row)) for row in mine])

    def standing(self, account: Account) -> Standing:
        """Gitea has no accounts of programs but its own, which may not write."""
        is_writer = bool(account.login) and adapter.Gitea(self.client).may_write(account.login)
        return "writer" if is_writer else "stranger"

    def own_login(self) -> str:
        return text(self.api.get("/user"), "login")


def tracker(url: str, repository: str, token: str) -> Issues:
    client = adapter.connect(url, repository, token).client
    return Issues(client, replace(client, root=f"{url.rstrip('/')}/api/v1"))


def _event(row: Any) -> LabelEvent:
    account = Account(str(number(row, "user", "id") or ""), text(row, "user", "login"))
    return LabelEvent(str(required(row, "id")), account, moment(row, "created_at"))
