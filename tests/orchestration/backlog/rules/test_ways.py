"""An entry becomes done in one of five ways: in code, and in the database for whoever writes to it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from orchestration.backlog import deletion, entry_actions, entry_state, newest_work, splitting
from orchestration.backlog.entries import Draft
from orchestration.backlog.entry_state import NotDone
from orchestration.backlog.rules import ways
from orchestration.backlog.rules.transitions import PENDING, Next
from orchestration.backlog.rules.ways import Done
from orchestration.models import Entry, Landing, PullRequest, Round, Session
from tests.factories import ANA, CLOSED, a_session, an_entry, ended, some_entries
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def worked(entry: Entry, *commits: str, **fields: Any) -> Entry:
    """The entry after a round for each of these commits; an empty one: its agent changed nothing."""
    for commit in commits:
        session = a_session(entry)
        Round.objects.filter(session=session).update(commit=commit, agent_done=True, **fields)
        ended(session)
    entry.refresh_from_db()
    return entry


def becomes_done(entry: Entry, done: Done) -> Entry:
    with transaction.atomic():
        entry_state.move(entry_state.lock(entry), Next("done", done=done))
    entry.refresh_from_db()
    return entry


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "done"},
        {"done_way": "closed", "done_by": "ana"},
        {"status": "done", "done_way": "closed"},
        {"status": "done", "done_way": "landed", "done_round": 1},
        {"status": "done", "done_way": "landed", "done_commit": "a" * 40},
        {"status": "done", "done_way": "merged"},
        {"status": "done", "done_way": "children"},
        {"status": "done", "done_way": "nothing_to_do"},
        {"status": "done", "done_way": "somehow"},
    ],
)
def test_the_database_refuses_an_entry_that_is_done_in_no_way(shop: Workspace, fields: dict[str, Any]) -> None:
    entry = an_entry(shop)
    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.filter(pk=entry.pk).update(**fields)


def test_it_refuses_sql_too_and_an_entry_that_is_reopened_with_its_way(shop: Workspace) -> None:
    entry = an_entry(shop)
    for statement in ("UPDATE orchestration_entry SET status = 'done'", "UPDATE orchestration_entry SET done_way = ''"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            Entry.objects.filter(pk=entry.pk).update(**CLOSED if "done_way" in statement else {})
            cursor.execute(statement)
    Entry.objects.filter(pk=entry.pk).update(**CLOSED)
    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.filter(pk=entry.pk).update(status="pending")


def test_no_state_is_done_without_a_way() -> None:
    for wrong in (lambda: Next("done"), lambda: Next("pending", done=ways.CHILDREN)):
        with pytest.raises(ValueError, match="way to done"):
            wrong()


def test_a_person_who_marks_it_done_is_kept_and_forgotten_once_it_is_reopened(shop: Workspace) -> None:
    entry = an_entry(shop)
    entry_actions.mark_done(entry, by=ANA, reason="no longer needed")
    entry.refresh_from_db()
    assert (entry.done_way, entry.done_by, entry.done_reason) == ("closed", "ana", "no longer needed")
    entry_actions.resume(entry, by=ANA)
    entry.refresh_from_db()
    assert (entry.status, entry.done_way, entry.done_by, entry.done_reason) == ("pending", "", "", "")


def test_what_is_split_is_done_by_its_children_until_the_last_of_them_is_deleted(shop: Workspace) -> None:
    entry = an_entry(shop)
    children = splitting.split(entry, [Draft("one"), Draft("two")], by=ANA)
    entry_actions.mark_all_done(children, by=ANA)
    entry.refresh_from_db()
    assert (entry.status, entry.done_way) == ("done", "children")
    deletion.delete_all(children, by=ANA)
    entry.refresh_from_db()
    assert (entry.status, entry.done_way, entry.is_container) == ("pending", "", False)


def test_landed_names_the_newest_round_that_has_a_diff(shop: Workspace) -> None:
    entry = worked(an_entry(shop, budget="9"), "a" * 40, "b" * 40, "")
    with pytest.raises(NotDone, match="round 1"):
        becomes_done(entry, ways.landed("c" * 40, round=1))
    done = becomes_done(entry, ways.landed("c" * 40, round=2))
    assert (done.done_way, done.done_commit, done.done_round) == ("landed", "c" * 40, 2)


def test_there_was_something_to_do_where_an_earlier_round_did_it(shop: Workspace) -> None:
    entry = worked(an_entry(shop, budget="9"), "a" * 40, "")
    with pytest.raises(NotDone):
        becomes_done(entry, ways.nothing_to_do(round=2))


def test_nothing_to_do_names_the_round_that_found_so(shop: Workspace) -> None:
    entry = worked(an_entry(shop, budget="9"), "", "")
    with pytest.raises(NotDone):
        becomes_done(entry, ways.nothing_to_do(round=1))
    assert becomes_done(entry, ways.nothing_to_do(round=2)).done_round == 2


def test_work_that_was_given_up_is_nothing_that_was_to_do(shop: Workspace) -> None:
    entry = worked(an_entry(shop, budget="9"), "a" * 40, given_up=True)
    for done in (ways.nothing_to_do(round=1), ways.landed("c" * 40, round=7)):
        with pytest.raises(NotDone):
            becomes_done(entry, done)


def test_where_all_that_its_rounds_had_made_is_given_up_what_people_pushed_last_makes_it_done(shop: Workspace) -> None:
    entry, other = (worked(an_entry(shop, budget="9"), "a" * 40, given_up=True) for _ in range(2))
    of_muster, of_people = Round.objects.get(entry=entry), None
    ended_at = now()
    for round_, age, is_done in ((of_muster, 5, False), (of_people, 9, False), (of_people, 1, True)):
        Landing.objects.create(
            workspace=shop, entry=entry, commit="b" * 40, round=round_, state="landed", ended_at=ended_at - timedelta(hours=age)
        )
        if not is_done:
            with pytest.raises(NotDone):
                becomes_done(entry, ways.landed("c" * 40, round=1))
    with pytest.raises(NotDone):
        becomes_done(entry, ways.nothing_to_do(round=1))
    with pytest.raises(NotDone):
        becomes_done(other, ways.landed("c" * 40, round=1))
    Landing.objects.create(workspace=shop, entry=entry, commit="b" * 40, state="refused", round=of_muster, ended_at=now())
    assert becomes_done(entry, ways.landed("c" * 40, round=1)).done_way == "landed"


def test_what_people_pushed_is_no_proof_next_to_newer_work(shop: Workspace) -> None:
    entry = worked(an_entry(shop, budget="9"), "a" * 40, "b" * 40)
    Landing.objects.create(workspace=shop, entry=entry, commit="b" * 40, state="landed", ended_at=now())
    with pytest.raises(NotDone):
        becomes_done(entry, ways.landed("c" * 40, round=1))


def test_merged_names_a_pull_request_of_the_entry_that_is_merged(shop: Workspace) -> None:
    entry, other = some_entries(shop, "one", "other")
    known = {"workspace": shop, "branch": "b", "base": "main", "head": "a" * 40, "number": 7, "merge_commit": "c" * 40}
    row = PullRequest.objects.create(entry=entry, forge_id="7", **known)
    with pytest.raises(NotDone, match="not merged"):
        becomes_done(entry, ways.merged(row.pk))
    PullRequest.objects.filter(pk=row.pk).update(state="merged")
    with pytest.raises(NotDone):
        becomes_done(other, ways.merged(row.pk))
    assert becomes_done(entry, ways.merged(row.pk)).done_pull_request_id == row.pk


def test_a_move_to_any_other_state_takes_the_way_away(shop: Workspace) -> None:
    entry = becomes_done(worked(an_entry(shop, budget="9"), "a" * 40), ways.landed("c" * 40, round=1))
    with transaction.atomic():
        entry_state.move_all(entry_state.lock_all([entry]), PENDING)
    entry.refresh_from_db()
    assert (entry.done_way, entry.done_commit, entry.done_round) == ("", "", None)


def newest(entry: Entry) -> tuple[int, bool] | None:
    """The round whose work is the entry's, and whether it changed anything."""
    work = newest_work.of(entry.pk)
    return (work.round.number, work.has_diff) if work else None


def test_work_before_what_was_given_up_is_given_up_too(shop: Workspace) -> None:
    """It was begun again from what is shared: an older round's commit must not pass for the newest."""
    entry = worked(an_entry(shop), "a" * 40, "b" * 40, "")
    assert newest(entry) == (2, True)
    Round.objects.filter(entry=entry, number=2).update(given_up=True)
    assert newest(entry) == (3, False)
    Round.objects.filter(entry=entry, number=3).update(given_up=True)
    assert newest(entry) is None
    assert newest(worked(entry, "d" * 40)) == (4, True)


def test_only_an_agent_that_was_to_do_it_finds_out_that_nothing_is_to_be_done(shop: Workspace) -> None:
    entry = worked(an_entry(shop), "")
    assert newest(entry) == (1, False)
    Session.objects.filter(entry=entry).update(work="verify")
    assert newest(entry) is None
    Session.objects.filter(entry=entry).update(work="implement")
    Round.objects.filter(entry=entry).update(agent_done=False, verdict=Round.Verdict.OPEN)
    assert newest(entry) is None


@pytest.mark.parametrize(
    ("commit", "files", "has_diff"),
    [("a" * 40, 1, True), ("a" * 40, 0, False), ("a" * 40, None, True), ("0" * 40, None, False), ("", 1, False)],
)
def test_a_round_has_a_diff_if_its_commit_is_another_one_with_other_files(
    shop: Workspace, commit: str, files: int | None, has_diff: bool
) -> None:
    """A round whose worker was lost may have its commit alone."""
    entry = worked(an_entry(shop), commit, diffstat={} if files is None else {"files": files})
    assert newest_work.has_diff(Round.objects.get(entry=entry)) is has_diff
