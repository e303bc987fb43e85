"""What a person does to many entries at once: as one by one, all or none, and in as few statements."""

from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestration.backlog import entry_actions, entry_state
from orchestration.backlog.entries import Draft
from orchestration.backlog.transitions import Next
from orchestration.maintenance import rebuild
from orchestration.models import Entry, FileLock
from tests.factories import ANA, a_session, a_workspace, some_entries
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def standing(shop: Workspace) -> list[tuple[str, str, int]]:
    rows = Entry.objects.filter(workspace=shop).order_by("seq")
    return list(rows.values_list("status", "reason_code", "unmet_dependencies"))


def failed(*those: Entry) -> None:
    for entry in those:
        entry_state.move(entry_state.lock(entry), Next("failed", "rounds_exhausted", "no rounds left"))


def test_what_failed_and_what_waited_for_it_go_back_in_line_together() -> None:
    shop = a_workspace()
    first, second, _ = some_entries(
        shop, Draft("a", ref="a"), Draft("b", depends_on=("a",), ref="b"), Draft("c", depends_on=("b",))
    )
    failed(first)
    entry_actions.resume_all([first, second], by=ANA)
    assert standing(shop) == [("pending", "", 0), ("pending", "", 1), ("pending", "", 1)]
    assert list(
        Event.objects.filter(verb__in=["entry.reopened", "entry.released"]).order_by("id").values_list("object_id", flat=True)
    ) == [
        first.pk,
        second.pk,
    ]


def test_what_waits_for_another_that_failed_stays_blocked() -> None:
    shop = a_workspace()
    a, b, c = some_entries(shop, Draft("a", ref="a"), Draft("b", ref="b"), Draft("c", depends_on=("a", "b")))
    failed(a, b)
    entry_actions.resume_all([a, c], by=ANA)
    assert standing(shop)[2] == ("blocked", "dependency_failed", 2)
    assert Entry.objects.get(pk=c.pk).reason_message == "#2 b failed"


def test_held_ones_free_their_locks_and_what_was_parked_behind_them() -> None:
    shop = a_workspace()
    one, two, parked = some_entries(shop, *(Draft(name, spec={"files_to_modify": [f"{name}.py"]}) for name in "abc"))
    FileLock.objects.create(workspace=shop, path="a.py", entry=one)
    Entry.objects.filter(pk=parked.pk).update(parked_behind=one)
    entry_actions.put_all_on_hold([one, two], by=ANA, reason="until Monday")
    assert not FileLock.objects.exists() and Entry.objects.get(pk=parked.pk).parked_behind is None
    assert (
        Event.objects.filter(verb="entry.blocked").count()
        == Event.objects.filter(verb="entry.held", reason="until Monday").count()
        == 2
    )


def test_one_that_refuses_keeps_all_as_they_are_and_each_says_why() -> None:
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
    assert [status for status, _, _ in standing(shop)] == ["blocked", "done", "in_progress"]


@pytest.mark.parametrize("verb", ["hold", "release", "priority"])
def test_five_hundred_cost_as_many_statements_as_fifty(verb: str) -> None:
    shop = a_workspace(cap="0", budget="0")
    many = some_entries(shop, *(Draft(f"{n}", budget=0) for n in range(500)))
    does = {
        "hold": entry_actions.put_all_on_hold,
        "release": entry_actions.resume_all,
        "priority": lambda those, by: entry_actions.set_priorities(those, Entry.Priority.LOW, by=by),
    }[verb]
    if verb == "release":
        entry_actions.put_all_on_hold(many, by=ANA)
    counts = []
    for those in (many[:50], many[50:]):
        with CaptureQueriesContext(connection) as seen:
            does(those, by=ANA)
        counts.append(sum("INSERT" not in query["sql"] for query in seen))
    assert counts[0] == counts[1] <= 12


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_held_and_released_what_entries_wait_for_is_counted_right(seed: int) -> None:
    dice = Random(seed)
    shop = a_workspace()
    drafts = [
        Draft(f"{n}", ref=f"{n}", depends_on=tuple({f"{dice.randrange(n)}" for _ in range(dice.randrange(3))} if n else ()))
        for n in range(12)
    ]
    all_ = some_entries(shop, *drafts)
    for _ in range(12):
        do = dice.choice([entry_actions.put_all_on_hold, entry_actions.resume_all, None])
        those = dice.sample(all_, dice.randint(1, 6))
        if do is None:
            entry = entry_state.lock(those[0])
            if entry.status in ("pending", "blocked"):
                entry_state.move(entry, dice.choice([Next("done"), Next("failed", "rounds_exhausted", "x")]))
            continue
        refuse = {"done"} if do is entry_actions.put_all_on_hold else {"pending"}
        free = [entry for entry in those if Entry.objects.get(pk=entry.pk).status not in refuse]
        if free:
            do(free, by=ANA)
        assert rebuild.find(shop.pk) == []
        for entry in Entry.objects.filter(reason_code="dependency_failed"):
            assert Entry.objects.filter(dependents__entry=entry, status="failed").exists()
