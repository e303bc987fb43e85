"""The table, the graph and the frame of the list as a reader sees them: whole rows, links that keep their filter, and what is offered to whom."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from budget.limits import caps
from budget.models import Account
from dashboard.entries import outline
from dashboard.shared.lists import paging
from orchestration.backlog import dependencies, splitting
from orchestration.backlog.entries import Draft
from orchestration.executor import control
from orchestration.models import Entry
from tests.dashboard.conftest import client_of
from tests.dashboard.entries.test_list import at
from tests.dashboard.page_text import rows, words
from tests.factories import ANA, CLOSED, a_session, a_worker, a_workspace, an_entry
from workspaces.models import Workspace


@pytest.fixture
def shop(db: None) -> Workspace:
    shop = a_workspace(max_workers=9)
    a_worker()
    return shop


def set_(entry: Entry, **fields: Any) -> Entry:
    Entry.objects.filter(pk=entry.pk).update(**{"updated_at": now() - timedelta(hours=5)} | fields)
    return entry


def table(client: Client, shop: Workspace, **query: str) -> list[str]:
    return rows(client, at(shop), **{"fragment": "entries"} | query)[1:]


def test_each_row_has_its_state_reason_figures_and_age(shop: Workspace) -> None:
    began = {"created_at": now() - timedelta(days=2)}
    ready = set_(an_entry(shop, content="Ready"), **began, score=0.5, rounds_completed=1, budget_rounds=4)
    held = an_entry(shop, content="Held", budget="3", priority=Entry.Priority.HIGH)
    caps.toggle_lock(held.account, by=ANA)
    set_(held, status="blocked", reason_code="human_hold", reason_message="not yet", reason_at=now() - timedelta(days=3))
    done = set_(an_entry(shop, content="Done"), **CLOSED)
    Account.objects.filter(pk=ready.pk).update(spent=500_000)
    Account.objects.filter(pk=held.pk).update(spent=1_000_000)
    Account.objects.filter(pk=done.pk).update(budget=0)
    vera = vera_of(shop)
    shown = table(vera, shop)
    assert [re.sub(r" {2,}", " ", row) for row in shown] == [
        "#1 Ready | Ready | Ready: starts in the next cycle | 1 of 4 | $0.50 of $1.00 | 5h ago",
        "#2 Held High priority | On hold | not yet | 0 of 5 | $1.00 of $3.00, locked | 5h ago",
        "#3 Done | Done | 0 of 5 | $0.00 · no budget | 5h ago",
    ]
    page = vera.get(at(shop), {"fragment": "entries"}).content.decode()
    assert page.count("best score") == page.count('title="best score 0.50"') == 1


def vera_of(shop: Workspace) -> Client:
    return client_of("vera", "viewer", shop)


def test_rows_lead_to_their_session_parent_and_children(ana: Client, shop: Workspace) -> None:
    session = a_session(an_entry(shop))
    whole = an_entry(shop, budget="9")
    first, second = splitting.split(whole, [Draft("One"), Draft("Two")], by=ANA)
    set_(second, **CLOSED)
    page = " ".join(ana.get(at(shop), {"fragment": "entries"}).content.decode().split())
    assert f'<a href="/w/{shop.pk}/sessions/{session.pk}/">Implementing, round 1</a>' in page
    assert f'<a href="?q=parent:%23{whole.seq}">1 of 2 children done</a>' in page
    assert f'part of <a href="{at(shop)}{whole.pk}/?tab=children">#{whole.seq}</a>' in page
    assert page.count('class="child-1"') == 2 and page.count('name="pick"') == 4
    assert f'id="row-{first.pk}" class="child-1"' in page


def test_groups_and_headings_lead_to_their_list(ana: Client, shop: Workspace) -> None:
    for group in ("Tax", "Tax", ""):
        set_(an_entry(shop), group=group)
    page = " ".join(ana.get(at(shop), {"fragment": "entries", "q": "do"}).content.decode().split())
    assert '<a href="?q=do&amp;group=Tax">Tax</a> <span class="count num">2</span>' in page and "No heading" in page
    assert 'id="groups">' in page and 'class="group meta">Tax' not in page
    sorted_page = ana.get(at(shop), {"fragment": "entries", "sort": "-spent", "group": "Tax"}).content.decode()
    assert sorted_page.count('class="group meta">Tax') == 2 and 'id="groups" open' in sorted_page


def summary(client: Client, shop: Workspace, **query: str) -> str:
    page = client.get(at(shop), {"fragment": "entries"} | query).content.decode()
    return words(page.partition('<p class="summary-line">')[2].partition("</p>")[0])


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ({}, "3 entries · Hide done"),
        ({"done": "hide"}, "2 entries · Show 1 done"),
        ({"status": "done"}, "Showing done: 1 entry · Clear filters"),
        ({"q": "do"}, "Showing with “do”: 3 entries · Clear filters · Hide done"),
        ({"q": "#1"}, "Showing with “#1”: 1 entry · Clear filters"),
        ({"status": "ready", "view": "graph"}, "Showing ready: 2 entries · Clear filters"),
        ({"view": "board"}, "3 entries"),
        ({"sort": "-spent"}, "3 entries · Hide done"),
    ],
)
def test_the_line_above_the_list_counts_and_offers(ana: Client, shop: Workspace, query: dict[str, str], line: str) -> None:
    for fields in ({}, {}, CLOSED):
        set_(an_entry(shop), **fields)
    assert summary(ana, shop, **query) == line
    page = ana.get(at(shop), query).content.decode()
    if "Clear filters" in line:
        assert f'href="?{"view=graph" if query.get("view") else ""}">Clear filters' in page.replace("\n", "")


def test_all_that_match_can_be_chosen_where_they_are_on_more_pages(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        an_entry(shop)
    otto = client_of("otto", "operator", shop)
    for size, offered in ((3, False), (2, True)):
        monkeypatch.setattr(paging, "PAGE_SIZE", size)
        page = " ".join(otto.get(at(shop), {"q": "do", "sort": "seq"}).content.decode().split())
        assert ('id="every"' in page) is offered and ("all 3 matching" in page) is offered
        assert '<input type="hidden" name="matching" value="q=do&amp;sort=seq">' in page


def test_money_is_changed_in_bulk_by_those_who_may(shop: Workspace) -> None:
    an_entry(shop)
    for name, role, money, bar in (
        ("ada", "admin", True, True),
        ("otto", "operator", False, True),
        ("bea", "budget", False, False),
    ):
        page = client_of(name, role, shop).get(at(shop)).content.decode()
        assert ('id="bulk-budget"' in page, 'id="bulk-more"' in page, f"{at(shop)}new/" in page) == (money, bar, bar), name


def test_the_headline_shows_what_is_open_and_what_keeps_all_of_it(ana: Client, shop: Workspace) -> None:
    def headline() -> str:
        return words(ana.get(at(shop), {"fragment": "headline"}).content.decode())

    assert headline() == "No entries yet. Write the first one, import a plan, or let an agent plan a goal."
    first, second = an_entry(shop), an_entry(shop)
    assert headline() == "2 entries are open."
    control.pause(shop.pk, by=ANA)
    set_(first, **CLOSED)
    assert headline() == "1 entry is open. The executor is paused."
    set_(second, **CLOSED)
    assert headline() == "Everything is done. The executor is paused."


def test_the_graph_lists_what_each_needs_and_counts_what_it_leaves_out(
    ana: Client, shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    need, waiter, outside = (an_entry(shop, content=content) for content in ("Need", "Waiter", "Outside"))
    for other in (need, outside):
        dependencies.depend(waiter, other, by=ANA)
    page = words(ana.get(at(shop), {"view": "graph", "q": "e"}).content.decode())
    assert page.index("#1 Need") < page.index("#2 Waiter") and "#3 Outside" in page
    monkeypatch.setattr(outline, "MAX_ENTRIES", 2)
    page = words(ana.get(at(shop), {"view": "graph"}).content.decode())
    assert "1 more are not shown: narrow the filters." in page
