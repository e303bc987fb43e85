"""The six places at the side, and the addresses of earlier releases."""

from typing import Any

import pytest
from django.test import Client
from django.urls import resolve

from dashboard.shared import moved, places
from tests.dashboard.page_requests import page_request
from tests.factories import a_session, an_entry
from workspaces.models import Workspace

pytestmark = pytest.mark.shop(max_workers=3)


def shown(shop: Workspace, tail: str) -> list[places.Shown]:
    request: Any = page_request(shop)
    request.request.path = f"/w/{shop.pk}/{tail}"
    return list(places.shown(request))


@pytest.mark.parametrize(
    ("tail", "place", "page", "current"),
    [
        ("", "Overview", "Overview", "page"),
        ("backlog/", "Backlog", "Entries", "page"),
        ("backlog/entry_1/", "Backlog", "Entries", "true"),
        ("backlog/plans/import/", "Backlog", "Plans", "true"),
        ("backlog/locks/", "Backlog", "Locks", "page"),
        ("sessions/sess_1/log/", "Sessions", "At work", "true"),
        ("sessions/hosts/", "Sessions", "Hosts", "page"),
        ("landing/", "Landing", "Landing", "page"),
        ("money/entries/", "Money", "Budget", "true"),
        ("money/reviews/rev_1/", "Money", "Reviews", "true"),
        ("settings/config/", "Settings", "Config", "page"),
        ("settings/executor/", "Settings", "Executor", "page"),
    ],
)
def test_one_place_and_one_page_of_it_are_marked(shop: Workspace, tail: str, place: str, page: str, current: str) -> None:
    marked = [item for item in shown(shop, tail) if item.first.current]
    assert [item.place.name for item in marked] == [place]
    links = marked[0].links or [marked[0].first]
    assert [(link.page.name, link.current) for link in links if link.current] == [(page, current)]


def test_a_count_is_shown_only_where_there_is_something(shop: Workspace) -> None:
    counts = {link.page.name: link.count for item in shown(shop, "") for link in item.links}
    assert counts["Entries"] == counts["At work"] == counts["Reviews"] == ""
    a_session(an_entry(shop))
    counts = {link.page.name: link.count for item in shown(shop, "") for link in item.links}
    assert (counts["Entries"], counts["At work"]) == ("1", "1")


def test_every_key_is_of_one_page() -> None:
    keys = [page.key for place in places.PLACES for page in place.pages if page.key]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("entries/", "backlog/"),
        ("entries/entry_1/?tab=talk&x=a%20b", "backlog/entry_1/?tab=talk&x=a%20b"),
        ("entries/goal/", "backlog/plans/"),
        ("entries/plan/", "backlog/plans/import/"),
        ("entries/runs/run_1/", "backlog/plans/run_1/"),
        ("entries/a%3Fb/", "backlog/a%3Fb/"),
        ("locks/", "backlog/locks/"),
        ("workers/sess_1/log/", "sessions/sess_1/log/"),
        ("budget/ledger/?sort=-x", "money/ledger/?sort=-x"),
        ("budget/reviews/rev_1/", "money/reviews/rev_1/"),
        ("insight/?by=agent", "money/insight/?by=agent"),
        ("executor/", "settings/executor/"),
        ("executor/hosts/", "sessions/hosts/"),
        ("activity/", "settings/activity/"),
        ("agents/", "settings/agents/"),
        ("notices/", "settings/notices/"),
    ],
)
def test_an_address_of_an_earlier_release_leads_to_the_page(client: Client, old: str, new: str) -> None:
    answer = client.get(f"/w/ws_1/{old}")
    assert (answer.status_code, answer["Location"]) == (301, f"/w/ws_1/{new}")
    assert resolve(f"/w/ws_1/{new.partition('?')[0]}").func is not moved.to_place
    sent = client.post(f"/w/ws_1/{old}")
    assert (sent.status_code, sent["Location"]) == (308, f"/w/ws_1/{new}"), "the browser repeats the form"


def test_a_workspace_may_be_named_like_an_old_address(client: Client) -> None:
    assert client.get("/w/entries/entries/x/")["Location"] == "/w/entries/backlog/x/"
    assert client.get("/w/budget/locks/")["Location"] == "/w/budget/backlog/locks/"


def test_a_page_that_is_open_since_before_gets_no_region(client: Client) -> None:
    assert client.get("/w/ws_1/entries/?live=entries,header:3").json() == {"regions": {}, "failed": [], "reload": True}
