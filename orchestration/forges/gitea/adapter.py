"""The API of Gitea."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from orchestration.forges.shared.interface import Check, Comment, Draft, ForgeError, Method, Outcome, Problem, PullRequest
from orchestration.forges.shared.transport import Client
from orchestration.forges.shared.values import asks_muster, at, moment, number, pull_request, required, text

PAGE = 50
"""Gitea gives no more, unless its MAX_RESPONSE_ITEMS was changed."""
WRITERS = ("write", "admin", "owner")
DECIDING = ("APPROVED", "REQUEST_CHANGES")
_OUTCOMES: dict[str, Outcome] = {
    "success": "passed",
    "failure": "failed",
    "error": "failed",
    "warning": "neutral",
    "skipped": "neutral",
}


@dataclass(frozen=True)
class Gitea:
    client: Client

    def list_for(self, branch: str, base: str) -> Sequence[PullRequest]:
        """It has no filter for branches: the newest ones are read."""
        rows = map(_pull_request, self.client.pages("/pulls", state="all", sort="recentupdate"))
        ours = [each for each in rows if (each.branch, each.base) == (branch, base)]
        return sorted(ours, key=lambda each: (each.state != "open", -each.number))

    def create(self, draft: Draft) -> PullRequest:
        body = {"title": draft.title, "body": draft.body, "head": draft.branch, "base": draft.base}
        try:
            return _pull_request(self.client.send("POST", "/pulls", body))
        except ForgeError as error:
            raise error.by_status({409: Problem.EXISTS}) from None

    def update(self, number: int, *, title: str, body: str) -> PullRequest:
        return _pull_request(self.client.send("PATCH", f"/pulls/{number}", {"title": title, "body": body}))

    def get(self, number: int) -> PullRequest:
        return _pull_request(self.client.get(f"/pulls/{number}"))

    def checks(self, commit: str) -> Sequence[Check]:
        """The newest status of each name."""
        rows = self.client.pages(f"/commits/{commit}/statuses", sort="recentupdate")
        newest: dict[str, Any] = {}
        for row in sorted(rows, key=lambda row: number(row, "id") or 0):
            newest[text(row, "context")] = row
        return [_check(row) for row in newest.values()]

    def log(self, check: Check) -> str:
        """A status does not name its job."""
        return ""

    def comments(self, number: int) -> Sequence[Comment]:
        rows = [_comment(row, "comment", asks=False) for row in self.client.pages(f"/issues/{number}/comments")]
        for review in self.client.pages(f"/pulls/{number}/reviews"):
            if text(review, "body"):
                rows.append(_comment(review, "review", asks=text(review, "state") == "REQUEST_CHANGES"))
            if at(review, "comments_count"):
                path = f"/pulls/{number}/reviews/{required(review, 'id')}/comments"
                rows += [_line_comment(row) for row in self.client.get(path) or [] if not at(row, "resolver")]
        writers = {author: self.may_write(author) for author in {row.by for row in rows} if author}
        return sorted((replace(row, is_trusted=writers.get(row.by, False)) for row in rows), key=lambda each: each.at)

    def is_approved(self, number: int, *, head: str, since: datetime) -> bool:
        """By the newest decision of each person that still counts."""
        decisions: dict[str, str] = {}
        for row in self.client.pages(f"/pulls/{number}/reviews"):
            if text(row, "state") in DECIDING and at(row, "official") and not at(row, "dismissed"):
                is_old = text(row, "state") == "APPROVED" and text(row, "commit_id") != head
                decisions[text(row, "user", "login")] = "" if is_old else text(row, "state")
        return "APPROVED" in decisions.values() and "REQUEST_CHANGES" not in decisions.values()

    def merge(self, number: int, *, head: str, method: Method) -> None:
        try:
            self.client.send("POST", f"/pulls/{number}/merge", {"Do": method, "head_commit_id": head})
        except ForgeError as error:
            raise error.by_status({409: Problem.MOVED}) from None

    def may_write(self, login: str) -> bool:
        try:
            answer = self.client.get(f"/collaborators/{quote(login, safe='')}/permission")
        except ForgeError as error:
            if error.problem == Problem.NOT_FOUND:
                return False
            raise
        return text(answer, "permission") in WRITERS


def connect(url: str, repository: str, token: str) -> Gitea:
    root = f"{url.rstrip('/')}/api/v1/repos/{repository}"
    return Gitea(Client(root, {"Authorization": f"token {token}"}, page_size_name="limit", page_size=PAGE))


def _pull_request(row: Any) -> PullRequest:
    return pull_request(row, is_merged=bool(at(row, "merged")))


def _check(row: Any) -> Check:
    outcome = _OUTCOMES.get(text(row, "status"), "pending")
    return Check(name=text(row, "context"), outcome=outcome, url=text(row, "target_url"), detail=text(row, "description"))


def _line_comment(row: Any) -> Comment:
    """`position` is the line after the change, `original_position` the one before: 0 where there is none."""
    new, old = number(row, "position"), number(row, "original_position")
    comment = _comment(row, "line", asks=True)
    return replace(comment, path=text(row, "path"), line=new or old or None, is_old_side=not new and bool(old))


def _comment(row: Any, kind: str, *, asks: bool) -> Comment:
    return Comment(
        id=f"{kind}-{required(row, 'id')}",
        by=text(row, "user", "login"),
        text=text(row, "body"),
        at=moment(row, "submitted_at" if kind == "review" else "updated_at"),
        asks=asks or asks_muster(text(row, "body")),
    )
