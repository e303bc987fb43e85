"""An orchestrator reads all that is open of its own workspace, the worst first, and the money that is left."""

import json
from typing import Any

import pytest
from django.utils.timezone import now

from budget.models import Account
from orchestration.backlog import content, dependencies
from orchestration.models import Entry, Round, Session
from orchestration.proposals import overview
from orchestration.proposals.context import planning_context, snapshots
from tests.factories import ANA, CLOSED, a_charge, a_session, a_workspace, an_entry, ended, some_entries
from tests.orchestration.proposals.made import ORCHESTRATOR, a_rearranging_run
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
STUCK = {"reason_code": "merge_conflict", "reason_message": "It conflicts"}


@pytest.fixture
def shop() -> Workspace:
    other = a_workspace(name="Other")
    a_session(an_entry(other))
    some_entries(other, "Theirs")
    return a_workspace(budget="10", cap="8")


def shown(shop: Workspace) -> dict[str, Any]:
    return dict(json.loads(overview.read(shop.pk)[1]))


def set_to(entry: Entry, **fields: Any) -> None:
    Entry.objects.filter(pk=entry.pk).update(**fields)


def test_open_entries_are_listed_the_worst_first_and_done_ones_by_their_titles(shop: Workspace) -> None:
    _, b, c, d, done, deleted, done_too = some_entries(shop, *"ABCD", "Done", "Deleted", "Done too")
    set_to(b, status="failed", **STUCK)
    set_to(c, status="in_progress")
    set_to(d, status="blocked", **STUCK)
    set_to(deleted, deleted_at=now())
    for each in (done, done_too):
        set_to(each, **CLOSED)
    seen = shown(shop)
    assert [(entry["entry"], entry["state"]) for entry in seen["entries"]] == [
        ("#2", "failed"), ("#4", "blocked"), ("#3", "in_progress"), ("#1", "pending"),
    ]  # fmt: skip
    assert seen["done"] == ["#5 Done", "#7 Done too"] and seen["entries_not_listed"] == 0
    assert [entry["why_not"] for entry in seen["entries"]] == ["", "", "#3 C is at work", ""]


def test_an_entry_is_shown_with_its_text_its_work_and_its_cost(shop: Workspace) -> None:
    first, done = some_entries(shop, "First", "Done")
    entry = an_entry(shop, content=f"Title\n\n{'long ' * 100}", files=["a.py", "b.py"], budget="3")
    dependencies.depend(entry, first, by=ANA)
    dependencies.depend(entry, done, by=ANA)
    set_to(done, **CLOSED)
    set_to(entry, status="blocked", score=0.25, rounds_completed=7, priority=1, budget_rounds=9, **STUCK)
    a_charge(entry, "0.50")
    session = Session.objects.create(
        id="sess_1", workspace=shop, entry=entry, attempt=1, status="ended", outcome="failed", ended_at=now()
    )
    for number, gain in enumerate([0.9, 0.1234, None, 0.2, 0.3, 0.4, 0.5], start=1):
        Round.objects.create(entry=entry, session=session, number=number, improvement_score=gain)
    [seen] = [each for each in shown(shop)["entries"] if each["entry"] == "#3"]
    assert seen | {"depends_on": sorted(seen["depends_on"])} == {
        "entry": "#3",
        "title": "Title",
        "text": ("long " * 100)[:400],
        "state": "blocked",
        "reason": "It conflicts",
        "priority": "high",
        "depends_on": ["#1", "#2"],
        "files": ["a.py", "b.py"],
        "rounds_made": 7,
        "rounds": 9,
        "score": 0.25,
        "improvements": [0.123, 0.2, 0.3, 0.4, 0.5],
        "cost_usd": 0.5,
        "why_not": "",
    }


def test_money_that_is_reserved_is_left_and_not_free(shop: Workspace) -> None:
    session = a_session(an_entry(shop, budget="2"))
    a_charge(session.entry, "0.5")
    an_entry(shop, budget="2")
    seen = shown(shop)
    assert seen["money"] == {"spent_usd": 0.5, "left_usd": 5.5, "not_reserved_usd": 3.5} and seen["sessions_at_work"] == 1
    ended(session)
    assert shown(shop)["sessions_at_work"] == 0


def test_what_is_cut_is_counted(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MAX_LISTED", 2)
    monkeypatch.setattr(overview, "MAX_DONE", 1)
    *_, first, second = some_entries(shop, *"ABCDE")
    for each in (first, second):
        set_to(each, **CLOSED)
    seen = shown(shop)
    assert [entry["entry"] for entry in seen["entries"]] == ["#1", "#2"]
    assert (seen["entries_not_listed"], seen["done"]) == (1, ["#5 E"])
    assert len(overview.read(shop.pk)[0].open) == 3, "an answer is checked against all of it"


def test_the_planning_context_of_a_run_is_its_workspace_without_what_was_deleted(shop: Workspace) -> None:
    first, done, failed, deleted = some_entries(shop, "First", "Done", "Failed", "Deleted")
    content.edit(
        first,
        content.Change(spec={"files_to_create": ["new.py"], "test_files": {"t.py": "x"}, "files_to_modify": ["a.py"]}),
        by=ANA,
    )
    set_to(done, **CLOSED)
    set_to(failed, status="failed", **STUCK)
    set_to(deleted, deleted_at=now())
    known = planning_context.entries(shop.pk)
    assert [(each.seq, each.title, each.is_open, each.paths, each.created) for each in known] == [
        (1, "First", True, ("a.py", "new.py", "t.py"), ("new.py", "t.py")), (2, "Done", False, (), ()), (3, "Failed", True, (), ()),
    ]  # fmt: skip
    here = planning_context.PlanningContext(entries=known)
    assert here.entry("#3") == here.entry(failed.pk) == known[2] and here.entry("3") is here.entry("#4") is None
    assert planning_context.likeness(" Fix: it, NOW! ", ["b/", "a"]) == planning_context.likeness("fix it now", ["a", "b"])
    assert planning_context.with_folders(["a/b/c", "d"]) == {"a/b/c", "d", "a/", "a/b/"}


def test_a_picture_has_why_no_proposal_may_change_its_entry(shop: Workspace) -> None:
    first, locked, held, frozen, split, work, done, deleted = some_entries(shop, *"ABCDEFGH")
    Account.objects.filter(pk=locked.pk).update(human_locked=True)
    set_to(held, status="blocked", reason_code="human_hold", reason_message="x")
    set_to(frozen, spec_frozen=True)
    set_to(split, is_container=True)
    set_to(work, status="in_progress")
    set_to(done, **CLOSED)
    set_to(deleted, deleted_at=now())
    read = snapshots.read(shop.pk)
    assert [snapshots.untouchable(snapshot) for snapshot in read.values()] == [
        "", "A person has locked the budget of #2 B", "#3 C is on hold", "The spec of #4 D is frozen",
        "#5 E is split: its children do its work", "#6 F is at work",
    ]  # fmt: skip
    named = snapshots.read(shop.pk, [first.pk, done.pk, deleted.pk])
    assert list(named) == [first.pk, done.pk] and snapshots.untouchable(named[done.pk]) == "#7 G is done"
    before = read[first.pk].stored()
    assert snapshots.outdated(before, None) == "#1 A was deleted since" and snapshots.outdated(before, read[first.pk]) == ""


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"content": "Other"}, "its text"), ({"spec": {"tests": ["t"]}}, "its spec"), ({"priority": 0}, "its priority"),
        ({"budget_rounds": 9}, "its number of rounds"), ({"rounds_completed": 1}, "its rounds"), ({"attempts": 1}, "a session has begun"),
        ({"status": "failed", **STUCK}, "its state"), ({"group": "Dates"}, None), ({"status": "blocked", **STUCK}, None),
    ],
)  # fmt: skip
def test_a_proposal_is_outdated_by_each_value_that_it_depends_on(
    shop: Workspace, fields: dict[str, Any], what: str | None
) -> None:
    entry, other = some_entries(shop, "A", "B")
    before = snapshots.read(shop.pk)[entry.pk].stored()
    set_to(other, content="Changed too")
    set_to(entry, **fields)
    now_ = snapshots.read(shop.pk)[entry.pk]
    assert snapshots.outdated(before, now_) == (f"{now_.name} was changed since: {what}" if what else "")
    set_to(
        entry, content="A", spec={}, priority=2, budget_rounds=5, rounds_completed=0, attempts=0, status="pending", reason_code=""
    )
    dependencies.depend(entry, other, by=ANA)
    assert snapshots.outdated(before, snapshots.read(shop.pk)[entry.pk]).endswith("what it waits for")


def test_a_run_reads_its_backlog_once_it_is_asked(shop: Workspace) -> None:
    mine = a_workspace(name="Mine", orchestrator=ORCHESTRATOR)
    some_entries(mine, "One")
    run = a_rearranging_run(mine, {"kind": "change", "entry": "#1", "priority": "low"})
    assert run.proposals.get().before["seq"] == 1
