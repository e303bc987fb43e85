"""Each forge in its own words, and one shape."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestration.forges import KINDS
from orchestration.forges.shared.interface import Draft, Forge, ForgeError, Problem, find_or_create
from tests.orchestration.forges.recorded import (
    GITEA_REVIEW,
    GITEA_STATUS,
    GITHUB_REVIEW,
    GITHUB_RUN,
    GITHUB_STATUS,
    GITLAB_JOB,
    GITLAB_PULL,
    HEAD,
    MERGED,
    Answers,
    Recorded,
    answers_of,
)

MARKER = "<!-- muster-entry: entry_1 -->"
DRAFT = Draft("muster/1-count", "main", "Count", f"Do it\n\n{MARKER}")


@dataclass
class Place:
    """A forge, and its answers."""

    forge: Forge
    recorded: Recorded
    answers: Answers

    @property
    def pull(self) -> dict[str, Any]:
        return self.answers.pull

    @property
    def pulls(self) -> str:
        return self.answers.pulls

    @property
    def address(self) -> str:
        return f"{self.pulls}/2"


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, recorded: Recorded) -> Place:
    forge = KINDS[request.param].connect("https://git.example.com", "team/shop", "s3cret-token")
    return Place(forge, recorded, answers_of(request.param))


@pytest.fixture
def of(recorded: Recorded) -> Callable[[str], Forge]:
    return lambda kind: KINDS[kind].connect("https://git.example.com", "team/shop", "s3cret-token")


def test_a_pull_request_is_created_once_and_then_updated(place: Place) -> None:
    place.recorded.on("GET", place.pulls, [])
    place.recorded.on("POST", place.pulls, place.pull, 201)
    created = find_or_create(place.forge, DRAFT, MARKER)
    assert (created.number, created.head, created.state, created.branch) == (2, HEAD, "open", "muster/1-count")
    place.recorded.on("GET", place.pulls, [place.pull])
    for method in ("PATCH", "PUT"):
        place.recorded.on(method, place.address, place.pull)
    assert find_or_create(place.forge, DRAFT, MARKER).id == created.id
    assert [path.split(" ")[0] for path in place.recorded.paths()].count("POST") == 1


def test_a_foreign_pull_request_is_left_alone(place: Place) -> None:
    place.recorded.on("GET", place.pulls, [place.pull | place.answers.foreign])
    with pytest.raises(ForgeError, match="Muster did not open it") as error:
        find_or_create(place.forge, DRAFT, MARKER)
    assert error.value.problem == Problem.EXISTS and len(place.recorded.sent) == 1


def test_a_closed_one_is_followed_by_a_new_one(place: Place) -> None:
    place.recorded.on("GET", place.pulls, [place.pull | place.answers.closed])
    place.recorded.on("POST", place.pulls, place.pull | {place.answers.number: 3}, 201)
    assert find_or_create(place.forge, DRAFT, MARKER).number == 3


def test_one_that_was_merged_before_it_was_noted_is_found(place: Place) -> None:
    place.recorded.on("GET", place.pulls, [place.pull | place.answers.merged])
    known = find_or_create(place.forge, DRAFT, MARKER)
    assert (known.state, known.merge_commit) == ("merged", MERGED)


def test_an_unmerged_one_has_no_merge_commit(place: Place) -> None:
    place.recorded.on("GET", place.address, place.pull)
    assert place.forge.get(2).merge_commit == ""


def test_a_fast_forward_of_gitlab_is_its_head(recorded: Recorded, of: Callable[[str], Forge]) -> None:
    recorded.on("GET", "/merge_requests/2", GITLAB_PULL | {"state": "merged", "merge_user": {"username": "ana"}})
    pull = of("gitlab").get(2)
    assert (pull.merge_commit, pull.ended_by) == (HEAD, "ana")


@pytest.mark.parametrize(
    ("status", "message", "headers", "problem"),
    [
        (401, "Bad credentials", {}, Problem.AUTH),
        (403, "Resource not accessible by personal access token", {}, Problem.AUTH),
        (403, "API rate limit exceeded", {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1"}, Problem.RATE_LIMITED),
        (403, "You have exceeded a secondary rate limit", {"retry_after": "60"}, Problem.RATE_LIMITED),
        (429, "Too Many Requests", {"retry_after": "60"}, Problem.RATE_LIMITED),
        (404, "Not Found", {}, Problem.NOT_FOUND),
        (301, "Moved Permanently", {}, Problem.NOT_FOUND),
        (500, "", {}, Problem.UNREACHABLE),
        (422, "Validation Failed", {}, Problem.INVALID),
    ],
)
def test_a_refusal_has_a_name_and_a_remedy(
    place: Place, status: int, message: str, headers: dict[str, str], problem: Problem
) -> None:
    place.recorded.on("GET", place.address, {"message": message}, status, **headers)
    with pytest.raises(ForgeError) as error:
        place.forge.get(2)
    assert error.value.problem == problem and message in str(error.value) and "s3cret" not in str(error.value)
    assert (error.value.until is not None) == (problem == Problem.RATE_LIMITED)


def test_what_no_forge_answers_is_an_error_too(place: Place) -> None:
    for answer in (b"<html>", [], {"id": "x"}, {"id": 1, place.answers.number: None}):
        place.recorded.on("GET", place.address, answer)
        with pytest.raises(ForgeError):
            place.forge.get(2)


def test_a_second_pull_request_is_refused_by_name(place: Place) -> None:
    place.recorded.on("GET", place.pulls, [])
    status, message = place.answers.second
    content = {"message": message, "errors": [{"message": "A pull request already exists for team:muster/1-count."}]}
    place.recorded.on("POST", place.pulls, content, status)
    with pytest.raises(ForgeError) as error:
        find_or_create(place.forge, DRAFT, MARKER)
    assert error.value.problem == Problem.EXISTS


def test_a_merge_names_its_head_and_a_moved_one_is_no_failure(place: Place) -> None:
    method = place.answers.merge_method
    place.recorded.on(method, f"{place.address}/merge", {})
    place.forge.merge(2, head=HEAD, method="squash")
    assert HEAD in place.recorded.sent[-1][3].values()
    for status, problem in place.answers.refusals.items():
        place.recorded.on(method, f"{place.address}/merge", {"message": "no"}, status)
        with pytest.raises(ForgeError) as error:
            place.forge.merge(2, head=HEAD, method="merge")
        assert error.value.problem == problem


def test_checks_of_github_are_runs_and_statuses(recorded: Recorded, of: Callable[[str], Forge]) -> None:
    recorded.on("GET", f"/commits/{HEAD}/check-runs", {"total_count": 1, "check_runs": [GITHUB_RUN]})
    recorded.on("GET", f"/commits/{HEAD}/status", {"state": "success", "statuses": [GITHUB_STATUS]})
    recorded.on("GET", "/actions/jobs/128620228/logs", b"boom")
    checks = of("github").checks(HEAD)
    assert [(check.name, check.outcome) for check in checks] == [("tests", "failed"), ("ci/lint", "passed")]
    assert of("github").log(checks[0]) == "boom" and of("github").log(checks[1]) == ""


def test_checks_of_gitlab_are_jobs(recorded: Recorded, of: Callable[[str], Forge]) -> None:
    optional = GITLAB_JOB | {"id": 94, "name": "slow", "allow_failure": True}
    recorded.on("GET", f"/commits/{HEAD}/statuses", [GITLAB_JOB, optional, GITLAB_JOB | {"name": "deploy", "status": "manual"}])
    recorded.on("GET", "/jobs/93/trace", b"boom")
    checks = of("gitlab").checks(HEAD)
    assert [check.outcome for check in checks] == ["failed", "neutral", "neutral"]
    assert of("gitlab").log(checks[0]) == "boom" and of("gitlab").log(checks[1]) == ""


def test_of_gitea_the_newest_status_of_a_name_counts(recorded: Recorded, of: Callable[[str], Forge]) -> None:
    recorded.on("GET", f"/commits/{HEAD}/statuses", [GITEA_STATUS, GITEA_STATUS | {"id": 1, "status": "pending"}])
    assert [check.outcome for check in of("gitea").checks(HEAD)] == ["failed"]


def test_comments_have_their_lines_and_only_writers_are_trusted(place: Place) -> None:
    for path, content in place.answers.comments.items():
        place.recorded.on("GET", path, content)
    on_lines = [comment for comment in place.forge.comments(2) if comment.path]
    assert [(each.path, each.line, each.is_old_side, each.asks) for each in on_lines] == [("src/count.py", 3, False, True)] * 2
    assert [each.is_trusted for each in on_lines] == [True, False]


def test_an_opinion_asks_for_nothing(recorded: Recorded, of: Callable[[str], Forge]) -> None:
    opinion = {"id": 1, "user": {"login": "ana"}, "author_association": "OWNER", "updated_at": "2026-05-15T15:20:38Z"}
    recorded.on("GET", "/pulls/2/comments", [])
    recorded.on("GET", "/pulls/2/reviews", [GITHUB_REVIEW | {"state": "APPROVED", "body": "Good"}])
    recorded.on("GET", "/issues/2/comments", [opinion | {"body": "Thanks"}, opinion | {"id": 2, "body": "/muster Rename it"}])
    assert {comment.text: comment.asks for comment in of("github").comments(2)} == {
        "Good": False,
        "Thanks": False,
        "/muster Rename it": True,
    }


def approved(forge: Forge, head: str = HEAD) -> bool:
    return forge.is_approved(2, head=head, since=datetime(2026, 5, 15, tzinfo=UTC))


def test_the_newest_decision_of_each_person_counts(recorded: Recorded, of: Callable[[str], Forge]) -> None:
    approval = GITHUB_REVIEW | {"state": "APPROVED"}
    for reviews, expected in (
        ([], False),
        ([GITHUB_REVIEW, approval], True),
        ([approval, GITHUB_REVIEW], False),
        ([approval | {"author_association": "NONE"}], False),
        ([approval, GITHUB_REVIEW | {"user": {"login": "ben"}}], False),
    ):
        recorded.on("GET", "/pulls/2/reviews", reviews)
        assert approved(of("github")) is expected


@pytest.mark.parametrize(("kind", "review"), [("github", GITHUB_REVIEW), ("gitea", GITEA_REVIEW)])
def test_an_approval_holds_for_its_commit_alone(
    recorded: Recorded, of: Callable[[str], Forge], kind: str, review: dict[str, Any]
) -> None:
    recorded.on("GET", "/pulls/2/reviews", [review | {"state": "APPROVED"}])
    assert approved(of(kind)) and not approved(of(kind), head="1" * 40)
    recorded.on("GET", "/pulls/2/reviews", [review, review | {"user": {"login": "ben"}, "state": "APPROVED"}])
    assert not approved(of(kind))
