"""Each step changes a pull request's row and its entry once; a second time it changes nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now

from orchestration.forges.shared.interface import Check, Comment
from orchestration.models import Dependency, Entry, Integration, Landing, PullRequest, ReviewComment, Round
from orchestration.pull_requests import requests
from tests.orchestration.pull_requests.rows import HEAD, a_team, fresh, opened, propose, proposed
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db
State = Landing.State
OTHER = "d" * 40
NOTE = Comment("line-1", "ana", "Why?", datetime(2026, 5, 1, tzinfo=UTC), "x.py", 3, is_trusted=True, asks=True)


@pytest.fixture
def team() -> Workspace:
    return a_team()


def landing_of(row: PullRequest) -> Landing:
    return Landing.objects.filter(entry=row.entry_id).latest("pk")


def count(verb: str) -> int:
    return Event.objects.filter(verb=f"entry.{verb}").count()


def test_newer_work_of_an_entry_has_the_same_row_and_a_new_text(team: Workspace) -> None:
    row = opened(team)
    PullRequest.objects.update(due=False, foreign_head=OTHER, checks=[{"name": "old"}])
    again = proposed(team, OTHER, entry=row.entry)
    assert again.pk == row.pk and (again.head, again.due, again.text_due) == (OTHER, True, True)
    assert (again.checks, again.foreign_head, again.number) == ([], "", row.number)
    landing = landing_of(row)
    assert (landing.state, landing.tried_tip, landing.tried_commit) == ("proposed", "e" * 40, "f" * 40)


def test_a_new_row_knows_where_the_last_one_left_the_branch(team: Workspace) -> None:
    first = opened(team)
    PullRequest.objects.filter(pk=first.pk).update(state="closed", ended_at=now(), pushed="1" * 40)
    second = opened(team)
    PullRequest.objects.filter(pk=second.pk).update(state="closed", ended_at=now(), pushed="2" * 40)
    fields: dict[str, Any] = {"state": "closed", "ended_at": now(), "number": 9, "forge_id": "9", "branch": "b", "base": "main"}
    PullRequest.objects.create(workspace=team, entry=first.entry, head=HEAD, pushed="3" * 40, **fields)
    propose(first.entry, OTHER)
    row = PullRequest.objects.get(entry=first.entry, state="opening")
    assert (row.head, row.pushed, row.base, row.branch, row.workspace_id) == (OTHER, "3" * 40, "main", first.branch, team.pk)


@pytest.mark.parametrize("change", [{"state": State.WITHDRAWN}, {"state": State.LANDED}])
def test_a_landing_that_was_withdrawn_is_not_proposed(team: Workspace, change: dict[str, Any]) -> None:
    row = opened(team)
    landing = landing_of(row)
    Landing.objects.update(**change)
    assert not requests.propose(landing, base="main", tip="1" * 40, commit="1" * 40, verdict=None, stack=False)
    assert landing_of(row).state == change["state"] and count("proposed") == 1


@pytest.mark.parametrize("fields", [{}, {"status": "in_progress", "reason_code": "", "deleted_at": now()}])
def test_what_waits_already_or_was_deleted_is_noted_and_no_more(team: Workspace, fields: dict[str, Any]) -> None:
    row = opened(team)
    Entry.objects.update(**fields)
    before = Entry.objects.values().get()
    assert requests.propose(landing_of(row), base="main", tip="1" * 40, commit="2" * 40, verdict=None, stack=True)
    assert (landing_of(row).tried_tip, landing_of(row).tried_commit) == ("1" * 40, "2" * 40)
    assert Entry.objects.values().get() == before and count("proposed") == 1


def test_work_whose_pull_request_was_closed_meanwhile_goes_to_a_person_once(team: Workspace) -> None:
    row, other = opened(team), opened(team)
    for each, by, ended_at in ((row, "ana", None), (other, "bob", None)):
        PullRequest.objects.filter(pk=each.pk).update(state="closed", ended_by=by, message="No", ended_at=ended_at)
    propose(row.entry, OTHER)
    entry = fresh(row).entry
    assert (entry.status, entry.reason_code, entry.reason_message) == (
        "blocked",
        "merge_rejected",
        "ana closed its pull request: No",
    )
    assert fresh(row).ended_at is not None and fresh(other).ended_at is None and landing_of(row).state == "withdrawn"
    propose(entry, OTHER)
    assert fresh(row).entry.reason_code == "waiting_for_merge"


def test_dependents_wait_no_longer_only_where_work_is_stacked(team: Workspace) -> None:
    assert proposed(team).entry.open_head == "" and proposed(team, OTHER, stack=True).entry.open_head == OTHER


def test_a_number_is_noted_for_the_head_that_it_was_asked_for(team: Workspace) -> None:
    row = proposed(team)
    PullRequest.objects.filter(pk=row.pk).update(head=OTHER)
    fields: dict[str, Any] = {"forge_id": "7", "number": 7, "url": "https://x/7"}
    requests.opened(row, **fields)
    assert (fresh(row).state, fresh(row).number) == ("opening", None)
    requests.opened(fresh(row), **fields)
    assert (fresh(row).state, fresh(row).number, fresh(row).url, fresh(row).text_due) == ("open", 7, "https://x/7", False)
    PullRequest.objects.update(state="closed")
    requests.opened(fresh(row), **fields)
    assert fresh(row).state == "closed"


@pytest.mark.parametrize(
    ("url", "link"),
    [("https://x/1", "https://x/1"), ("http://x", "http://x"), ("javascript:alert(1)", ""), ("//x", ""), ("", "")],
)
def test_pages_link_to_the_web_alone(team: Workspace, url: str, link: str) -> None:
    row = proposed(team)
    requests.opened(row, forge_id="7", number=7, url=url)
    requests.wait(row, "Waiting", [Check("ci", "failed", url)])
    assert (fresh(row).url, fresh(row).checks[0]["url"]) == (link, link)


def test_what_it_waits_for_is_on_its_row_and_on_its_entry_while_that_waits(team: Workspace) -> None:
    row, other = opened(team), opened(team)
    requests.wait(row, "x" * 600, [Check(f"c{n}", "pending") for n in range(120)])
    row = fresh(row)
    assert row.message == row.entry.reason_message == "x" * 500 and len(row.checks) == 100
    assert fresh(other).message != row.message and fresh(other).entry.reason_message != row.message
    Entry.objects.filter(pk=row.entry_id).update(reason_code="human_hold", reason_message="held")
    requests.wait(row, "Waiting", [])
    assert (fresh(row).message, fresh(row).entry.reason_message) == ("Waiting", "held")


def test_checks_that_change_while_it_waits_for_the_same_are_noted(team: Workspace) -> None:
    row, other = opened(team), opened(team)
    running = Check("b", "pending")
    for first in (Check("a", "pending"), Check("a", "passed")):
        requests.wait(fresh(row), "Waiting for b in CI", [first, running])
    assert fresh(row).checks == [
        {"kind": "ci", "name": "a", "outcome": "passed", "url": ""},
        {"kind": "ci", "name": "b", "outcome": "pending", "url": ""},
    ]
    assert fresh(other).checks == []
    requests.wait(row, "Waiting", [Check(f"c{n}", "pending") for n in range(101)])
    assert [each["name"] for each in fresh(row).checks] == [f"c{n}" for n in range(100)]


def test_a_wait_for_work_that_was_replaced_is_not_noted(team: Workspace) -> None:
    row = opened(team)
    PullRequest.objects.update(head=OTHER)
    requests.wait(row, "Old", [])
    assert fresh(row).message != "Old"


def send_back(row: PullRequest, *comments: Comment, most: int = 3) -> bool:
    findings = [requests.finding_of(row, comment) for comment in comments] or ["ci: red\nlog"]
    return requests.send_back(row, findings, [Check("tests", "failed")], comments, most)


@pytest.mark.parametrize("comments", [(), (NOTE,)])
def test_what_is_sent_back_has_one_round_more_and_its_findings_first(team: Workspace, comments: tuple[Comment, ...]) -> None:
    row, other = opened(team), opened(team)
    Entry.objects.update(next_work="verify")
    Round.objects.update(findings=["old"])
    rounds = row.entry.budget_rounds
    assert send_back(row, *comments) and not send_back(row, *comments)
    entry, landing = fresh(row).entry, landing_of(row)
    assert (entry.status, entry.reason_code, entry.next_work, entry.budget_rounds) == ("pending", "", "implement", rounds + 1)
    words = "review by ana: x.py, line 3: Why?" if comments else "ci: red\nlog"
    assert Round.objects.get(entry=entry).findings == [words, "old"]
    assert landing.state == ("sent_back" if comments else "refused") and landing.ended_at is not None
    assert fresh(row).message == "Its entry is at work again" and fresh(row).checks[0]["name"] == "tests"
    assert fresh(other).entry.reason_code == "waiting_for_merge" and count("pull_request_sent_back") == 1
    assert landing_of(other).state == "proposed" and fresh(other).checks == []


def test_work_that_was_replaced_or_waits_no_longer_is_not_sent_back(team: Workspace) -> None:
    row = opened(team)
    for model, fields, undo in (
        (Landing, {"commit": OTHER}, {"commit": HEAD}),
        (Landing, {"state": State.WITHDRAWN}, {"state": State.PROPOSED}),
        (Entry, {"reason_code": "human_hold"}, {"reason_code": "waiting_for_merge"}),
    ):
        model.objects.update(**fields)
        assert not send_back(row, NOTE) and not ReviewComment.objects.exists()
        model.objects.update(**undo)
    assert send_back(row, NOTE)


@pytest.mark.parametrize(("refused", "comments", "status"), [(1, (), "pending"), (2, (), "blocked"), (9, (NOTE,), "pending")])
def test_red_checks_alone_come_to_a_person_after_a_number_of_rounds(
    team: Workspace, refused: int, comments: tuple[Comment, ...], status: str
) -> None:
    row = opened(team)
    for _ in range(refused):
        Landing.objects.create(workspace=team, entry=row.entry, commit=OTHER, state=State.REFUSED)
    Landing.objects.filter(state="proposed").delete()
    Landing.objects.create(workspace=team, entry=row.entry, commit=HEAD, state=State.PROPOSED)
    rounds = row.entry.budget_rounds
    send_back(row, *comments, most=2)
    entry = fresh(row).entry
    assert entry.status == status and entry.budget_rounds == rounds + (status == "pending")
    if status == "blocked":
        assert entry.reason_message == "CI of its pull request stayed red in 3 rounds: ci: red"


def test_a_comment_is_kept_once_and_counts_for_its_pull_request(team: Workspace) -> None:
    row, other = opened(team), opened(team)
    old = Comment("line-2", "bob", "Old", NOTE.at, "x.py", 4, is_old_side=True)
    nowhere = Comment("note-3", "bob", "All", NOTE.at, "", 7)
    ReviewComment.objects.create(entry=row.entry, commit=HEAD, text="written in Muster", by="ana")
    assert requests.new_comments(row, [NOTE, old]) == [NOTE, old]
    send_back(row, NOTE, old, nowhere)
    kept = ReviewComment.objects.exclude(forge_id="").order_by("pk")
    assert [(each.path, each.line, each.side, each.by) for each in kept] == [
        ("x.py", 3, "new", "ana"),
        ("x.py", 4, "old", "bob"),
        ("", None, "new", "bob"),
    ]
    assert all(each.sent_at and each.at == NOTE.at and each.commit == HEAD for each in kept)
    assert requests.new_comments(row, [NOTE, old]) == [] and requests.new_comments(other, [NOTE]) == [NOTE]
    PullRequest.objects.filter(pk=row.pk).update(head=OTHER)
    assert requests.new_comments(fresh(row), [NOTE, old]) == [], "its entry had them, whatever its commit is now"
    PullRequest.objects.filter(pk=row.pk).update(state="closed", ended_at=now())
    propose(Entry.objects.get(pk=row.entry_id), HEAD)
    second = PullRequest.objects.get(entry=row.entry_id, state="opening")
    assert requests.new_comments(second, [NOTE]) == [NOTE], "another forge may give the same ids"


def test_a_closed_one_ends_the_question_and_an_entry_at_work_is_left_until_its_end(team: Workspace) -> None:
    row, at_work = opened(team), opened(team)
    Entry.objects.filter(pk=at_work.entry_id).update(status="in_progress", reason_code="")
    for each in (row, at_work):
        requests.closed(each, "ana", "No\n")
        requests.closed(each, "eve", "Twice")
    assert (fresh(row).state, fresh(row).ended_by, fresh(row).ended_at is not None) == ("closed", "ana", True)
    assert fresh(row).entry.reason_message.startswith("ana closed its pull request: No") and landing_of(row).state == "withdrawn"
    assert (fresh(at_work).state, fresh(at_work).ended_at, fresh(at_work).entry.status) == ("closed", None, "in_progress")


def test_no_person_is_named_where_the_forge_names_none(team: Workspace) -> None:
    row = opened(team)
    requests.closed(row, "", "")
    assert fresh(row).entry.reason_message == "Somebody closed its pull request"


def test_a_merge_is_noted_once_and_wakes_a_lander(team: Workspace) -> None:
    row, other = opened(team), opened(team)
    Integration.objects.update(due=False)
    Entry.objects.filter(pk=other.entry_id).update(reason_code="human_hold", reason_message="held")
    for each in (row, other):
        requests.merged(each, OTHER, "ana")
        requests.merged(each, HEAD, "eve")
        assert (fresh(each).state, fresh(each).merge_commit, fresh(each).ended_by) == ("merged", OTHER, "ana")
    assert Integration.objects.get().due and count("pull_request_merged") == 2
    assert (fresh(row).entry.reason_message, fresh(other).entry.reason_message) == (fresh(row).message, "held")


def test_commits_of_others_wake_a_lander_once(team: Workspace) -> None:
    row = opened(team)
    for state, head, seen, woken in (("open", HEAD, "", True), ("open", HEAD, OTHER, False), ("open", "1" * 40, "", False)):
        PullRequest.objects.update(state=state, head=head, foreign_head=seen)
        Integration.objects.update(due=False)
        row.head = HEAD
        requests.adopt(row, OTHER)
        assert Integration.objects.get().due is woken and fresh(row).foreign_head == (OTHER if woken or seen else "")
    PullRequest.objects.update(state="closed", head=HEAD)
    requests.adopt(row, OTHER)
    assert fresh(row).foreign_head == ""


@pytest.mark.parametrize(
    ("fields", "replaced"), [({}, True), ({"reason_code": "human_hold"}, False), ({"deleted_at": now()}, False)]
)
def test_commits_of_others_are_queued_while_their_entry_waits(team: Workspace, fields: dict[str, Any], replaced: bool) -> None:
    row, other = opened(team), opened(team)
    PullRequest.objects.update(foreign_head=OTHER)
    Entry.objects.filter(pk=row.entry_id).update(**fields)
    with transaction.atomic():
        assert requests.replace_by(row, OTHER, pushed="1" * 40) is replaced
    assert landing_of(other).state == "proposed" and fresh(other).foreign_head == OTHER
    assert (landing_of(row).state, landing_of(row).commit) == (("queued", OTHER) if replaced else ("proposed", HEAD))
    assert (fresh(row).pushed, fresh(row).foreign_head) == (("1" * 40, "") if replaced else (HEAD, OTHER))
    assert not replaced or (fresh(row).entry.status == "in_progress" and count("pull_request_adopted") == 1)


def test_only_waiting_work_that_contains_what_was_closed_goes_to_a_person(team: Workspace) -> None:
    below = opened(team, stack=True)
    rows = {name: opened(team) for name in ("above", "beside", "at_work", "deleted", "without_rounds")}
    for name, row in rows.items():
        Dependency.objects.create(entry=row.entry, depends_on=below.entry, is_stacked=name != "beside")
        fields = {
            "at_work": {"status": "in_progress", "reason_code": ""},
            "deleted": {"deleted_at": now()},
            "without_rounds": {"has_rounds": False},
        }
        Entry.objects.filter(pk=row.entry_id).update(**fields.get(name, {"has_rounds": True}))
    requests.closed(below, "ana", "")
    moved = {name for name, row in rows.items() if fresh(row).entry.reason_code == "merge_rejected"}
    assert moved == {"above"} and landing_of(rows["above"]).state == "withdrawn"
