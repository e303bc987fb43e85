"""The entries as a graph: what is listed, what it needs within the list and outside of it, and what is drawn."""

from typing import Any

import pytest

from dashboard.entries import outline
from dashboard.shared.charts import graph
from orchestration.backlog import dependencies
from orchestration.models import Dependency, Entry, Question, Session
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, CLOSED, a_workspace, an_entry
from workspaces.models import Workspace


@pytest.fixture
def shop(db: None) -> Workspace:
    """#1 needs nothing; #2 and #5 wait for #1, #5 for #3 too; #4 and #6 stand alone."""
    shop = a_workspace()
    entries = [an_entry(shop, content=f"Step {n}") for n in range(1, 7)]
    for waiter, need in ((2, 1), (5, 3), (5, 1)):
        dependencies.depend(entries[waiter - 1], entries[need - 1], by=ANA)
    return shop


def seen(shop: Workspace, *seqs: int, matching: int = 0) -> dict[str, Any]:
    rows = Entry.objects.filter(workspace=shop, seq__in=seqs or range(99))
    return outline.build(page_request(shop), rows, matching or rows.count())


def lines(context: dict[str, Any]) -> list[tuple[int, int, list[int], list[int]]]:
    """Number, depth, what it needs here, and what it needs elsewhere."""
    return [
        (line["entry"].seq, line["line"].depth, [need.seq for need in line["needs"]], [need.seq for need in line["outside"]])
        for line in context["lines"]
    ]


def test_each_stands_below_what_it_waits_for_and_names_all_of_it(shop: Workspace) -> None:
    assert lines(seen(shop)) == [
        (1, 0, [], []), (2, 1, [1], []), (5, 1, [1, 3], []), (3, 0, [], []), (5, 1, [1, 3], []),
    ]  # fmt: skip
    assert lines(seen(shop, 2, 3, 5)) == [(2, 0, [], [1]), (3, 0, [], []), (5, 1, [3], [1])]


def test_what_has_no_tie_is_counted_and_neither_listed_nor_drawn(shop: Workspace) -> None:
    drawing = seen(shop)["drawing"]
    assert seen(shop)["alone"] == 2 and (seen(shop, 4, 6)["alone"], lines(seen(shop, 4, 6))) == (2, [])
    assert (seen(shop, 2, 4)["alone"], lines(seen(shop, 2, 4))) == (1, [(2, 0, [], [1])])
    assert "Dependencies of 4 entries" in drawing and all(f"#{seq} " in drawing for seq in (1, 2, 3, 5))
    assert "#4 " not in drawing and "#6 " not in drawing
    assert seen(shop, 4, 6)["drawing"] == ""


def test_a_circle_is_named_and_not_drawn(shop: Workspace) -> None:
    assert seen(shop)["circle"] == []
    first, second = (Entry.objects.get(workspace=shop, seq=seq) for seq in (1, 2))
    Dependency.objects.create(entry=first, depends_on=second)
    context = seen(shop)
    assert {entry.seq for entry in context["circle"]} == {1, 2} and context["drawing"] == ""


def test_the_first_are_shown_and_the_rest_is_counted(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outline, "MAX_ENTRIES", 4)
    context = seen(shop, matching=9)
    assert ([entry.seq for entry in context["rows"]], context["not_shown"]) == ([1, 2, 3, 4], 5)
    assert seen(shop, 1, 2)["not_shown"] == 0


def test_many_are_listed_and_not_drawn(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for most, drawn in ((4, True), (3, False)):
        monkeypatch.setattr(graph, "MAX_DRAWN", most)
        context = seen(shop)
        assert (bool(context["drawing"]), context["too_many"], context["most_drawn"]) == (drawn, not drawn, most)


def test_a_line_has_the_badge_of_its_entry(shop: Workspace) -> None:
    asker = Entry.objects.get(workspace=shop, seq=3)
    session = Session.objects.create(entry=asker, workspace=shop, attempt=1, status="ended", outcome="asked")
    Question.objects.create(workspace=shop, entry=asker, session=session, name="1", text="Which?")
    dependencies.depend(Entry.objects.get(workspace=shop, seq=6), Entry.objects.get(workspace=shop, seq=4), by=ANA)
    Entry.objects.filter(workspace=shop, seq=4).update(**CLOSED)
    Entry.objects.filter(workspace=shop, seq=6).update(status="blocked", reason_code="human_hold")
    badges = {line["entry"].seq: line["badge"] for line in seen(shop)["lines"]}
    assert badges == {1: "ready", 2: "pending", 3: "review", 4: "done", 5: "pending", 6: "held"}
