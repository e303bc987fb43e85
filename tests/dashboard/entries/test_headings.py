"""The list from top to bottom: open entries first, below the headings of their plan, without those that are done."""

from types import SimpleNamespace
from typing import Any

from django.db import connection
from django.http import QueryDict
from django.test import Client

from dashboard.entries import headings
from orchestration.models import Entry
from tests.dashboard.entries.test_large_lists import backlog, plan, statements
from tests.dashboard.entries.test_list import at, rail, walk
from tests.dashboard.overview.test_page import text_of
from tests.dashboard.seeds import entries as seed
from tests.factories import CLOSED
from workspaces.models import Workspace


def under(workspace: Workspace, **groups: list[int]) -> None:
    for group, seqs in groups.items():
        Entry.objects.filter(workspace=workspace, seq__in=seqs).update(group=group)


def shown(client: Client, workspace: Workspace, **query: str) -> list[tuple[str, str, list[int]]]:
    sections: list[Any] = client.get(at(workspace), query).context["sections"]
    return [(section.heading, section.number, [row["entry"].seq for row in section.rows]) for section in sections]


def test_open_entries_come_first_on_every_page(ana: Client) -> None:
    workspace = seed.empty(cap="9000", budget="9000")
    seed.plenty(workspace, 120)
    Entry.objects.filter(workspace=workspace, seq__lte=60).update(**CLOSED)
    numbers = dict(Entry.objects.filter(workspace=workspace).values_list("pk", "seq"))
    assert [numbers[pk] for pk in walk(ana, workspace)] == [*range(61, 121), *range(1, 61)]
    assert [numbers[pk] for pk in walk(ana, workspace, sort="seq")] == [*range(1, 121)]


def test_rows_stand_below_their_heading_with_its_number(ana: Client, workspace: Workspace) -> None:
    under(workspace, Export=[1, 5, 10], Parser=[2, 7])
    sections = shown(ana, workspace)
    assert sections[0] == ("Parser", "2", [2, 7])
    assert ("Export", "3", [5, 10, 1]) in sections
    assert ("", "", [3, 4, 6, 8, 11, 12, 9]) in sections
    assert [heading for heading, _, _ in shown(ana, workspace, sort="-spent")] == [""]


def test_a_child_stays_below_its_parent_whatever_its_heading() -> None:
    page_request: Any = SimpleNamespace(request=SimpleNamespace(GET=QueryDict()))
    rows = [
        {"entry": Entry(seq=seq, group=group), "depth": depth} for seq, group, depth in ((1, "A", 0), (2, "B", 1), (3, "B", 0))
    ]
    sections = headings.split(page_request, rows, {"A": "1"})
    shown = [(section.heading, section.number, section.query, [row["entry"].seq for row in section.rows]) for section in sections]
    assert shown == [("A", "1", "group=A", [1, 2]), ("B", "", "group=B", [3])]


def test_without_headings_there_is_no_row_for_them(ana: Client, workspace: Workspace) -> None:
    assert "rowgroup" not in text_of(ana, at(workspace), fragment="entries")


def test_done_entries_are_hidden_by_the_address(ana: Client, workspace: Workspace) -> None:
    context = ana.get(at(workspace), {"done": "hide"}).context
    assert context["matching"] == len(context["rows"]) == 10
    assert not any(row["entry"].status == "done" for row in context["rows"])
    assert "Show 2 done" in text_of(ana, at(workspace), done="hide", fragment="entries")
    assert rail(ana, workspace, done="hide")["Done"] == "2"
    assert ana.get(at(workspace), {"done": "hide", "status": "done"}).context["matching"] == 2


def test_a_backlog_that_is_done_and_hidden_is_good_news(ana: Client, workspace: Workspace) -> None:
    Entry.objects.filter(workspace=workspace).update(**CLOSED, reason_code="")
    seen = text_of(ana, at(workspace), done="hide", fragment="entries")
    assert "All entries are done." in seen and "There are no entries yet" not in seen


def test_the_order_is_read_from_its_index(ana: Client) -> None:
    workspace = backlog(3)
    [page] = [sent for sent in statements(ana, at(workspace)) if "LIMIT 51" in sent[0] and '"place"' in sent[0]]
    if connection.vendor == "postgresql":  # it sorts a few rows, unless it may not
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_sort = off")
    assert any("entries_open_first" in line for line in plan(*page)), plan(*page)
    if connection.vendor == "sqlite":
        first = [line for line in plan(*page) if "entries_open_first" in line]
        assert all("USE TEMP B-TREE" not in line for line in first)
