"""The filters and orders of the lists of entries and sessions: the API has those of the page."""

import pytest
from django.test import Client
from django.urls import reverse

from budget.amounts import usd
from budget.limits import caps
from budget.models import Account
from orchestration.backlog import entry_actions
from orchestration.lists.entries import SORTS, SYNONYMS
from orchestration.models import Entry, Session
from tests.contract.api import Api
from tests.dashboard.seeds.entries import user as person
from tests.factories import ANA, a_charge, a_session, a_workspace, an_entry
from workspaces.models import Workspace


@pytest.fixture
def spent(workspace: Workspace) -> list[Entry]:
    entries = [an_entry(workspace, budget="5", content=f"Sort {n}") for n in range(5)]
    for entry, dollars in zip(entries, ("2", "1", "3", "1"), strict=False):
        a_charge(entry, dollars)
    caps.toggle_lock(entries[1].account, by=ANA)
    Account.objects.filter(pk=entries[2].pk).update(budget=usd("2.5"))
    Entry.objects.filter(pk=entries[0].pk).update(score=0.5, rounds_completed=2, group="Tax / Deep")
    Entry.objects.filter(pk=entries[3].pk).update(priority=Entry.Priority.HIGH)
    entry_actions.mark_done(Entry.objects.get(pk=entries[0].pk), by=ANA)
    entry_actions.put_on_hold(Entry.objects.get(pk=entries[3].pk), by=ANA)
    return entries


@pytest.fixture
def reader(workspace: Workspace) -> Client:
    client = Client()
    client.force_login(person("ana", role="viewer", workspace=workspace))
    return client


def seqs(shop: Api, query: str, limit: int = 500) -> list[int]:
    """The entries of all pages, by number."""
    numbers, cursor = [], ""
    while cursor is not None:
        page = shop.get(f"/todo?limit={limit}&{query}{cursor and f'&cursor={cursor}'}").json
        numbers += [row["seq"] for row in page["entries"]]
        cursor = page["next_cursor"]
    return numbers


def test_entries_come_by_cost_in_pages_that_neither_repeat_nor_hide_one(shop: Api, spent: list[Entry]) -> None:
    assert seqs(shop, "sort=-cost", 2) == [3, 1, 4, 2, 5] and seqs(shop, "sort=cost", 1) == [5, 2, 4, 1, 3]
    assert seqs(shop, "", 2) == [1, 2, 3, 4, 5]


def test_the_page_has_the_order_of_the_api(shop: Api, workspace: Workspace, spent: list[Entry], reader: Client) -> None:
    for sort in (f"{sign}{name}" for name in (*SORTS, *SYNONYMS) for sign in ("", "-")):
        page = reader.get(reverse("entries", args=[workspace.pk]), {"sort": sort, "format": "csv"}).getvalue().decode()
        assert [int(line.split(",")[1]) for line in page.splitlines()[1:]] == seqs(shop, f"sort={sort}", 2)


@pytest.mark.parametrize(
    ("search", "numbers"),
    [
        ("spent:>1", [1, 3]), ("over:yes", [3]), ("locked:yes", [2]), ("status:open", [2, 3, 4, 5]), ("held:yes", [4]),
        ("group:Tax", [1]), ("own_budget:no", []), ("reason:hold", [4]), ("sort 3", [3, 4]), ("#3", [3]), ("score:>=0.5 rounds:2", [1]),
    ],
)  # fmt: skip
def test_a_search_of_the_page_finds_the_same_by_the_api(
    shop: Api, workspace: Workspace, spent: list[Entry], reader: Client, search: str, numbers: list[int]
) -> None:
    query = search.replace(" ", "+").replace("#", "%23")
    rows = reader.get(reverse("entries", args=[workspace.pk]), {"q": search, "sort": "seq"}).context["rows"]
    assert (
        seqs(shop, f"search={query}") == seqs(shop, f"search={query}&sort=seq") == [row["entry"].seq for row in rows] == numbers
    )


def test_a_reason_finds_the_same_in_any_order(shop: Api, spent: list[Entry]) -> None:
    for reason in ("human_hold", "no_worker", "concurrency_limit", "odd"):
        assert seqs(shop, f"reason={reason}&sort=-seq", 2) == seqs(shop, f"reason={reason}")[::-1]


def test_a_cursor_belongs_to_its_order(shop: Api, spent: list[Entry]) -> None:
    a_workspace(name="Other")
    assert [shop.get(f"/todo?{query}").status for query in ("cursor=1_2", "sort=seq&cursor=1", "sort=seq&cursor=1_2")] == [
        400,
        400,
        200,
    ]


def test_sessions_at_work_come_in_the_orders_and_by_the_filters_of_their_page(shop: Api, workspace: Workspace) -> None:
    sessions = [a_session(an_entry(workspace, content=text)) for text in ("Sort", "Count", "Sort more")]
    Session.objects.filter(pk=sessions[1].pk).update(phase="verification")
    numbers = {session.pk: n for n, session in enumerate(sessions, start=1)}

    def by(query: str) -> list[int]:
        return [numbers[row["sessionID"]] for row in shop.get(f"/executor/workers?{query}").json["workers"]]

    assert by("sort=-entry") == by("")[::-1] == [3, 2, 1] and by("q=sort&sort=entry") == [1, 3]
    assert by("phase=verification") == by("q=%232") == by(f"q={sessions[1].pk}") == [2]
