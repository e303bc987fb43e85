"""The entries as a board: the columns count what their links list, and a card says why its entry is there."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from orchestration.models import Entry, Landing
from tests.dashboard.entries.test_list import at
from tests.dashboard.entries.test_one_state import one_in_each_state
from tests.dashboard.overview.test_page import statements, text_of
from tests.dashboard.seeds import entries as seed
from workspaces.models import Workspace


def board(client: Client, workspace: Workspace, **query: str) -> dict[str, Any]:
    context = client.get(at(workspace), query | {"view": "board"}).context
    return {column.name: column for column in context["columns"]}


def seqs(column: Any) -> list[int]:
    return [card["entry"].seq for part in column.parts for card in part.cards]


def land(workspace: Workspace, seq: int, *, ago: timedelta) -> None:
    entry = Entry.objects.get(workspace=workspace, seq=seq)
    round_ = entry.rounds.order_by("-number")[0]
    Landing.objects.filter(entry=entry).delete()
    ended = {"state": "landed", "ended_at": now() - ago}
    Landing.objects.create(workspace=workspace, entry=entry, round=round_, commit="1" * 40, **ended)


def test_each_number_is_that_of_the_list_behind_its_link(ana: Client, workspace: Workspace) -> None:
    one_in_each_state(workspace)
    land(workspace, 1, ago=timedelta())
    for query in ({}, {"q": "app"}):
        for column in board(ana, workspace, **query).values():
            for part in (column, *(part for part in column.parts if part.query)):
                listed = ana.get(f"{at(workspace)}?{part.query}").context
                assert listed["view"] == "" and part.number == str(listed["matching"]), (column.name, part.query)


def test_every_open_entry_is_on_one_column(ana: Client, workspace: Workspace) -> None:
    one_in_each_state(workspace)
    shown = [seq for name, column in board(ana, workspace).items() if name != "landed" for seq in seqs(column)]
    unfinished = Entry.objects.filter(workspace=workspace).exclude(status="done").values_list("seq", flat=True)
    assert sorted(shown) == sorted(unfinished)


def test_cards_stand_under_their_reason_with_its_sentence(ana: Client, workspace: Workspace) -> None:
    one_in_each_state(workspace)
    columns = board(ana, workspace)
    assert {"File lock", "Provider"} <= {part.word for part in columns["waiting"].parts}
    assert [part.word for part in columns["review"].parts] == ["Question", "Approval"]
    assert "Failed: rounds used up" in {part.word for part in columns["stuck"].parts}
    assert "Its agent asks: Which one?" in text_of(ana, at(workspace), view="board", fragment="entries")


def test_landed_today_is_the_day_of_the_reader(ana: Client, workspace: Workspace) -> None:
    land(workspace, 1, ago=timedelta())
    land(workspace, 9, ago=timedelta(days=1, minutes=1))
    column = board(ana, workspace)["landed"]
    assert seqs(column) == [1] and column.number == "1"
    listed = ana.get(at(workspace), {"status": "landed"}).context
    assert (listed["filter_text"], listed["matching"]) == ("landed today", 1)


def test_a_board_has_all_states_whatever_was_filtered(ana: Client, workspace: Workspace) -> None:
    assert seqs(board(ana, workspace, status="blocked")["running"]) == seqs(board(ana, workspace)["running"]) != []
    assert board(ana, workspace, q="#2")["ready"].number == "0"
    assert "No entry matches" in text_of(ana, at(workspace), view="board", q="nothing like it")


@pytest.mark.parametrize("part", [{}, {"fragment": "entries"}])
def test_a_board_of_ten_and_of_five_hundred_takes_the_same_queries(ana: Client, part: dict[str, str]) -> None:
    few, many = (seed.empty(name, cap="9000", budget="9000") for name in ("Few", "Many"))
    seed.plenty(few, 10)
    seed.plenty(many, 500)
    assert statements(ana, at(few), view="board", **part) == statements(ana, at(many), view="board", **part) <= 12
    ready = board(ana, many)["ready"]
    assert (len(seqs(ready)), ready.number) == (10, "400")


def test_list_and_board_name_a_state_by_the_same_words(ana: Client, workspace: Workspace) -> None:
    words = {item["word"].lower() for item in ana.get(at(workspace)).context["rail"]}
    titles = {name: column.title.lower() for name, column in board(ana, workspace).items()}
    assert titles.pop("stuck") == "blocked or failed" and titles.pop("landed") == "landed today"
    assert set(titles.values()) <= words
    for name, title in titles.items():
        assert f"<strong>{title}</strong>" in text_of(ana, at(workspace), status=name)
