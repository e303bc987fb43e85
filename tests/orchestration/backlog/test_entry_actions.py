"""Actions on many entries at once: the same result as one by one, all or none, in few statements."""

from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestration.backlog import deletion, entry_actions, entry_state
from orchestration.backlog.entries import Draft
from orchestration.backlog.rules import ways
from orchestration.backlog.rules.transitions import Next
from orchestration.configuration import workspace_setup
from orchestration.maintenance import rebuild
from orchestration.models import Entry, FileLock
from tests.factories import ANA, CLOSED, a_session, a_workspace, an_entry, ended, some_entries
from workspaces.errors import Conflict
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def states(shop: Workspace) -> list[tuple[str, str, int]]:
    rows = Entry.objects.filter(workspace=shop).order_by("seq")
    return list(rows.values_list("status", "reason_code", "unmet_dependencies"))


def failed(*entries: Entry) -> None:
    for entry in entries:
        entry_state.move(entry_state.lock(entry), Next("failed", "rounds_exhausted", "no rounds left"))


def test_a_failed_entry_and_its_dependent_become_pending_together() -> None:
    shop = a_workspace()
    first, second, _ = some_entries(
        shop, Draft("a", ref="a"), Draft("b", depends_on=("a",), ref="b"), Draft("c", depends_on=("b",))
    )
    failed(first)
    entry_actions.resume_all([first, second], by=ANA)
    assert states(shop) == [("pending", "", 0), ("pending", "", 1), ("pending", "", 1)]
    assert list(
        Event.objects.filter(verb__in=["entry.reopened", "entry.released"]).order_by("id").values_list("object_id", flat=True)
    ) == [
        first.pk,
        second.pk,
    ]


def test_an_entry_with_another_failed_dependency_stays_blocked() -> None:
    shop = a_workspace()
    a, b, c = some_entries(shop, Draft("a", ref="a"), Draft("b", ref="b"), Draft("c", depends_on=("a", "b")))
    failed(a, b)
    entry_actions.resume_all([a, c], by=ANA)
    assert states(shop)[2] == ("blocked", "dependency_failed", 2)
    assert Entry.objects.get(pk=c.pk).reason_message == "#2 b failed"


def test_entries_put_on_hold_release_their_locks_and_parked_entries() -> None:
    shop = a_workspace()
    first, second, parked = some_entries(shop, *(Draft(name, spec={"files_to_modify": [f"{name}.py"]}) for name in "abc"))
    FileLock.objects.create(workspace=shop, path="a.py", entry=first)
    Entry.objects.filter(pk=parked.pk).update(parked_behind=first)
    entry_actions.put_all_on_hold([first, second], by=ANA, reason="until Monday")
    assert not FileLock.objects.exists() and Entry.objects.get(pk=parked.pk).parked_behind is None
    assert (
        Event.objects.filter(verb="entry.blocked").count()
        == Event.objects.filter(verb="entry.held", reason="until Monday").count()
        == 2
    )


def test_one_refusal_changes_no_entry_and_each_refusal_has_a_reason() -> None:
    shop = a_workspace()
    free, done, busy = some_entries(shop, "free", "done", "busy")
    entry_actions.mark_done(done, by=ANA)
    entry_actions.put_on_hold(free, by=ANA)
    a_session(busy)
    with pytest.raises(entry_actions.SomeRefuse) as some:
        entry_actions.put_all_on_hold([busy, done, free], by=ANA)
    assert [(entry.pk, why) for entry, why in some.value.refusals] == [
        (done.pk, "The entry is done already"),
        (busy.pk, "The entry is in progress: stop its session first"),
    ]
    assert [status for status, _, _ in states(shop)] == ["blocked", "done", "in_progress"]


@pytest.mark.parametrize(("verb", "most"), [("hold", 12), ("release", 27), ("priority", 12)])
def test_five_hundred_cost_as_many_statements_as_fifty(verb: str, most: int) -> None:
    """There is no money: all that are resumed are blocked again."""
    shop = a_workspace(cap="0", budget="0")
    all_entries = some_entries(shop, *(Draft(f"{n}", budget=0) for n in range(500)))
    does = {
        "hold": entry_actions.put_all_on_hold,
        "release": entry_actions.resume_all,
        "priority": lambda entries, by: entry_actions.set_priorities(entries, Entry.Priority.LOW, by=by),
    }[verb]
    if verb == "release":
        entry_actions.put_all_on_hold(all_entries, by=ANA)
    counts = []
    for entries in (all_entries[:50], all_entries[50:]):
        with CaptureQueriesContext(connection) as seen:
            does(entries, by=ANA)
        counts.append(sum("INSERT" not in query["sql"] for query in seen))
    assert counts[0] == counts[1] <= most


@pytest.mark.parametrize("seed", range(8))
def test_random_holds_and_resumes_keep_the_counters_right(seed: int) -> None:
    dice = Random(seed)
    shop = a_workspace()
    drafts = [
        Draft(f"{n}", ref=f"{n}", depends_on=tuple({f"{dice.randrange(n)}" for _ in range(dice.randrange(3))} if n else ()))
        for n in range(12)
    ]
    all_ = some_entries(shop, *drafts)
    for _ in range(12):
        do = dice.choice([entry_actions.put_all_on_hold, entry_actions.resume_all, None])
        entries = dice.sample(all_, dice.randint(1, 6))
        if do is None:
            entry = entry_state.lock(entries[0])
            if entry.status in ("pending", "blocked"):
                entry_state.move(
                    entry, dice.choice([Next("done", done=ways.closed(by="ana")), Next("failed", "rounds_exhausted", "x")])
                )
            continue
        refuse = {"done"} if do is entry_actions.put_all_on_hold else {"pending"}
        free = [entry for entry in entries if Entry.objects.get(pk=entry.pk).status not in refuse]
        if free:
            do(free, by=ANA)
        assert rebuild.find(shop.pk) == []
        for entry in Entry.objects.filter(reason_code="dependency_failed"):
            assert Entry.objects.filter(dependents__entry=entry, status="failed").exists()


@pytest.mark.parametrize("again", [entry_actions.resume_all, entry_actions.reverify_all])
def test_an_entry_that_had_ended_starts_again_only_with_an_agent_that_the_config_has(again: Any) -> None:
    workspace = a_workspace(agents={"other": {"kind": "codex"}})
    asks, follows = an_entry(workspace, agent="other"), an_entry(workspace)
    for entry in (asks, follows):
        ended(a_session(entry), outcome="passed")
    Entry.objects.update(**CLOSED, next_agent="other")
    workspace_setup.configure(workspace, {"agents": {"other": None}}, by=ANA)
    with pytest.raises(entry_actions.SomeRefuse, match="no agent other any more"):
        again([asks, follows], by=ANA)
    again([follows], by=ANA)
    assert Entry.objects.get(pk=follows.pk).next_agent == ""


def test_a_deleted_entry_comes_back_only_with_an_agent_that_the_config_has() -> None:
    workspace = a_workspace(agents={"other": {"kind": "codex"}})
    asks, follows = an_entry(workspace, agent="other"), an_entry(workspace)
    Entry.objects.update(next_agent="other")
    deletion.delete_all([asks, follows], by=ANA)
    workspace_setup.configure(workspace, {"agents": {"other": None}}, by=ANA)
    with pytest.raises(Conflict, match="no agent other any more"):
        deletion.restore(asks, (), by=ANA)
    assert deletion.restore(follows, (), by=ANA).next_agent == ""
