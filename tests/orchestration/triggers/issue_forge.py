"""A forge with issues in memory, which answers as GitHub, GitLab or Gitea does: what happened there is one, its form is each forge's own."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from orchestration.forges.shared.interface import ForgeError, Problem
from workspaces.outgoing.posting import Answer

OWN = "muster-account"
ROOTS = {
    "github": ("https://git.example.com", "/repos/team/shop"),
    "gitlab": ("https://git.example.com/api/v4", "/projects/team%2Fshop"),
    "gitea": ("https://git.example.com/api/v1", "/repos/team/shop"),
}
IDS = {"ana": 7, "eve": 8, "helper": 9, "codex": 10, OWN: 11}
BOTS = ("helper",)


@dataclass
class Issue:
    number: int
    title: str
    body: str
    labels: set[str] = field(default_factory=set)
    events: list[dict[str, Any]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    is_open: bool = True
    updated: str = ""


def is_since(at: str, query: dict[str, list[str]]) -> bool:
    """True if the query asks for no later time alone. Empty: now."""
    asked = query.get("since") or query.get("updated_after")
    return not (asked and at) or datetime.fromisoformat(at) >= datetime.fromisoformat(asked[0])


@dataclass
class IssueForge:
    """`permissions`: by login; None: the forge does not say. `after_comment`: happens between a comment and its answer. `away`: nothing is answered."""

    kind: str
    issues: dict[int, Issue] = field(default_factory=dict)
    permissions: dict[str, bool | None] = field(default_factory=lambda: {"ana": True, "helper": True, "codex": True, OWN: True})
    after_comment: Callable[[], None] | None = None
    away: bool = False
    asked: list[str] = field(default_factory=list)
    unchanged: int = 0
    last_event: int = 100
    first_id: int = 9000
    name: str = "shop"

    def add(self, title: str = "Totals are wrong", body: str = "They miss the tax.") -> int:
        number = len(self.issues) + 1
        self.issues[number] = Issue(number, title, body)
        return number

    def label(self, number: int, name: str = "muster", *, by: str = "ana", removed: bool = False, **more: Any) -> None:
        issue = self.issues[number]
        (issue.labels.discard if removed else issue.labels.add)(name)
        self.last_event += 1
        issue.updated = more.get("at", datetime.now(UTC).isoformat())
        issue.events.append({"id": self.last_event, "name": name, "by": by, "removed": removed, **more})

    def edit(self, number: int, **values: str) -> None:
        for name, value in values.items():
            setattr(self.issues[number], name, value)
        self.issues[number].updated = datetime.now(UTC).isoformat()

    def exchange(self, method: str, url: str, headers: dict[str, str], body: bytes, max_bytes: int) -> Answer:
        """In place of the transport's."""
        if self.away:
            raise ForgeError(Problem.UNREACHABLE, "The forge does not answer")
        above, root = ROOTS[self.kind]
        address = urlsplit(url.removeprefix(above))
        path = address.path.removeprefix(root.replace("shop", self.name))
        self.asked.append(f"{method} {path}")
        if method == "GET":
            status, content = self._read(unquote(path), parse_qs(address.query))
        else:
            status, content = self._write(path, json.loads(body))
        text = json.dumps(content).encode()
        etag = f'"{hash(text)}"'
        if status == 200 and headers.get("If-None-Match") == etag:
            self.unchanged += 1
            return Answer(304, {}, b"")
        return Answer(status, {"etag": etag}, text)

    def _read(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path == "/user":
            return 200, self._account(OWN)
        if path == "/issues":
            return 200, self._page([self._issue(each) for each in self.issues.values() if self._is_listed(each, query)], query)
        if user := re.fullmatch(r"/users/(\d+)", path):
            login = next(name for name, id_ in IDS.items() if id_ == int(user[1]))
            return 200, self._account(login) | {"bot": login in BOTS}
        if member := re.fullmatch(r"/(?:members/all|collaborators)/([\w-]+)(?:/permission)?", path):
            return self._permission(next((name for name, id_ in IDS.items() if str(id_) == member[1]), member[1]))
        if single := re.fullmatch(r"/issues/(\d+)(?:/(\w+))?", path):
            return self._read_one(self.issues[int(single[1])], single[2] or "", query)
        return 404, {"message": "Not Found"}

    def _read_one(self, issue: Issue, part: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if not part:
            return 200, self._issue(issue)
        if part in ("comments", "notes"):
            now = datetime.now(UTC).isoformat()
            return 200, self._page([{"id": n, "body": text, "created_at": now} for n, text in enumerate(issue.comments)], query)
        if part == {"github": "events", "gitlab": "resource_label_events", "gitea": "timeline"}[self.kind]:
            return 200, self._page([self._event(event) for event in issue.events if is_since(event.get("at", ""), query)], query)
        return 404, {"message": "Not Found"}

    def _write(self, path: str, order: dict[str, Any]) -> tuple[int, Any]:
        issue = self.issues[int(path.split("/")[2])]
        if path.endswith(("/comments", "/notes")):
            issue.comments.append(order["body"])
            happens, self.after_comment = self.after_comment, None
            if happens:
                happens()
            return 201, {"id": len(issue.comments)}
        assert order in ({"state": "closed"}, {"state_event": "close"})
        issue.is_open = False
        return 200, self._issue(issue)

    def _permission(self, login: str) -> tuple[int, Any]:
        may = self.permissions.get(login, False)
        if may is None:
            return 403, {"message": "Must have admin rights"}
        if self.kind == "gitlab":
            return (200, {"access_level": 30}) if may else (404, {"message": "404 Not found"})
        return 200, {"permission": "write" if may else "read"}

    def _is_listed(self, issue: Issue, query: dict[str, list[str]]) -> bool:
        """Gitea lists all for a label that is on none."""
        is_known = any(query["labels"][0] in each.labels for each in self.issues.values())
        if not is_since(issue.updated, query):
            return False
        return issue.is_open and (query["labels"][0] in issue.labels or (self.kind == "gitea" and not is_known))

    def _page(self, rows: list[Any], query: dict[str, list[str]]) -> list[Any]:
        most = min(int(query.get("limit", query.get("per_page", ["30"]))[0]), 50 if self.kind == "gitea" else 100)
        page = int(query["page"][0]) - 1
        return rows[page * most : (page + 1) * most]

    def _account(self, login: str) -> dict[str, Any]:
        return {"id": IDS[login], "login": login, "username": login, "type": "Bot" if login in BOTS else "User"}

    def _issue(self, issue: Issue) -> dict[str, Any]:
        ids = {"id": self.first_id + issue.number, "title": issue.title, "updated_at": issue.updated}
        address = f"https://git.example.com/team/shop/issues/{issue.number}"
        if self.kind == "gitlab":
            about = {"iid": issue.number, "web_url": address, "description": issue.body, "author": self._account("eve")}
            return ids | about | {"state": "opened" if issue.is_open else "closed", "labels": sorted(issue.labels)}
        about = {"number": issue.number, "html_url": address, "body": issue.body, "user": self._account("eve")}
        labels = [{"id": 1, "name": name} for name in sorted(issue.labels)]
        return ids | about | {"state": "open" if issue.is_open else "closed", "labels": labels}

    def _event(self, event: dict[str, Any]) -> dict[str, Any]:
        row = {"id": event["id"], "created_at": event.get("at", datetime.now(UTC).isoformat()), "label": {"name": event["name"]}}
        by = self._account(event["by"])
        match self.kind:
            case "github":
                row |= {"event": "unlabeled" if event["removed"] else "labeled", "actor": by}
                return row | {"performed_via_github_app": event.get("app")}
            case "gitlab":
                return row | {"action": "remove" if event["removed"] else "add", "user": by}
            case _:
                return row | {"type": "label", "body": "" if event["removed"] else "1", "user": by}
