"""The API of GitHub."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestration.forges.github.config import CONFIG
from orchestration.forges.shared.interface import Check, Comment, Draft, ForgeError, Method, Outcome, Problem, PullRequest
from orchestration.forges.shared.transport import Client
from orchestration.forges.shared.values import asks_muster, at, moment, number, pull_request, required, text

WRITERS = ("OWNER", "MEMBER", "COLLABORATOR")
DECIDING = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
_CONCLUSIONS: dict[str, Outcome] = {
    "success": "passed",
    "neutral": "neutral",
    "skipped": "neutral",
    "stale": "neutral",
    "failure": "failed",
    "timed_out": "failed",
    "cancelled": "failed",
    "startup_failure": "failed",
}
_STATUSES: dict[str, Outcome] = {"success": "passed", "failure": "failed", "error": "failed"}


@dataclass(frozen=True)
class GitHub:
    client: Client
    repository: str

    def list_for(self, branch: str, base: str) -> Sequence[PullRequest]:
        owner = self.repository.partition("/")[0]
        rows = self.client.get("/pulls", head=f"{owner}:{branch}", base=base, state="all", per_page=50)
        if not isinstance(rows, list):
            raise ForgeError(Problem.INVALID, "The forge's list of pull requests is no list")
        return sorted(map(_pull_request, rows), key=lambda each: (each.state != "open", -each.number))

    def create(self, draft: Draft) -> PullRequest:
        body = {"title": draft.title, "body": draft.body, "head": draft.branch, "base": draft.base}
        return _pull_request(self.client.send("POST", "/pulls", body))

    def update(self, number: int, *, title: str, body: str) -> PullRequest:
        return _pull_request(self.client.send("PATCH", f"/pulls/{number}", {"title": title, "body": body}))

    def get(self, number: int) -> PullRequest:
        return _pull_request(self.client.get(f"/pulls/{number}"))

    def checks(self, commit: str) -> Sequence[Check]:
        """Check runs, and the older statuses."""
        runs = [_check_run(run) for run in self.client.pages(f"/commits/{commit}/check-runs", "check_runs", filter="latest")]
        statuses = self.client.get(f"/commits/{commit}/status", per_page=100)
        return [*runs, *(_status(row) for row in at(statuses, "statuses") or [])]

    def log(self, check: Check) -> str:
        return self.client.text(f"/actions/jobs/{check.log}/logs") if check.log else ""

    def comments(self, number: int) -> Sequence[Comment]:
        on_lines = [_line_comment(row) for row in self.client.pages(f"/pulls/{number}/comments")]
        reviews = [_review(row) for row in self.client.pages(f"/pulls/{number}/reviews") if text(row, "body")]
        others = [_issue_comment(row) for row in self.client.pages(f"/issues/{number}/comments")]
        return sorted([*on_lines, *reviews, *others], key=lambda each: each.at)

    def is_approved(self, number: int, *, head: str, since: datetime) -> bool:
        """By the newest decision of each person. A request for changes holds until it is taken back; an approval holds for its commit."""
        decisions: dict[str, str] = {}
        for row in self.client.pages(f"/pulls/{number}/reviews"):
            if text(row, "state") in DECIDING and _is_trusted(row):
                is_old = text(row, "state") == "APPROVED" and text(row, "commit_id") != head
                decisions[text(row, "user", "login")] = "" if is_old else text(row, "state")
        return "APPROVED" in decisions.values() and "CHANGES_REQUESTED" not in decisions.values()

    def merge(self, number: int, *, head: str, method: Method) -> None:
        try:
            self.client.send("PUT", f"/pulls/{number}/merge", {"sha": head, "merge_method": method})
        except ForgeError as error:
            raise error.by_status({409: Problem.MOVED}) from None


def connect(url: str, repository: str, token: str) -> GitHub:
    headers = {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": "2022-11-28"}
    return GitHub(Client(f"{(url or CONFIG.url).rstrip('/')}/repos/{repository}", headers), repository)


def _pull_request(row: Any) -> PullRequest:
    return pull_request(row, is_merged=text(row, "state") == "closed" and bool(text(row, "merged_at")))


def _check_run(row: Any) -> Check:
    """The id of a check run of GitHub Actions is its job's."""
    outcome: Outcome = "pending"
    if text(row, "status") == "completed":
        outcome = _CONCLUSIONS.get(text(row, "conclusion"), "pending")  # action_required: a person must act there
    parts = [text(row, "output", "title"), text(row, "output", "summary"), text(row, "output", "text")]
    is_action = text(row, "app", "slug") == "github-actions"
    return Check(
        name=text(row, "name"),
        outcome=outcome,
        url=text(row, "html_url"),
        detail="\n".join(part for part in parts if part),
        log=str(number(row, "id") or "") if is_action else "",
    )


def _status(row: Any) -> Check:
    outcome = _STATUSES.get(text(row, "state"), "pending")
    return Check(name=text(row, "context"), outcome=outcome, url=text(row, "target_url"), detail=text(row, "description"))


def _line_comment(row: Any) -> Comment:
    """Once the line is outdated, only the original one is there."""
    return Comment(
        id=f"line-{required(row, 'id')}",
        by=text(row, "user", "login"),
        text=text(row, "body"),
        at=moment(row, "updated_at"),
        path=text(row, "path"),
        line=number(row, "line") or number(row, "original_line"),
        is_old_side=text(row, "side") == "LEFT",
        is_trusted=_is_trusted(row),
        asks=True,
    )


def _review(row: Any) -> Comment:
    asks = text(row, "state") == "CHANGES_REQUESTED" or asks_muster(text(row, "body"))
    return _comment(row, f"review-{required(row, 'id')}", "submitted_at", asks=asks)


def _issue_comment(row: Any) -> Comment:
    return _comment(row, f"comment-{required(row, 'id')}", "updated_at", asks=asks_muster(text(row, "body")))


def _comment(row: Any, name: str, time: str, *, asks: bool) -> Comment:
    return Comment(
        id=name,
        by=text(row, "user", "login"),
        text=text(row, "body"),
        at=moment(row, time),
        is_trusted=_is_trusted(row),
        asks=asks,
    )


def _is_trusted(row: Any) -> bool:
    return text(row, "author_association") in WRITERS and text(row, "user", "type") != "Bot"
