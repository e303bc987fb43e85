"""The calls about issues that Gitea has as GitHub has them."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.forges.shared import values
from orchestration.forges.shared.issues import Issue
from orchestration.forges.shared.transport import Client


@dataclass(frozen=True)
class GitHubIssues:
    """`api`: of the server, above the repository."""

    client: Client
    api: Client

    def get(self, number: int) -> Issue:
        return values.issue(self.client.get(f"/issues/{number}"))

    def has_comment(self, number: int, marker: str, since: datetime) -> bool:
        rows = self.client.pages(f"/issues/{number}/comments", since=values.written(since))
        return any(marker in values.text(row, "body") for row in rows)

    def comment(self, number: int, text: str) -> None:
        self.client.send("POST", f"/issues/{number}/comments", {"body": text})

    def close(self, number: int) -> None:
        self.client.send("PATCH", f"/issues/{number}", {"state": "closed"})
