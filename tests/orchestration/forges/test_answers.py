"""Answers of each forge in its own words: every state, author, line and link has its meaning."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.forges import KINDS
from orchestration.forges.shared import values
from orchestration.forges.shared.interface import Forge, ForgeError, Problem
from orchestration.forges.shared.transport import CREDENTIALS
from tests.orchestration.forges.recorded import (
    GITEA_LINE,
    GITEA_PULL,
    GITEA_REVIEW,
    GITEA_STATUS,
    GITHUB_LINE,
    GITHUB_PULL,
    GITHUB_REVIEW,
    GITHUB_RUN,
    GITHUB_STATUS,
    GITLAB_JOB,
    GITLAB_NOTE,
    GITLAB_PULL,
    HEAD,
    MERGED,
    Recorded,
    answers_of,
)

Of = Callable[[str], Forge]
PUSHED = datetime(2026, 5, 15, 15, tzinfo=UTC)


@pytest.fixture
def of() -> Of:
    return lambda kind: KINDS[kind].connect(
        "https://git.example.com/", "team/sub/shop" if kind == "gitlab" else "team/shop", "s3cret-token"
    )


def outcome(of: Of, recorded: Recorded, kind: str, row: dict[str, Any]) -> str:
    recorded.on("GET", f"/commits/{HEAD}/check-runs", {"check_runs": [row] if "app" in row else []})
    recorded.on("GET", f"/commits/{HEAD}/status", {"statuses": [row] if "app" not in row else None})
    recorded.on("GET", f"/commits/{HEAD}/statuses", [row])
    [check] = of(kind).checks(HEAD)
    return check.outcome


@pytest.mark.parametrize(
    ("kind", "row", "expected"),
    [
        *(("github", GITHUB_RUN | {"conclusion": conclusion}, expected) for conclusion, expected in (
            ("success", "passed"), ("neutral", "neutral"), ("skipped", "neutral"), ("stale", "neutral"), ("failure", "failed"),
            ("timed_out", "failed"), ("cancelled", "failed"), ("startup_failure", "failed"), ("action_required", "pending"),
        )),
        ("github", GITHUB_RUN | {"status": "in_progress", "conclusion": "success"}, "pending"),
        *(("github", GITHUB_STATUS | {"state": state}, expected) for state, expected in (
            ("success", "passed"), ("failure", "failed"), ("error", "failed"), ("pending", "pending"),
        )),
        *(("gitlab", GITLAB_JOB | {"status": status}, expected) for status, expected in (
            ("success", "passed"), ("failed", "failed"), ("canceled", "failed"), ("skipped", "neutral"), ("manual", "neutral"),
            ("running", "pending"),
        )),
        ("gitlab", GITLAB_JOB | {"status": "success", "allow_failure": True}, "passed"),
        *(("gitea", GITEA_STATUS | {"status": status}, expected) for status, expected in (
            ("success", "passed"), ("failure", "failed"), ("error", "failed"), ("warning", "neutral"), ("skipped", "neutral"),
            ("pending", "pending"),
        )),
    ],
)  # fmt: skip
def test_each_state_of_a_check_is_an_outcome(of: Of, recorded: Recorded, kind: str, row: dict[str, Any], expected: str) -> None:
    assert outcome(of, recorded, kind, row) == expected


def test_a_check_has_its_address_and_its_words(of: Of, recorded: Recorded) -> None:
    recorded.on(
        "GET", f"/commits/{HEAD}/check-runs", {"check_runs": [GITHUB_RUN | {"output": {"title": "1 failed", "text": "x"}}]}
    )
    recorded.on("GET", f"/commits/{HEAD}/status", {"statuses": [GITHUB_STATUS]})
    run, status = of("github").checks(HEAD)
    assert (run.url, run.detail, run.log) == ("https://github.com/team/shop/runs/128620228", "1 failed\nx", "128620228")
    assert (status.url, status.detail, status.log) == ("https://ci.example.com/1", "fine", "")
    recorded.on("GET", f"/commits/{HEAD}/check-runs", {"check_runs": [GITHUB_RUN | {"app": {"slug": "other"}}]})
    assert of("github").checks(HEAD)[0].log == ""
    recorded.on("GET", f"/commits/{HEAD}/statuses", [GITLAB_JOB | {"description": "red"}])
    [job] = of("gitlab").checks(HEAD)
    assert (job.url, job.detail, job.log) == ("https://gitlab.com/team/shop/-/jobs/93", "red", "93")
    recorded.on("GET", f"/commits/{HEAD}/statuses", [GITEA_STATUS])
    [row] = of("gitea").checks(HEAD)
    assert (row.name, row.url, row.detail, of("gitea").log(row)) == ("ci", "https://ci.example.com/2", "red", "")


def test_of_gitlabs_jobs_without_a_trace_the_log_is_empty_and_other_errors_are_errors(of: Of, recorded: Recorded) -> None:
    recorded.on("GET", f"/commits/{HEAD}/statuses", [GITLAB_JOB])
    [job] = of("gitlab").checks(HEAD)
    assert of("gitlab").log(job) == ""
    recorded.on("GET", "/jobs/93/trace", {"message": "no"}, 403)
    with pytest.raises(ForgeError):
        of("gitlab").log(job)


@pytest.mark.parametrize(
    ("kind", "row", "state", "merge_commit", "ended_by"),
    [
        ("github", GITHUB_PULL | {"state": "closed", "merged_at": "x", "merge_commit_sha": MERGED, "merged_by": {"login": "ana"}}, "merged", MERGED, "ana"),
        ("github", GITHUB_PULL | {"state": "closed", "merged_at": None}, "closed", "", ""),
        ("github", GITHUB_PULL | {"state": "open", "merged_at": "x"}, "open", "", ""),
        ("gitea", GITEA_PULL | {"state": "closed", "merged": True, "merge_commit_sha": MERGED}, "merged", MERGED, ""),
        ("gitea", GITEA_PULL | {"state": "closed"}, "closed", "", ""),
        ("gitlab", GITLAB_PULL | {"state": "merged", "merge_commit_sha": MERGED, "squash_commit_sha": "2" * 40}, "merged", MERGED, ""),
        ("gitlab", GITLAB_PULL | {"state": "merged", "squash_commit_sha": "2" * 40}, "merged", "2" * 40, ""),
        ("gitlab", GITLAB_PULL | {"state": "closed", "closed_by": {"username": "bob"}}, "closed", "", "bob"),
        ("gitlab", GITLAB_PULL | {"state": "locked"}, "open", "", ""),
    ],
)  # fmt: skip
def test_each_state_of_a_pull_request_has_its_meaning(
    of: Of, recorded: Recorded, kind: str, row: dict[str, Any], state: str, merge_commit: str, ended_by: str
) -> None:
    recorded.on("GET", "/2", row)
    pull = of(kind).get(2)
    assert (pull.state, pull.merge_commit, pull.ended_by) == (state, merge_commit, ended_by)
    assert (pull.number, pull.base, pull.head, pull.branch) == (2, "main", HEAD, "muster/1-count") and pull.url and pull.body


@pytest.mark.parametrize("kind", KINDS)
def test_open_ones_are_listed_first_and_then_the_newest(of: Of, recorded: Recorded, kind: str) -> None:
    answers = answers_of(kind)
    rows = [answers.pull | answers.closed | {answers.number: n} for n in (1, 4)]
    rows += [answers.pull | {answers.number: n} for n in (2, 3)]
    recorded.on(
        "GET", answers.pulls, [*rows, *([GITEA_PULL | {"number": 9, "base": {"ref": "other"}}] if kind == "gitea" else [])]
    )
    assert [each.number for each in of(kind).list_for("muster/1-count", "main")] == [3, 2, 4, 1]
    recorded.on("GET", answers.pulls, {"odd": 1})
    with pytest.raises(ForgeError, match="is no list"):
        of(kind).list_for("muster/1-count", "main")
    assert answers.listed in recorded.sent[0][1]


@pytest.mark.parametrize("kind", KINDS)
def test_each_forge_is_reached_at_its_address(recorded: Recorded, kind: str) -> None:
    answers = answers_of(kind)
    recorded.on("GET", "/2", answers.pull)
    KINDS[kind].connect("https://git.example.com/", "team/shop", "s3cret-token").get(2)
    [(method, url, headers, _)] = recorded.sent
    assert (method, url) == ("GET", answers.address)
    assert [(name, value) for name, value in headers.items() if name in CREDENTIALS] == [answers.credential]


def test_projects_of_gitlab_are_in_groups_of_groups(of: Of, recorded: Recorded) -> None:
    recorded.on("GET", "/2", GITLAB_PULL)
    of("gitlab").get(2)
    assert recorded.paths() == ["GET https://git.example.com/api/v4/projects/team%2Fsub%2Fshop/merge_requests/2"]
    KINDS["gitlab"].connect("", "team/shop", "x").get(2)
    assert recorded.sent[-1][1].startswith("https://gitlab.com/api/v4/projects/team%2Fshop/")


def github_comments(of: Of, recorded: Recorded, **rows: list[dict[str, Any]]) -> list[Any]:
    recorded.on("GET", "/pulls/2/comments", rows.get("lines", []))
    recorded.on("GET", "/pulls/2/reviews", rows.get("reviews", []))
    recorded.on("GET", "/issues/2/comments", rows.get("others", []))
    return list(of("github").comments(2))


@pytest.mark.parametrize(
    ("change", "is_trusted"),
    [
        ({"author_association": "OWNER"}, True),
        ({"author_association": "MEMBER"}, True),
        ({"author_association": "COLLABORATOR"}, True),
        ({"author_association": "CONTRIBUTOR"}, False),
        ({"author_association": "OWNER", "user": {"login": "ci", "type": "Bot"}}, False),
    ],
)
def test_on_github_those_who_may_write_are_trusted(of: Of, recorded: Recorded, change: dict[str, Any], is_trusted: bool) -> None:
    [line] = github_comments(of, recorded, lines=[GITHUB_LINE | change])
    [review] = github_comments(of, recorded, reviews=[GITHUB_REVIEW | change])
    assert line.is_trusted is review.is_trusted is is_trusted


def test_comments_on_github_are_in_the_order_of_their_time(of: Of, recorded: Recorded) -> None:
    lines = [GITHUB_LINE | {"line": None, "side": "LEFT"}]
    reviews = [
        GITHUB_REVIEW,
        GITHUB_REVIEW | {"id": 2, "body": ""},
        GITHUB_REVIEW | {"id": 3, "state": "COMMENTED", "body": " /Muster do"},
    ]
    first, other, last = github_comments(of, recorded, lines=lines, reviews=reviews)
    assert (first.id, first.asks, other.asks, last.id) == ("review-237895671", True, True, "line-284312630")
    assert (last.line, last.is_old_side, last.by, last.asks) == (2, True, "ana", True)
    [plain] = github_comments(of, recorded, reviews=[GITHUB_REVIEW | {"state": "COMMENTED"}])
    assert (plain.asks, plain.path, plain.line, plain.is_old_side) == (False, "", None, False)


def gitlab_comments(of: Of, recorded: Recorded, *notes: dict[str, Any], level: Any = 30) -> list[Any]:
    recorded.on("GET", "/merge_requests/2/notes", list(notes))
    recorded.on("GET", "/members/all/7", {"access_level": level})
    return list(of("gitlab").comments(2))


@pytest.mark.parametrize(
    ("position", "place"),
    [
        ({"new_path": "n.py", "new_line": 3, "old_path": "o.py", "old_line": 2}, ("n.py", 3, False)),
        ({"new_path": "n.py", "new_line": None, "old_path": "o.py", "old_line": 2}, ("n.py", 2, True)),
        ({"old_path": "o.py", "old_line": 2}, ("o.py", 2, True)),
        ({"new_path": "n.py"}, ("n.py", None, False)),
        ({"new_line": 3, "old_line": None}, ("", None, False)),
        (None, ("", None, False)),
    ],
)
def test_a_note_of_gitlab_is_on_its_line(of: Of, recorded: Recorded, position: Any, place: tuple[str, int | None, bool]) -> None:
    [note] = gitlab_comments(of, recorded, GITLAB_NOTE | {"position": position})
    assert (note.path, note.line, note.is_old_side) == place and note.asks is bool(place[0])


def test_notes_of_gitlabs_system_and_those_that_are_resolved_are_none(of: Of, recorded: Recorded) -> None:
    notes = [GITLAB_NOTE, GITLAB_NOTE | {"id": 2, "system": True}, GITLAB_NOTE | {"id": 3, "resolved": True}]
    assert [note.id for note in gitlab_comments(of, recorded, *notes)] == ["note-301"]
    assert "sort=asc&order_by=created_at" in recorded.sent[0][1]


@pytest.mark.parametrize(("level", "is_trusted"), [(30, True), (29, False), (None, False)])
def test_on_gitlab_developers_are_trusted(of: Of, recorded: Recorded, level: Any, is_trusted: bool) -> None:
    [note] = gitlab_comments(of, recorded, GITLAB_NOTE, level=level)
    assert note.is_trusted is is_trusted
    [nameless] = gitlab_comments(of, recorded, GITLAB_NOTE | {"author": None})
    assert not nameless.is_trusted
    recorded.on("GET", "/merge_requests/2/notes", [GITLAB_NOTE])
    recorded.on("GET", "/members/all/7", {"message": "no"}, 500)
    with pytest.raises(ForgeError):
        of("gitlab").comments(2)


@pytest.mark.parametrize(("permission", "is_trusted"), [("write", True), ("admin", True), ("owner", True), ("read", False)])
def test_on_gitea_those_who_may_write_are_trusted(of: Of, recorded: Recorded, permission: str, is_trusted: bool) -> None:
    recorded.on(
        "GET",
        "/issues/2/comments",
        [{"id": 1, "user": {"login": "ana"}, "body": "/muster do", "updated_at": "2026-05-15T16:00:00Z"}],
    )
    recorded.on("GET", "/pulls/2/reviews", [GITEA_REVIEW, GITEA_REVIEW | {"id": 9, "body": "", "comments_count": 0}])
    old = GITEA_LINE | {"id": 7, "position": 0, "original_position": 4}
    recorded.on("GET", "/reviews/5/comments", [GITEA_LINE, old, GITEA_LINE | {"id": 8, "resolver": {"login": "bob"}}])
    recorded.on("GET", "/collaborators/ana/permission", {"permission": permission})
    rows = of("gitea").comments(2)
    assert [row.id for row in rows] == ["review-5", "line-6", "line-7", "comment-1"]
    assert [(row.line, row.is_old_side, row.asks) for row in rows] == [
        (None, False, True),
        (3, False, True),
        (4, True, True),
        (None, False, True),
    ]
    assert {row.is_trusted for row in rows} == {is_trusted}


@pytest.mark.parametrize(
    ("changes", "is_approved"),
    [
        ([{}], True),
        ([{"commit_id": "1" * 40}], False),
        ([{"official": False}], False),
        ([{"dismissed": True}], False),
        ([{"state": "COMMENT"}], False),
        ([{}, {"state": "COMMENT"}], True),
        ([{}, {"state": "REQUEST_CHANGES"}], False),
        ([{"state": "REQUEST_CHANGES"}, {}], True),
        ([{}, {"state": "REQUEST_CHANGES", "user": {"login": "bob"}}], False),
        ([{}, {"state": "REQUEST_CHANGES", "user": {"login": "bob"}, "dismissed": True}], True),
        ([{}, {"state": "REQUEST_CHANGES", "user": {"login": "bob"}, "commit_id": "1" * 40}], False),
        ([], False),
    ],
)
def test_on_gitea_the_newest_decision_of_each_person_counts(
    of: Of, recorded: Recorded, changes: list[dict[str, Any]], is_approved: bool
) -> None:
    recorded.on("GET", "/pulls/2/reviews", [GITEA_REVIEW | {"state": "APPROVED"} | change for change in changes])
    assert of("gitea").is_approved(2, head=HEAD, since=PUSHED) is is_approved


@pytest.mark.parametrize(
    ("answer", "is_approved"),
    [
        ({"approved": True, "approved_by": [{"approved_at": "2026-05-15T15:00:00Z"}]}, True),
        ({"approved": True, "approved_by": [{"approved_at": "2026-05-15T14:59:59Z"}]}, False),
        ({"approved": False, "approved_by": [{"approved_at": "2026-05-15T15:00:00Z"}]}, False),
        ({"approved": True, "approved_by": [{}]}, True),
        ({"approved": True, "approved_by": []}, False),
        ({"approved": True, "approved_by": "odd"}, False),
    ],
)
def test_on_gitlab_an_approval_is_newer_than_the_push(of: Of, recorded: Recorded, answer: Any, is_approved: bool) -> None:
    recorded.on("GET", "/merge_requests/2/approvals", answer)
    assert of("gitlab").is_approved(2, head=HEAD, since=PUSHED) is is_approved


@pytest.mark.parametrize(
    ("kind", "method", "sent"),
    [
        ("github", "rebase", {"sha": HEAD, "merge_method": "rebase"}),
        ("gitea", "squash", {"Do": "squash", "head_commit_id": HEAD}),
        ("gitlab", "squash", {"sha": HEAD, "squash": True}),
        ("gitlab", "merge", {"sha": HEAD, "squash": False}),
    ],
)
def test_a_merge_has_its_method(of: Of, recorded: Recorded, kind: str, method: Any, sent: dict[str, Any]) -> None:
    for verb in ("PUT", "POST"):
        recorded.on(verb, "/merge", {})
    of(kind).merge(2, head=HEAD, method=method)
    assert recorded.sent[-1][3] == sent


def test_values_of_the_wrong_kind_are_none() -> None:
    row = {
        "a": True,
        "b": 7,
        "c": "7",
        "d": "x\0y",
        "e": "2026-05-15T15:00:00",
        "f": "2026-13-45T00:00:00Z",
        "g": "2026-05-15T15:00:00Z",
    }
    assert [values.number(row, key) for key in "abcz"] == [None, 7, None, None]
    assert [values.text(row, key) for key in "adz"] == ["", "xy", ""] and values.at(row, "a", "b") is None
    assert values.moment(row, "g") == PUSHED
    assert all(now() - values.moment(row, key) < timedelta(minutes=1) for key in "aefz")
    with pytest.raises(ForgeError, match=r"has no a\.b") as error:
        values.required(row, "a", "b")
    assert error.value.problem == Problem.INVALID
