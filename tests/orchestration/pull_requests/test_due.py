"""A pull request is looked at when it is due, and an error puts off as little as it must."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.forges.shared.interface import ForgeError, Problem
from orchestration.models import Entry, Executor, PullRequest
from orchestration.pull_requests import sync
from tests.orchestration.pull_requests.fake import FakeForge
from tests.orchestration.pull_requests.rows import a_team, fresh, opened, proposed
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Workspace:
    return a_team()


def ago(seconds: float) -> Any:
    return now() - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("fields", "seconds_ago", "is_due"),
    [
        ({}, {}, False),
        ({"due": True}, {}, True),
        ({"looked_at": None}, {}, True),
        ({}, {"looked_at": 3600}, True),
        ({"due": True}, {"look_until": -30}, False),
        ({"due": True}, {"look_until": 1}, True),
        ({"due": True}, {"retry_at": -30}, False),
        ({"due": True}, {"retry_at": 1}, True),
        ({"due": True, "pushed": "d" * 40}, {}, False),
        ({"due": True, "state": "opening"}, {}, True),
        ({"due": True, "state": "merged", "merge_commit": "f" * 40}, {}, False),
        ({"due": True, "state": "closed"}, {}, False),
    ],
)
def test_it_is_looked_at_when_it_is_due_or_was_not_seen_for_a_minute(
    team: Workspace, fields: dict[str, Any], seconds_ago: dict[str, float], is_due: bool
) -> None:
    row = opened(team)
    moments = {name: ago(seconds) for name, seconds in seconds_ago.items()}
    PullRequest.objects.update(**{"due": False, "looked_at": ago(5), **moments, **fields})
    assert sync.due().filter(pk=row.pk).exists() is is_due


def test_nothing_is_asked_about_what_was_deleted_or_where_all_is_stopped(team: Workspace) -> None:
    row = opened(team)
    assert sync.due().exists()
    for model, fields, undo in (
        (Executor, {"state": "stopped"}, {"state": "paused"}),
        (Entry, {"deleted_at": now()}, {"deleted_at": None}),
        (Workspace, {"deleted_at": now()}, {"deleted_at": None}),
    ):
        model.objects.update(**fields)
        assert not sync.due().exists()
        model.objects.update(**undo)
    assert list(sync.due()) == [row]


def test_the_longest_unseen_is_looked_at_first_and_a_number_at_a_time(
    team: Workspace, forge: FakeForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, early, never = (opened(team) for _ in range(3))
    for row, seconds in ((late, 100), (early, 200)):
        PullRequest.objects.filter(pk=row.pk).update(looked_at=ago(seconds))
    assert list(sync.due()) == [never, early, late]
    monkeypatch.setattr(sync, "MAX_AT_ONCE", 2)
    forge.pulls = {}
    assert sync.run_due() == 2 and list(sync.due()) == [late]


def test_a_look_that_went_well_ends_what_went_wrong_before(team: Workspace, forge: FakeForge) -> None:
    row = proposed(team, problem="unreachable", failures=3, retry_at=ago(1))
    forge.head = row.head
    assert sync.look(row.pk)
    row = fresh(row)
    assert (row.state, row.problem, row.failures, row.retry_at) == ("open", "", 0, None)
    assert (row.due, row.look_until) == (False, None) and row.looked_at is not None
    assert not sync.look(row.pk), "it was seen a moment ago"


def failed(row: PullRequest, forge: FakeForge, error: ForgeError) -> PullRequest:
    forge.error = error
    PullRequest.objects.filter(pk=row.pk).update(due=True, retry_at=None)
    assert sync.look(row.pk)
    return fresh(row)


def test_the_pause_after_an_error_doubles_up_to_a_quarter_of_an_hour(team: Workspace, forge: FakeForge) -> None:
    row = opened(team)
    for failures, seconds in ((0, 15), (1, 30), (2, 60), (5, 480), (6, 900), (50, 900)):
        PullRequest.objects.update(failures=failures)
        began = now()
        row = failed(row, forge, ForgeError(Problem.INVALID, "No"))
        assert row.retry_at is not None and row.failures == failures + 1 and row.due
        assert (row.retry_at - now()).total_seconds() <= seconds <= (row.retry_at - began).total_seconds()


@pytest.mark.parametrize("problem", list(Problem))
def test_only_an_error_of_the_forge_itself_puts_off_the_others(team: Workspace, forge: FakeForge, problem: Problem) -> None:
    row, other, merged = opened(team), opened(team), opened(team)
    PullRequest.objects.filter(pk=merged.pk).update(state="merged", merge_commit="f" * 40)
    row = failed(row, forge, ForgeError(problem, "No"))
    put_off = problem in (Problem.RATE_LIMITED, Problem.UNREACHABLE, Problem.AUTH)
    assert fresh(other).retry_at == (row.retry_at if put_off else None) and fresh(merged).retry_at is None
    assert (fresh(other).problem, fresh(other).failures) == ("", 0)


def test_an_error_is_the_reason_of_an_entry_that_waits_for_the_merge_alone(team: Workspace, forge: FakeForge) -> None:
    row, other = opened(team), opened(team)
    row = failed(row, forge, ForgeError(Problem.INVALID, "No"))
    assert row.entry.reason_message == row.message and row.message.startswith("No. ")
    assert fresh(other).entry.reason_message != row.message
    Entry.objects.filter(pk=row.entry_id).update(reason_code="", reason_message="at work")
    assert failed(row, forge, ForgeError(Problem.MOVED, "Other")).entry.reason_message == "at work"
