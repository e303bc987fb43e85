"""The list as a whole: what it says when it is empty, what its links keep, and how its heads sort."""

from typing import Any

import pytest
from django.test import Client

from dashboard.entries.views import Listing
from dashboard.shared import counts
from orchestration.executor import control
from orchestration.models import Entry
from tests.dashboard.entries.test_list import at
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, CLOSED, a_worker, a_workspace, an_entry
from workspaces.models import Workspace


@pytest.fixture
def shop(db: None) -> Workspace:
    an_entry(a_workspace(name="Other"))
    return a_workspace()


def built(shop: Workspace, **query: str) -> dict[str, Any]:
    return Listing(page_request(shop, **query)).built


@pytest.mark.parametrize(
    ("query", "done", "empty"),
    [
        ({}, False, "none"),
        ({"status": "blocked"}, False, "filtered"),
        ({"done": "hide"}, True, "good"),
        ({}, True, ""),
        ({"status": "blocked"}, True, "good"),
        ({"status": "ready"}, True, "filtered"),
        ({"status": "blocked", "reason": "human_hold"}, True, "filtered"),
        ({"status": "blocked", "group": "Tax"}, True, "filtered"),
        ({"status": "blocked", "q": "x"}, True, "filtered"),
        ({"status": "blocked", "locked": "1"}, True, "filtered"),
        ({"q": "x"}, True, "filtered"),
        ({"group": "Tax"}, True, "filtered"),
        ({"view": "graph", "q": "x"}, True, "filtered"),
    ],
)
def test_an_empty_list_is_good_news_or_not(shop: Workspace, query: dict[str, str], done: bool, empty: str) -> None:
    if done:
        Entry.objects.filter(pk=an_entry(shop).pk).update(**CLOSED)
    assert built(shop, **query)["empty"] == empty


def test_what_matches_is_counted_and_announced(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker()
    for _ in range(3):
        an_entry(shop)
    assert (built(shop)["matching"], built(shop)["announce"]) == (3, "3 entries match")
    assert built(shop, q="#1")["announce"] == "1 entry matches"
    control.pause(shop.pk, by=ANA)
    monkeypatch.setattr(counts, "COUNTED_TO", 3)
    assert built(shop, reason="executor_paused")["matching_shown"] == "3"
    monkeypatch.setattr(counts, "COUNTED_TO", 2)
    assert built(shop, reason="executor_paused")["matching_shown"] == "2+"


def test_a_search_keeps_what_was_chosen_and_a_board_has_all_states(shop: Workspace) -> None:
    query = {
        "status": "blocked",
        "reason": "human_hold",
        "locked": "1",
        "group": "Tax",
        "done": "hide",
        "view": "graph",
        "sort": "-spent",
    }
    context = built(shop, **query, q="mail", after="1_1")
    assert context["kept"] == [(name, query[name]) for name in ("status", "reason", "locked", "group", "done", "view", "sort")]
    assert context["views"] == [
        ("List", "status=blocked&reason=human_hold&locked=1&group=Tax&done=hide&sort=-spent&q=mail", False),
        ("Board", "locked=1&group=Tax&done=hide&q=mail&view=board", False),
        ("Graph", "status=blocked&reason=human_hold&locked=1&group=Tax&done=hide&sort=-spent&q=mail&view=graph", True),
    ]
    assert "done=" not in context["done_query"] and built(shop)["done_query"] == "done=hide"


@pytest.mark.parametrize(
    ("sort", "links"),
    [
        (
            "",
            {
                "seq": ("", "sort=seq"),
                "priority": ("", "sort=priority"),
                "rounds": ("", "sort=-rounds"),
                "updated": ("", "sort=-updated"),
            },
        ),
        ("seq", {"seq": ("ascending", "sort=-seq"), "priority": ("", "sort=priority")}),
        ("-seq", {"seq": ("descending", "sort=seq")}),
        ("-spent", {"spent": ("descending", "sort=spent"), "score": ("", "sort=-score")}),
        ("spent", {"spent": ("ascending", "sort=-spent")}),
    ],
)
def test_a_head_sorts_its_column_and_the_other_way_the_next_time(
    shop: Workspace, sort: str, links: dict[str, tuple[str, str]]
) -> None:
    an_entry(shop)
    context = built(shop, sort=sort)
    heads = {head["name"]: (head["now"], head["query"]) for head in [*context["heads"], *context["more_sorts"]]}
    assert {name: heads[name] for name in links} == links


def test_what_keeps_every_entry_is_shown_once(shop: Workspace) -> None:
    an_entry(shop)
    assert built(shop)["common_reason"] == "no session worker is online: start one with ./muster worker"
    a_worker(slots=0)
    a_worker(slots=1, host="b")
    assert built(shop)["common_reason"] == ""
    control.pause(shop.pk, by=ANA)
    assert built(shop)["common_reason"] == "the executor is paused"


def test_headings_are_shown_only_where_a_row_of_the_page_has_one(ana: Client, shop: Workspace) -> None:
    an_entry(shop)
    an_entry(shop)
    assert not ana.get(at(shop)).context["has_headings"]
    Entry.objects.filter(workspace=shop).update(group="Tax")
    assert ana.get(at(shop)).context["has_headings"] and not ana.get(at(shop), {"sort": "-spent"}).context["has_headings"]
