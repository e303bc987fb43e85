"""An orchestrator's answer as text: what is read of it, and the sentence for each way in which it cannot be used."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.backlog.rules import graph
from orchestration.proposals.answering import change_answers
from orchestration.proposals.answering.change_answers import Seen
from orchestration.proposals.answering.proposed import Answer
from orchestration.proposals.context.planning_context import Known, PlanningContext
from orchestration.proposals.context.snapshots import NAMES, EntrySnapshot


def a_snapshot(seq: int, title: str, *needs: str, **more: Any) -> EntrySnapshot:
    values = dict.fromkeys(NAMES, 0) | {
        "content": title,
        "spec": {"tests": [title]},
        "priority": "medium",
        "depends_on": sorted(needs),
        "rounds": 5,
    }
    facts = {"status": "pending", "reason": "", "message": "", "on_hold": False, "frozen": False, "locked": False, "split": False}
    return EntrySnapshot(f"e{seq}", seq, title, **(facts | more), values=values)


SEEN = Seen(
    {
        snapshot.id: snapshot
        for snapshot in (
            a_snapshot(1, "Parse"),
            a_snapshot(2, "Print", "e1"),
            a_snapshot(3, "Store", "e2", "e9"),
            a_snapshot(4, "Send", status="in_progress"),
            a_snapshot(5, "Log", on_hold=True, status="blocked"),
            a_snapshot(6, "Keep", locked=True),
            a_snapshot(7, "Drop", frozen=True),
        )
    },
    PlanningContext(entries=[Known(f"e{n}", n, f"Entry {n}", n != 9) for n in (1, 2, 3, 4, 5, 6, 7, 9)]),
)


def read(*changes: dict[str, Any]) -> Answer:
    return change_answers.read(json.dumps({"changes": [{"reason": "Better so", **change} for change in changes]}), SEEN)


def test_each_kind_is_read_with_what_it_is_about() -> None:
    answer = read(
        {"kind": "change", "entry": "#1", "priority": "high", "rounds": 8},
        {"kind": "merge", "entry": "e2", "with": "#3"},
    )
    change, merge = answer.proposed
    assert (change.kind, change.subject, change.after) == ("change", "e1", {"priority": "high", "rounds": 8})
    assert (merge.kind, merge.subject, merge.after["with"]) == ("merge", "e2", "e3")
    assert (merge.after["content"], merge.after["spec"]) == ("Print\n\nStore", {"tests": ["Print", "Store"]})
    assert change.before is not None and change.before["priority"] == "medium"


def test_a_split_names_children_that_may_wait_for_each_other() -> None:
    children = [{"content": "Read", "ref": "read"}, {"content": "Check", "depends_on": ["read", "#9"]}]
    [split] = read({"kind": "split", "entry": "#1", "entries": children}).proposed
    assert (split.kind, split.subject) == ("split", "e1")
    assert [child.get("depends_on") for child in split.after["entries"]] == [None, ["read", "e9"]]


def test_nothing_is_an_answer() -> None:
    answer = read()
    assert not answer.proposed and not answer.problems


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "drop", "entry": "#99"}, "Change 1: `#99` is no open entry of the backlog"),
        ({"kind": "drop", "entry": "#9"}, "Change 1: `#9` is no open entry of the backlog"),
        ({"kind": "drop", "entry": "#4"}, "Change 1: #4 Send is at work: leave it as it is"),
        ({"kind": "hold", "entry": "#5"}, "Change 1: #5 Log is on hold: leave it as it is"),
        ({"kind": "hold", "entry": "#6"}, "Change 1: A person has locked the budget of #6 Keep: leave it as it is"),
        ({"kind": "merge", "entry": "#1", "with": "#7"}, "Change 1: The spec of #7 Drop is frozen: leave it as it is"),
        ({"kind": "merge", "entry": "#1", "with": "#1"}, "#1 Parse is in 2 changes: put all that it needs into one"),
        ({"kind": "change", "entry": "#1"}, "Change 1: it names no new value: give priority, depends_on or rounds"),
        ({"kind": "change", "entry": "#1", "priority": "medium"}, "Change 1: #1 Parse has that priority already"),
        ({"kind": "change", "entry": "#1", "priority": "soon"}, "Change 1: `priority` should be 'critical', "),
        ({"kind": "change", "entry": "#1", "rounds": 0}, "Change 1: `rounds` should be greater than or equal to 1"),
        ({"kind": "change", "entry": "#1", "depends_on": ["#8"]}, "Change 1: `#8` is no entry of the backlog"),
        ({"kind": "change", "entry": "#1", "depends_on": ["#3"]}, "These entries would wait for each other: #"),
        ({"kind": "change", "entry": "#1", "budget_usd": 3}, "Change 1: take out `budget_usd`: an agent sets no amounts"),
        ({"kind": "change", "entry": "#1", "content": "Else"}, "Change 1: take out `content`: it has no such property"),
        ({"kind": "merge", "entry": "#1", "with": "#3"}, "These entries would wait for each other: #"),
        (
            {"kind": "drop", "entry": "#1"},
            "#1 Parse cannot be dropped: #2 Print waits for it. Change what that waits for as well",
        ),
        (
            {"kind": "split", "entry": "#1", "entries": [{"content": "A"}]},
            "Change 1: `entries` list should have at least 2 items",
        ),
        (
            {"kind": "split", "entry": "#1", "entries": [{"content": "A", "depends_on": ["#1"]}, {"content": "B"}]},
            "Change 1: Entry 1 depends on `#1`, which is no ref of this answer and no entry of the backlog",
        ),
        ({"kind": "raise", "entry": "#1"}, "Change 1: `kind` must be change, drop, hold, merge or split"),
        ({"entry": "#1"}, "Change 1: `kind` must be change, drop, hold, merge or split"),
        ({"kind": "drop", "entry": "#3", "reason": " "}, "Change 1: `reason` may not be empty"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(change: dict[str, Any], sentence: str) -> None:
    answer = read(change)
    assert answer.problems[0].startswith(sentence)
    assert not answer.proposed


def test_what_waits_for_a_dropped_entry_may_change_in_the_same_answer() -> None:
    assert not read({"kind": "drop", "entry": "#1"}, {"kind": "change", "entry": "#2", "depends_on": []}).problems


def test_more_than_two_hundred_changes_are_refused() -> None:
    assert read(*[{"kind": "drop", "entry": "#3"}] * 201).problems == [
        "The answer has 201 changes: 200 is the most. Propose the first steps"
    ]


names = st.sampled_from(["#1", "#2", "#3", "e1", "#4", "#9", "#99", ""])
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
changes = st.fixed_dictionaries(
    {"kind": st.sampled_from(["change", "drop", "hold", "merge"]), "entry": names, "reason": st.just("Better so")},
    optional={
        "with": names,
        "priority": st.sampled_from(["high", "low", "medium"]),
        "rounds": st.integers(-1, 9),
        "depends_on": st.lists(names, max_size=3),
        "content": st.text(max_size=5),
    },
)


@given(st.text() | st.fixed_dictionaries({"changes": st.lists(json_values | changes, max_size=4)}).map(json.dumps))
def test_any_text_is_read_without_an_error(text: str) -> None:
    answer = change_answers.read(text, SEEN)
    assert not (answer.proposed and answer.problems)
    touched = [pk for proposed in answer.proposed for pk in (proposed.subject, proposed.after.get("with")) if pk]
    assert len(set(touched)) == len(touched) and set(touched) <= {"e1", "e2", "e3"}


@given(st.lists(changes, max_size=4))
def test_what_is_accepted_makes_no_cycle(listed: list[dict[str, Any]]) -> None:
    needs = {pk: list(snapshot.values["depends_on"]) for pk, snapshot in SEEN.open.items()}
    for proposed in change_answers.read(json.dumps({"changes": listed}), SEEN).proposed:
        if "depends_on" in proposed.after:
            needs[str(proposed.subject)] = proposed.after["depends_on"]
    assert graph.cycle(needs) is None
