"""An expander is asked by itself about entries that are too large, were not looked at before, and are nobody's business otherwise."""

from typing import Any

import pytest
from django.utils.timezone import now

from orchestration import sessions
from orchestration.backlog import splitting
from orchestration.backlog.entries import Draft
from orchestration.facts.events import EntryBlocked
from orchestration.models import Entry, Executor, Run, Session
from orchestration.proposals import expanding
from orchestration.sessions import Ending
from tests.factories import ANA, CLOSED, a_worker, a_workspace, an_entry, some_entries
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.errors import Conflict, Invalid
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
EXPANDER = {"agent": {"command": "true"}, "run_usd": 0.1}
PLATEAU = {"status": "blocked", "reason_code": "no_improvement", "reason_message": "x", "attempts": 3}


def a_shop(*on: str, name: str = "Shop", **more: Any) -> Workspace:
    a_worker()
    return a_workspace(name=name, expander={**EXPANDER, "on": list(on), **more})


def candidates(shop: Workspace) -> list[int]:
    config = expanding.configuration.load(Executor.objects.get(pk=shop.pk).config)
    assert config.expander is not None
    return [entry.seq for entry in expanding._candidates(shop.pk, config.expander)]


def set_to(entry: Entry, **fields: Any) -> None:
    Entry.objects.filter(pk=entry.pk).update(**fields)


def large(shop: Workspace, criteria: int, **fields: Any) -> Entry:
    entry = an_entry(shop, files=["a.py"])
    set_to(entry, spec={"files_to_modify": ["a.py"], "acceptance_criteria": ["x"] * criteria}, **fields)
    return entry


def blocked(entry: Entry, *codes: str) -> None:
    for code in codes:
        event = EntryBlocked(code=code, entry=entry.pk, seq=entry.seq, title=entry.title)
        activity.record(entry.workspace_id, event, by=MUSTER, object_id=entry.pk)


def test_what_has_many_criteria_or_names_no_file_is_too_large_before_it_begins() -> None:
    shop = a_shop("criteria", max_criteria=3)
    an_entry(a_shop("no_files", name="Other"))
    few, many, begun, stuck = large(shop, 3), large(shop, 4), large(shop, 4, attempts=1), large(shop, 4)
    without = an_entry(shop)
    set_to(stuck, status="blocked", reason_code="merge_conflict", reason_message="x")
    assert candidates(shop) == [many.seq]
    Executor.objects.filter(pk=shop.pk).update(config={"expander": {**EXPANDER, "on": ["no_files"], "max_criteria": 3}})
    assert candidates(shop) == [without.seq] and few.attempts == begun.attempts


@pytest.mark.parametrize(
    "fields",
    [
        {"deleted_at": now()},
        {"is_container": True},
        {"spec_frozen": True},
        {"status": "in_progress"},
        {"reason_code": "human_hold", "status": "blocked", "reason_message": "x"},
        CLOSED,
    ],
    ids=["deleted", "split", "frozen", "at work", "on hold", "done"],
)
def test_what_is_not_to_be_split_is_not_asked_about(fields: dict[str, Any]) -> None:
    shop = a_shop("no_files", "no_improvement", "turns_exhausted", plateaus=1)
    entry, other = an_entry(shop), an_entry(shop)
    blocked(entry, "no_improvement")
    set_to(entry, **fields)
    assert candidates(shop) == [other.seq]


def test_a_child_and_what_has_begun_are_looked_at_only_when_they_are_stuck() -> None:
    shop = a_shop("no_files", "no_improvement", plateaus=2)
    top, begun, plateau, once = (an_entry(shop) for _ in range(4))
    child, _ = splitting.split(top, [Draft("Child"), Draft("Other")], by=ANA)
    set_to(begun, attempts=1)
    for entry in (plateau, once):
        set_to(entry, **PLATEAU)
    blocked(plateau, "no_improvement", "merge_conflict", "no_improvement")
    blocked(once, "no_improvement", "merge_conflict", "merge_conflict")
    assert candidates(shop) == [plateau.seq]
    set_to(child, **PLATEAU)
    blocked(child, "no_improvement", "no_improvement")
    assert candidates(shop) == [plateau.seq, child.seq]
    Executor.objects.filter(pk=shop.pk).update(config={"expander": {**EXPANDER, "on": ["turns_exhausted"]}})
    assert candidates(shop) == []


def test_turns_that_ran_out_in_the_newest_session_make_it_too_large() -> None:
    shop = a_shop("turns_exhausted")
    newest, older = an_entry(shop), an_entry(shop)
    for entry, failures in ((newest, ["", "turns_exhausted"]), (older, ["turns_exhausted", ""])):
        set_to(entry, attempts=2)
        for attempt, failure in enumerate(failures, start=1):
            Session.objects.create(
                id=f"sess_{entry.seq}_{attempt}", workspace=shop, entry=entry, attempt=attempt, status="ended", outcome="failed",
                failure=failure, ended_at=now(),
            )  # fmt: skip
    assert candidates(shop) == [newest.seq]


def test_five_entries_are_asked_about_at_once_the_most_urgent_first_and_each_once() -> None:
    shop = a_shop("no_files")
    rows = some_entries(shop, *"ABCDEFG")
    set_to(rows[6], priority=0)
    runs = expanding.start_due(shop.pk)
    asked = [run.subject.seq for run in runs if run.subject]
    assert asked == [7, 1, 2, 3, 4] and {run.trigger for run in runs} == {"too_large"}
    for run in runs:
        assert sessions.conclude(run.session, Ending(Session.Outcome.FAILED), expected=Session.Status.CLAIMED)
    set_to(rows[4], **PLATEAU)
    assert [run.subject.seq for run in expanding.start_due(shop.pk) if run.subject] == [6], "it has begun, and is no plateau here"
    assert expanding.start_due(shop.pk) == [] and Run.objects.count() == 6


def test_what_cannot_be_paid_waits_for_the_next_tick_without_an_error() -> None:
    shop = a_shop("no_files", run_usd=60)
    some_entries(shop, "A", "B", "C")
    assert len(expanding.start_due(shop.pk)) == 1 and expanding.start_due(shop.pk) == []


def test_a_person_asks_about_an_entry_that_can_be_split_once_at_a_time() -> None:
    shop = a_shop()
    entry, done, work, split = some_entries(shop, *"ABCD")
    set_to(done, **CLOSED)
    set_to(work, status="in_progress")
    set_to(split, is_container=True)
    for refused, sentence in ((done, "cannot be split"), (split, "cannot be split"), (work, "is in progress")):
        with pytest.raises(Invalid, match=sentence):
            expanding.expand(shop, refused, by=ANA)
    run = expanding.expand(shop, entry, by=ANA)
    with pytest.raises(Conflict, match="asked about #1 already"):
        expanding.expand(shop, entry, by=ANA)
    assert (run.goal, run.subject, run.requested_by, run.trigger) == ("Split #1 A", entry, "ana", "person")
    assert sessions.conclude(run.session, Ending(Session.Outcome.FAILED), expected=Session.Status.CLAIMED)
    assert expanding.expand(shop, entry, by=ANA).pk != run.pk, "a person may ask again"
    assert expanding.start_due(shop.pk) == [], "by itself it asks about nothing here"


def test_an_entry_three_deep_is_not_split_again() -> None:
    shop = a_shop("no_files")
    entry = an_entry(shop)
    for _ in range(3):
        [entry, _] = splitting.split(Entry.objects.select_related("account").get(pk=entry.pk), [Draft("A"), Draft("B")], by=ANA)
    with pytest.raises(Invalid, match="or 3 deep"):
        expanding.expand(shop, entry, by=ANA)
    assert candidates(shop) == []
