"""Numbers of one answer are of one moment, whatever is committed meanwhile. These tests commit, since only a transaction of its own is a snapshot."""

from collections.abc import Callable
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from django.test import Client

from budget.amounts import usd
from dashboard.overview import views as overview
from dashboard.shared.page_request import PageRequest
from tests.dashboard.seeds import entries as seed
from tests.dashboard.shared.test_every_address import paths
from tests.factories import a_charge
from workspaces import snapshot
from workspaces.models import Workspace

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def shop() -> Workspace:
    return seed.busy()


@pytest.fixture
def bea(shop: Workspace, client: Client) -> Client:
    client.force_login(seed.user("ana"))
    return client


def elsewhere(do: Callable[[], object]) -> None:
    """Do it, and commit, on another connection."""

    def on_its_own() -> None:
        try:
            do()
        finally:
            connection.close()

    thread = Thread(target=on_its_own)
    thread.start()
    thread.join()


def watched(name: str, monkeypatch: pytest.MonkeyPatch, before: Callable[[], object]) -> dict[str, Any]:
    """The context of a region of the overview, once it is built. `before` happens just before."""
    region, seen = overview.REGIONS[name], {}

    def build(page_request: PageRequest) -> dict[str, Any]:
        before()
        seen.update(region.build(page_request))
        return seen

    monkeypatch.setitem(overview.REGIONS, name, replace(region, build=build))
    return seen


def test_money_that_is_spent_meanwhile_is_in_no_number_of_the_answer(
    bea: Client, shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "Spent today" stood above "spent"."""
    seen = watched("budget", monkeypatch, lambda: elsewhere(lambda: a_charge(None, "7.77", category="expansion", in_=shop)))
    bea.get(f"/w/{shop.pk}/", {"live": "header,budget", "build": settings.BUILD})
    assert seen["today"] == seen["project"].total_spent
    shop.project.refresh_from_db()
    assert shop.project.total_spent == seen["today"] + usd("7.77")


def test_a_region_whose_statement_fails_leaves_the_others_their_snapshot(
    bea: Client, shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched("now", monkeypatch, lambda: connection.cursor().execute("SELECT nothing FROM nowhere"))
    answer = bea.get(f"/w/{shop.pk}/", {"live": "now,header,budget", "build": settings.BUILD}).json()
    assert answer["failed"] == ["now"] and set(answer["regions"]) == {"header", "budget"}


def test_no_page_writes_where_it_reads(bea: Client, shop: Workspace) -> None:
    for path in paths(shop):
        for query in ({}, {"live": "header,nav", "build": settings.BUILD}):
            assert bea.get(path, query).status_code < 500, path


def test_a_snapshot_refuses_writes_and_what_follows_may_write(shop: Workspace) -> None:
    with pytest.raises(DatabaseError), snapshot.read():
        Workspace.objects.update(name="Other")
    Workspace.objects.update(name="Mine")
    assert Workspace.objects.get().name == "Mine"
