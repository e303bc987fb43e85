"""The API of GitHub about issues."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from orchestration.forges.github import adapter
from orchestration.forges.github.config import CONFIG
from orchestration.forges.shared import values
from orchestration.forges.shared.github_issues import GitHubIssues
from orchestration.forges.shared.interface import ForgeError, Problem
from orchestration.forges.shared.issues import Account, Issue, LabelEvent, Standing, newest
from orchestration.forges.shared.values import at, moment, number, required, text, written

WRITERS = ("admin", "write")
"""In this answer the role maintain is write, and triage is read."""


class Issues(GitHubIssues):
    def labelled(self, label: str, since: datetime) -> Iterator[Issue]:
        """A list of issues has pull requests too."""
        rows = self.client.whole("/issues", labels=label, state="open", sort="updated", direction="desc", since=written(since))
        issues = (values.issue(row) for row in rows if not at(row, "pull_request"))
        return (issue for issue in issues if issue.has(label))

    def label_event(self, number: int, label: str, since: datetime) -> LabelEvent | None:
        """The oldest events come first, and no later part can be asked for alone."""
        rows = self.client.whole(f"/issues/{number}/events")
        mine = [row for row in rows if text(row, "label", "name").casefold() == label.casefold()]
        return newest([(text(row, "event") == "labeled", _event(row)) for row in mine if _is_of_labels(row)])

    def standing(self, account: Account) -> Standing:
        """Raises ForgeError where the token may not know it."""
        if account.is_program:
            return "bot"
        try:
            answer = self.client.get(f"/collaborators/{quote(account.login, safe='')}/permission")
        except ForgeError as error:
            if error.problem == Problem.NOT_FOUND:
                return "stranger"
            raise
        return "writer" if text(answer, "permission") in WRITERS else "stranger"

    def own_login(self) -> str:
        """The token of an app is refused: its account is a bot."""
        try:
            return text(self.api.get("/user"), "login")
        except ForgeError as error:
            if error.status == 403 and error.problem == Problem.AUTH:
                return ""
            raise


def tracker(url: str, repository: str, token: str) -> Issues:
    client = adapter.connect(url, repository, token).client
    return Issues(client, replace(client, root=(url or CONFIG.url).rstrip("/")))


def _is_of_labels(row: Any) -> bool:
    return text(row, "event") in ("labeled", "unlabeled")


def _event(row: Any) -> LabelEvent:
    """An app that acts for a person is a program as well."""
    is_program = text(row, "actor", "type") == "Bot" or at(row, "performed_via_github_app") is not None
    account = Account(str(number(row, "actor", "id") or ""), text(row, "actor", "login"), is_program)
    return LabelEvent(str(required(row, "id")), account, moment(row, "created_at"))
