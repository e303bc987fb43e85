"""Answers of forges, small and in their documented shapes, and a forge that gives them."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestration.forges.shared import transport
from orchestration.forges.shared.interface import Problem
from workspaces.outgoing.posting import Answer

HEAD = "ec26c3e57ca3a959ca5aad62de7213c562f8c821"
MERGED = "6dcb09b5b57875f334f61aebed695e2e4193db5e"

GITHUB_PULL = {
    "id": 279147437,
    "number": 2,
    "state": "open",
    "html_url": "https://github.com/team/shop/pull/2",
    "title": "Count",
    "body": "Do it\n\n<!-- muster-entry: entry_1 -->",
    "head": {"ref": "muster/1-count", "sha": HEAD},
    "base": {"ref": "main", "sha": "0" * 40},
    "merged_at": None,
    "merge_commit_sha": "1" * 40,
    "merged_by": None,
}
GITHUB_USER = {"login": "ana", "type": "User"}
GITHUB_LINE = {
    "id": 284312630,
    "user": GITHUB_USER,
    "author_association": "COLLABORATOR",
    "body": "Name it",
    "path": "src/count.py",
    "line": 3,
    "original_line": 2,
    "side": "RIGHT",
    "updated_at": "2026-05-15T15:20:38Z",
}
GITHUB_REVIEW = {
    "id": 237895671,
    "user": GITHUB_USER,
    "author_association": "MEMBER",
    "state": "CHANGES_REQUESTED",
    "body": "Nearly",
    "submitted_at": "2026-05-15T15:20:00Z",
    "commit_id": HEAD,
}
GITHUB_RUN = {
    "id": 128620228,
    "name": "tests",
    "head_sha": HEAD,
    "html_url": "https://github.com/team/shop/runs/128620228",
    "status": "completed",
    "conclusion": "failure",
    "output": {"title": "1 failed", "summary": None, "text": None},
    "app": {"slug": "github-actions"},
}
GITHUB_STATUS = {"context": "ci/lint", "state": "success", "target_url": "https://ci.example.com/1", "description": "fine"}

GITLAB_PULL = {
    "id": 93,
    "iid": 2,
    "state": "opened",
    "web_url": "https://gitlab.com/team/shop/-/merge_requests/2",
    "description": "<!-- muster-entry: entry_1 -->",
    "source_branch": "muster/1-count",
    "target_branch": "main",
    "sha": HEAD,
    "merge_commit_sha": None,
    "squash_commit_sha": None,
    "merge_user": None,
}
GITLAB_NOTE = {
    "id": 301,
    "body": "Name it",
    "author": {"id": 7, "username": "ana"},
    "system": False,
    "updated_at": "2026-05-15T15:20:38.000Z",
    "type": "DiffNote",
    "resolved": False,
    "position": {"new_path": "src/count.py", "new_line": 3, "old_path": "src/count.py", "old_line": None},
}
GITLAB_JOB = {
    "id": 93,
    "name": "tests",
    "status": "failed",
    "allow_failure": False,
    "target_url": "https://gitlab.com/team/shop/-/jobs/93",
    "description": None,
}

GITEA_PULL = {
    "id": 41,
    "number": 2,
    "state": "open",
    "merged": False,
    "html_url": "https://git.example.com/team/shop/pulls/2",
    "body": "<!-- muster-entry: entry_1 -->",
    "head": {"ref": "muster/1-count", "sha": HEAD},
    "base": {"ref": "main", "sha": "0" * 40},
    "merge_commit_sha": None,
    "merged_by": None,
}
GITEA_REVIEW = {
    "id": 5,
    "user": {"login": "ana"},
    "state": "REQUEST_CHANGES",
    "official": True,
    "stale": False,
    "dismissed": False,
    "body": "Nearly",
    "comments_count": 1,
    "commit_id": HEAD,
    "submitted_at": "2026-05-15T15:20:00Z",
}
GITEA_LINE = {
    "id": 6,
    "user": {"login": "ana"},
    "body": "Name it",
    "path": "src/count.py",
    "position": 3,
    "original_position": 0,
    "resolver": None,
    "updated_at": "2026-05-15T15:20:38Z",
}
GITEA_STATUS = {"id": 2, "context": "ci", "status": "failure", "target_url": "https://ci.example.com/2", "description": "red"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """One forge's answers, and the form of what it is asked, for the tests that every forge passes.

    `pulls`: the end of the list's path. `number`: the key of a pull request's number. `foreign`, `closed`, `merged`: changes of `pull`.
    `second`: the refusal of a second pull request for a branch. `refusals`: of a merge, by status. `comments`: by the end of the path, two on
    line 3 of src/count.py, the first of a writer. `listed`: the query that finds a branch. `address` and `credential`: of pull request 2 of
    team/shop at git.example.com. `signature`: the headers of a webhook, from the body's HMAC-SHA256 and the secret; `event` is in them.
    """

    pull: Row
    second: tuple[int, str]
    comments: Mapping[str, Any]
    listed: str
    address: str
    credential: tuple[str, str]
    signature: Callable[[str, str], dict[str, str]]
    pulls: str = "/pulls"
    number: str = "number"
    foreign: Row = field(default_factory=lambda: {"body": "mine"})
    closed: Row = field(default_factory=lambda: {"state": "closed"})
    merged: Row = field(default_factory=lambda: {"state": "closed", "merged": True, "merge_commit_sha": MERGED})
    merge_method: str = "PUT"
    refusals: Mapping[int, Problem] = field(default_factory=lambda: {409: Problem.MOVED, 405: Problem.PROTECTED_BRANCH})
    event: str = "pull_request"


ANSWERS = {
    "github": Answers(
        GITHUB_PULL,
        second=(422, "Validation Failed"),
        comments={
            "/pulls/2/comments": [GITHUB_LINE, GITHUB_LINE | {"id": 2, "author_association": "NONE"}],
            "/pulls/2/reviews": [GITHUB_REVIEW],
            "/issues/2/comments": [],
        },
        listed="head=team%3Amuster%2F1-count&base=main&state=all",
        address="https://git.example.com/repos/team/shop/pulls/2",
        credential=("Authorization", "Bearer s3cret-token"),
        signature=lambda digest, _: {"x-hub-signature-256": f"sha256={digest}", "x-github-event": "pull_request"},
        merged={"state": "closed", "merged_at": "2026-05-15T15:20:38Z", "merge_commit_sha": MERGED},
    ),
    "gitlab": Answers(
        GITLAB_PULL,
        second=(409, "Another open"),
        comments={
            "/merge_requests/2/notes": [GITLAB_NOTE, GITLAB_NOTE | {"id": 2, "author": {"id": 8, "username": "eve"}}],
            "/members/all/7": {"access_level": 40},
        },
        listed="source_branch=muster%2F1-count&target_branch=main&state=all",
        address="https://git.example.com/api/v4/projects/team%2Fshop/merge_requests/2",
        credential=("PRIVATE-TOKEN", "s3cret-token"),
        signature=lambda _, secret: {"x-gitlab-token": secret, "x-gitlab-event": "Merge Request Hook"},
        pulls="/merge_requests",
        number="iid",
        foreign={"description": "mine"},
        merged={"state": "merged", "merge_commit_sha": MERGED},
        # Its 405 is of the merge request, such as a draft; 401 is of the account.
        refusals={409: Problem.MOVED, 405: Problem.INVALID, 401: Problem.PROTECTED_BRANCH},
        event="Merge Request Hook",
    ),
    "gitea": Answers(
        GITEA_PULL,
        second=(409, "exists"),
        comments={
            "/pulls/2/reviews": [GITEA_REVIEW],
            "/reviews/5/comments": [GITEA_LINE, GITEA_LINE | {"id": 2, "user": {"login": "eve"}}],
            "/collaborators/ana/permission": {"permission": "write"},
            "/issues/2/comments": [],
        },
        listed="state=all",
        address="https://git.example.com/api/v1/repos/team/shop/pulls/2",
        credential=("Authorization", "token s3cret-token"),
        signature=lambda digest, _: {"x-gitea-signature": digest, "x-gitea-event": "pull_request"},
        merge_method="POST",
    ),
}


def answers_of(kind: str) -> Answers:
    assert kind in ANSWERS, f"Add the Answers of the forge {kind!r} to ANSWERS in tests/orchestration/forges/recorded.py"
    return ANSWERS[kind]


def signed(kind: str, body: bytes, secret: str) -> dict[str, str]:
    """The headers with which this forge posts the body."""
    return answers_of(kind).signature(hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(), secret)


class Recorded:
    """Answers by method and the end of the path, without the query. `sent`: what was asked, with the bodies."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[tuple[str, str], Answer] = {}
        self.sent: list[tuple[str, str, dict[str, str], Any]] = []
        monkeypatch.setattr(transport, "_exchange", self._exchange)
        monkeypatch.setattr(transport, "_cache", transport.OrderedDict())

    def on(self, method: str, path: str, content: Any, status: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.answers[(method, path)] = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)

    def paths(self) -> list[str]:
        return [f"{method} {url.split('?')[0]}" for method, url, _, _ in self.sent]

    def _exchange(self, method: str, url: str, headers: dict[str, str], body: bytes, max_bytes: int) -> Answer:
        self.sent.append((method, url, headers, json.loads(body) if body else None))
        path = url.split("?")[0]
        fitting = [key for key in self.answers if key[0] == method and path.endswith(key[1])]
        if not fitting:
            return Answer(404, {}, b'{"message": "Not Found"}')
        answer = self.answers[max(fitting, key=lambda key: len(key[1]))]
        if headers.get("If-None-Match") and headers["If-None-Match"] == answer.headers.get("etag"):
            return Answer(304, {}, b"")
        return answer
