"""Comments of each forge, whole: what was edited counts from its last change, so that a person who still writes is waited for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestration.forges import KINDS
from orchestration.forges.shared.interface import Comment, Forge, ForgeError
from tests.orchestration.forges.recorded import GITEA_LINE, GITEA_REVIEW, GITHUB_LINE, GITHUB_REVIEW, GITLAB_NOTE, HEAD, Recorded

BEGUN = "2026-05-15T15:00:00Z"
EDITED = datetime(2026, 5, 15, 15, 20, 38, tzinfo=UTC)
SENT = datetime(2026, 5, 15, 15, 20, tzinfo=UTC)
LATER = datetime(2026, 5, 15, 16, tzinfo=UTC)
TIMES = {"created_at": BEGUN, "submitted_at": BEGUN}
PLAIN: dict[str, Any] = {"id": 1, "body": "/muster Rename it", "created_at": BEGUN, "updated_at": "2026-05-15T16:00:00Z"}


def forge_of(kind: str) -> Forge:
    return KINDS[kind].connect("https://git.example.com", "team/shop", "s3cret-token")


def test_comments_of_github_are_whole(recorded: Recorded) -> None:
    person = {"user": {"login": "bob", "type": "User"}, "author_association": "OWNER"}
    recorded.on("GET", "/pulls/2/comments", [GITHUB_LINE | TIMES])
    recorded.on("GET", "/pulls/2/reviews", [GITHUB_REVIEW | {"updated_at": BEGUN, "body": "Good", "state": "APPROVED"}])
    recorded.on("GET", "/issues/2/comments", [PLAIN | person])
    assert forge_of("github").comments(2) == [
        Comment("review-237895671", "ana", "Good", SENT, is_trusted=True),
        Comment("line-284312630", "ana", "Name it", EDITED, "src/count.py", 3, is_trusted=True, asks=True),
        Comment("comment-1", "bob", "/muster Rename it", LATER, is_trusted=True, asks=True),
    ]


def test_notes_of_gitlab_are_whole(recorded: Recorded) -> None:
    member = {"author": {"id": 8, "username": "eve"}, "position": None, "type": None}
    recorded.on("GET", "/merge_requests/2/notes", [GITLAB_NOTE | TIMES, GITLAB_NOTE | PLAIN | member])
    recorded.on("GET", "/members/all/7", {"access_level": 30})
    recorded.on("GET", "/members/all/8", {"access_level": 20})
    assert forge_of("gitlab").comments(2) == [
        Comment("note-301", "ana", "Name it", EDITED, "src/count.py", 3, is_trusted=True, asks=True),
        Comment("note-1", "eve", "/muster Rename it", LATER, is_trusted=False, asks=True),
    ]


def test_comments_of_gitea_are_whole(recorded: Recorded) -> None:
    """A person's name may have any characters; one without a permission is a stranger."""
    recorded.on("GET", "/pulls/2/reviews", [GITEA_REVIEW | {"updated_at": BEGUN, "state": "COMMENT"}])
    recorded.on("GET", "/reviews/5/comments", [GITEA_LINE | TIMES])
    recorded.on("GET", "/issues/2/comments", [PLAIN | {"user": {"login": "a/b"}}, PLAIN | {"id": 2, "user": {"login": "eve"}}])
    recorded.on("GET", "/collaborators/ana/permission", {"permission": "write"})
    recorded.on("GET", "/collaborators/a%2Fb/permission", {"permission": "admin"})
    assert forge_of("gitea").comments(2) == [
        Comment("review-5", "ana", "Nearly", SENT, is_trusted=True),
        Comment("line-6", "ana", "Name it", EDITED, "src/count.py", 3, is_trusted=True, asks=True),
        Comment("comment-1", "a/b", "/muster Rename it", LATER, is_trusted=True, asks=True),
        Comment("comment-2", "eve", "/muster Rename it", LATER, is_trusted=False, asks=True),
    ]
    recorded.on("GET", "/collaborators/eve/permission", {"message": "no"}, 500)
    with pytest.raises(ForgeError):
        forge_of("gitea").comments(2)


def test_checks_are_asked_for_as_they_ended_last(recorded: Recorded) -> None:
    recorded.on("GET", f"/commits/{HEAD}/check-runs", {"check_runs": []})
    recorded.on("GET", f"/commits/{HEAD}/status", {"statuses": []})
    recorded.on("GET", f"/commits/{HEAD}/statuses", [])
    for kind in ("github", "gitlab", "gitea"):
        assert list(forge_of(kind).checks(HEAD)) == []
    assert [url.partition(HEAD)[2] for _, url, _, _ in recorded.sent] == [
        "/check-runs?filter=latest&per_page=100&page=1",
        "/status?per_page=100",
        "/statuses?per_page=100&page=1",
        "/statuses?sort=recentupdate&limit=50&page=1",
    ]
