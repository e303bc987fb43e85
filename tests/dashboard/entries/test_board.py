"""The entries as a board: the columns count what their links list, and a card says why its entry is there."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.timezone import now

from dashboard.entries import board as boards
from dashboard.entries import filters, rail
from orchestration.lists import entries as lists
from orchestration.models import Entry, Landing
from tests.dashboard.entries.test_list import at
from tests.dashboard.entries.test_one_state import one_in_each_state
from tests.dashboard.overview.test_page import statements, text_of
from tests.dashboard.page_requests import page_request
from tests.dashboard.seeds import entries as seed
from tests.factories import CLOSED, a_workspace, an_entry
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
    assert statements(ana, at(few), view="board", **part) == statements(ana, at(many), view="board", **part) <= 13
    ready = board(ana, many)["ready"]
    assert (len(seqs(ready)), ready.number) == (10, "400")


def test_list_and_board_name_a_state_by_the_same_words(ana: Client, workspace: Workspace) -> None:
    words = {item["word"].lower() for item in ana.get(at(workspace)).context["rail"]}
    titles = {name: column.title.lower() for name, column in board(ana, workspace).items()}
    assert titles.pop("stuck") == "blocked or failed" and titles.pop("landed") == "landed today"
    assert set(titles.values()) <= words
    for name, title in titles.items():
        assert f"<strong>{title}</strong>" in text_of(ana, at(workspace), status=name)


# On a small stage


@pytest.fixture
def shop(db: None) -> Workspace:
    an_entry(a_workspace(name="Other"))
    return a_workspace()


def some(shop: Workspace, number: int, **fields: Any) -> list[int]:
    entries = [an_entry(shop) for _ in range(number)]
    Entry.objects.filter(pk__in=[entry.pk for entry in entries]).update(**fields)
    return [entry.seq for entry in entries]


def built(shop: Workspace, **query: str) -> dict[str, Any]:
    request = page_request(shop, view="board", **query)
    asked = filters.read(request).of_any_status
    return {column.name: column for column in boards.build(request, asked, rail.count(request, asked))["columns"]}


def parts(column: Any) -> list[tuple[str, str, str, list[int]]]:
    return [(part.word, part.number, part.query, [card["entry"].seq for card in part.cards]) for part in column.parts]


def test_a_column_has_its_cards_by_reason_with_the_number_and_the_list_of_each(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "MAX_CARDS", 3)
    stuck = {"reason_code": "rounds_exhausted", "reason_message": "x"}
    some(shop, 2, status="failed", **stuck)
    some(shop, 1, status="blocked", **stuck)
    some(shop, 1, status="blocked", reason_code="human_hold", reason_message="x")
    some(shop, 1, status="in_progress")
    shown = built(shop, q="do", status="blocked", reason="x", sort="-seq")
    assert {name: (column.title, column.number, column.query) for name, column in shown.items()} == {
        "waiting": ("Waiting", "0", "q=do&sort=-seq&status=waiting"), "ready": ("Ready", "0", "q=do&sort=-seq&status=ready"),
        "running": ("In progress", "1", "q=do&sort=-seq&status=running"), "review": ("In review", "0", "q=do&sort=-seq&status=review"),
        "stuck": ("Blocked or failed", "4", "q=do&sort=-seq&status=stuck"), "landed": ("Landed today", "0", "q=do&sort=-seq&status=landed"),
    }  # fmt: skip
    query = "q=do&sort=-seq&status"
    assert sorted(parts(shown["stuck"])) == sorted([
        ("Failed: rounds used up", "2", f"{query}=failed&reason=rounds_exhausted", [1, 2]),
        ("Rounds used up", "1", f"{query}=blocked&reason=rounds_exhausted", [3]),
        ("On hold", "1", f"{query}=blocked&reason=human_hold", []),
    ])  # fmt: skip
    assert parts(shown["running"]) == [("", "", "", [5])]


def test_what_starts_next_comes_first_and_what_waits_is_in_the_order_of_the_backlog(shop: Workspace) -> None:
    for fields in ({}, {"priority": 0}, {"has_rounds": True}):
        some(shop, 1, **fields)
        some(shop, 1, not_before="2999-01-01T00:00:00Z", **fields)
    shown = built(shop)
    assert parts(shown["ready"]) == [("", "", "", [5, 3, 1])]
    assert [(number, cards) for _, number, _, cards in parts(shown["waiting"])] == [("3", [2, 4, 6])]


def landed(shop: Workspace, at: Any, updated: Any) -> int:
    [seq] = some(shop, 1, **CLOSED, updated_at=updated)
    entry = Entry.objects.get(workspace=shop, seq=seq)
    Landing.objects.create(workspace=shop, entry=entry, commit="1" * 40, state="landed", ended_at=at)
    return seq


def test_the_newest_of_what_landed_come_first_and_all_are_counted(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "MAX_CARDS", 2)
    at = now()
    first, second, third = (landed(shop, at, at - timedelta(seconds=ago)) for ago in (2, 9, 1))
    column = built(shop)["landed"]
    assert (column.number, [cards for *_, cards in parts(column)]) == ("3", [[third, first]]) and second not in seqs(column)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_today_begins_at_the_readers_midnight(shop: Workspace, zone: str) -> None:
    with timezone.override(zone):
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        today, _ = landed(shop, midnight, now()), landed(shop, midnight - timedelta(seconds=1), now())
        assert seqs(built(shop)["landed"]) == [today]
        assert lists.backlog(shop.pk).filter(lists.by_status(shop.pk, "landed", None)).get().seq == today


def test_an_empty_column_is_not_read_and_questions_only_while_one_waits(ana: Client) -> None:
    shop = seed.empty("Ready", cap="9", budget="9")
    an_entry(shop)
    with CaptureQueriesContext(connection) as queries:
        board(ana, shop)
    (piles,) = [query["sql"] for query in queries if query["sql"].startswith("SELECT 'ready', row_number()")]
    assert "orchestration_question" not in piles and "'review'" not in piles
