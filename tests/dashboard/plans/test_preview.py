"""A line of a plan's preview: what changes, what stays, and why."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dashboard.plans import preview
from orchestration.plans.difference import NEW, FieldChange, Known, Line
from orchestration.plans.importing import Preview

KNOWN = Known("entry_1", 7, "Parse", "pending", "", "", {}, {"depends_on": []})


def line(*, entry: Known | None = KNOWN, changes: tuple[FieldChange, ...] = (), kept: tuple[FieldChange, ...] = ()) -> Line:
    return Line(cast(Any, SimpleNamespace()), entry, {}, changes, kept)


EDIT = FieldChange("content", "a", "b")


@pytest.mark.parametrize(
    ("shown", "word", "why"),
    [
        (line(entry=None), "Added", ""),
        (line(changes=(EDIT,)), "Changed", ""),
        (line(kept=(EDIT,)), "Edited here", "A person edited it"),
        (line(entry=replace(KNOWN, frozen=True), kept=(EDIT,)), "Edited here", "Its spec is frozen"),
        (line(entry=replace(KNOWN, busy="at work", frozen=True), kept=(EDIT,)), "Left alone", "It is at work"),
        (line(entry=replace(KNOWN, busy="at work")), "", ""),
        (line(entry=replace(KNOWN, deleted=True)), "Deleted here", ""),
    ],
)
def test_a_line_has_its_kind_and_what_keeps_its_values(shown: Line, word: str, why: str) -> None:
    row = preview._row(shown, {}, None)
    assert (row.word, row.why) == (word, why) and len(row.changes) == len(shown.changes) and len(row.kept) == len(shown.kept)


@pytest.mark.parametrize(("likely", "without"), [(None, False), ([], True), (["t.a"], False)])
def test_an_entry_that_no_failing_test_looks_like_is_marked(likely: list[str] | None, without: bool) -> None:
    row = preview._row(line(entry=None), {}, likely)
    assert (row.likely, row.is_without_test) == (likely or [], without)


def test_values_are_in_words() -> None:
    changes = (
        FieldChange("content", "x" * 400, None),
        FieldChange("parallelizable", True, False),
        FieldChange("depends_on", ["entry_1", "entry_9"], [f"{NEW}print"]),
        FieldChange("rounds", 3, 5),
    )
    values = preview._row(line(changes=changes), {"entry_1": "#7"}, None).changes
    assert [(value.before, value.after) for value in values] == [
        ("x" * 300, "nothing"),
        ("yes", "no"),
        ("#7; entry_9", "print"),
        ("3", "5"),
    ]
    assert [value.label for value in values][:3] == ["Text", "Runs in parallel", "Waits for"]


@pytest.mark.parametrize(
    ("added", "changed", "words"),
    [
        (0, 0, "0 entries would be added"),
        (1, 0, "1 entry would be added"),
        (2, 1, "2 entries would be added, 1 changed"),
        (0, 1, "1 entry would be changed"),
        (0, 3, "3 entries would be changed"),
    ],
)
def test_a_plan_is_summed_up(added: int, changed: int, words: str) -> None:
    counts = {"added": [0] * added, "changed": [0] * changed}
    difference = SimpleNamespace(of=lambda kind: counts[kind])
    assert preview.summary(cast(Preview, SimpleNamespace(difference=difference))) == words
