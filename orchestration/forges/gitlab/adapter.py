"""The API of GitLab."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from orchestration.forges.gitlab.config import CONFIG
from orchestration.forges.shared.interface import Check, Comment, Draft, ForgeError, Method, Outcome, Problem, PullRequest, State
from orchestration.forges.shared.transport import Client
from orchestration.forges.shared.values import asks_muster, at, moment, number, required, text

DEVELOPER = 30
"""The access level from which on a member may write to the repository."""
_STATES: dict[str, State] = {"opened": "open", "locked": "open", "merged": "merged", "closed": "closed"}
_OUTCOMES: dict[str, Outcome] = {"success": "passed", "failed": "failed", "canceled": "failed", "skipped": "neutral"}


# 401: this account may not merge. 405: nobody may yet, such as a draft, or one with open threads.
_REFUSED_MERGES = {401: Problem.PROTECTED_BRANCH, 405: Problem.INVALID, 409: Problem.MOVED}


@dataclass(frozen=True)
class GitLab:
    client: Client

    def list_for(self, branch: str, base: str) -> Sequence[PullRequest]:
        rows = self.client.get("/merge_requests", source_branch=branch, target_branch=base, state="all", per_page=50)
        if not isinstance(rows, list):
            raise ForgeError(Problem.INVALID, "The forge's list of merge requests is no list")
        return sorted(map(_pull_request, rows), key=lambda each: (each.state != "open", -each.number))

    def create(self, draft: Draft) -> PullRequest:
        body = {
            "title": draft.title,
            "description": draft.body,
            "source_branch": draft.branch,
            "target_branch": draft.base,
        }
        try:
            return _pull_request(self.client.send("POST", "/merge_requests", body))
        except ForgeError as error:
            raise error.by_status({409: Problem.EXISTS}) from None

    def update(self, number: int, *, title: str, body: str) -> PullRequest:
        return _pull_request(self.client.send("PUT", f"/merge_requests/{number}", {"title": title, "description": body}))

    def get(self, number: int) -> PullRequest:
        return _pull_request(self.client.get(f"/merge_requests/{number}"))

    def checks(self, commit: str) -> Sequence[Check]:
        """Jobs, and what others report of a commit. A job that may fail says nothing when it does."""
        return [_check(row) for row in self.client.pages(f"/repository/commits/{commit}/statuses")]

    def log(self, check: Check) -> str:
        """Only jobs of GitLab's own CI have one."""
        try:
            return self.client.text(f"/jobs/{check.log}/trace") if check.log else ""
        except ForgeError as error:
            if error.problem == Problem.NOT_FOUND:
                return ""
            raise

    def comments(self, number: int) -> Sequence[Comment]:
        notes = self.client.pages(f"/merge_requests/{number}/notes", sort="asc", order_by="created_at")
        by_people = [row for row in notes if not at(row, "system") and not at(row, "resolved")]
        writers = {author: self.may_write(author) for author in {_author(row) for row in by_people} if author}
        return [replace(_comment(row), is_trusted=writers.get(_author(row), False)) for row in by_people]

    def is_approved(self, number: int, *, head: str, since: datetime) -> bool:
        """True if there are as many approvals as the project's rules ask for, and one is newer than the push: none names its commit. Where
        a GitLab is too old to give their time, the project must remove them when commits are added, as it does unless it was changed."""
        answer = self.client.get(f"/merge_requests/{number}/approvals")
        given = at(answer, "approved_by")
        newer = [row for row in given if moment(row, "approved_at") >= since] if isinstance(given, list) else []
        return bool(at(answer, "approved")) and bool(newer)

    def merge(self, number: int, *, head: str, method: Method) -> None:
        """The project's setting there decides whether a merge is a rebase."""
        try:
            self.client.send("PUT", f"/merge_requests/{number}/merge", {"sha": head, "squash": method == "squash"})
        except ForgeError as error:
            raise error.by_status(_REFUSED_MERGES) from None

    def may_write(self, user_id: int) -> bool:
        try:
            member = self.client.get(f"/members/all/{user_id}")
        except ForgeError as error:
            if error.problem == Problem.NOT_FOUND:
                return False
            raise
        return (number(member, "access_level") or 0) >= DEVELOPER


def connect(url: str, repository: str, token: str) -> GitLab:
    root = f"{(url or CONFIG.url).rstrip('/')}/api/v4/projects/{quote(repository, safe='')}"
    return GitLab(Client(root, {"PRIVATE-TOKEN": token}))


def _pull_request(row: Any) -> PullRequest:
    """A merge by fast-forward has neither a merge commit nor a squashed one: its head is on the base."""
    state = _STATES.get(text(row, "state"), "open")
    merged = text(row, "merge_commit_sha") or text(row, "squash_commit_sha") or text(row, "sha")
    return PullRequest(
        id=str(required(row, "id")),
        number=required(row, "iid"),
        url=text(row, "web_url"),
        branch=text(row, "source_branch"),
        base=text(row, "target_branch"),
        head=text(row, "sha"),
        state=state,
        body=text(row, "description"),
        merge_commit=merged if state == "merged" else "",
        ended_by=text(row, "merge_user", "username") or text(row, "closed_by", "username"),
    )


def _check(row: Any) -> Check:
    outcome = _OUTCOMES.get(text(row, "status"), "pending")
    if text(row, "status") == "manual" or (outcome == "failed" and at(row, "allow_failure")):
        outcome = "neutral"
    return Check(
        name=text(row, "name"),
        outcome=outcome,
        url=text(row, "target_url"),
        detail=text(row, "description"),
        log=str(number(row, "id") or ""),
    )


def _author(row: Any) -> int:
    return number(row, "author", "id") or 0


def _comment(row: Any) -> Comment:
    """`new_line` is missing where the line is gone."""
    new, old = number(row, "position", "new_line"), number(row, "position", "old_line")
    path = text(row, "position", "new_path") or text(row, "position", "old_path")
    return Comment(
        id=f"note-{required(row, 'id')}",
        by=text(row, "author", "username"),
        text=text(row, "body"),
        at=moment(row, "updated_at"),
        path=path,
        line=(new or old) if path else None,
        is_old_side=bool(path) and new is None and old is not None,
        asks=bool(path) or asks_muster(text(row, "body")),
    )
