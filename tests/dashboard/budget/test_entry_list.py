"""The list of budgets by entry: bounds of its filters, links that keep what is chosen, and its CSV beside what the page shows."""

import csv
import io
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, Hold, RoundSpend
from dashboard.budget import by_entry
from orchestration.backlog import deletion, splitting
from orchestration.backlog.entries import Draft
from orchestration.models import Entry
from tests.dashboard.conftest import client_of
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, a_charge, a_workspace, an_entry, project, some_entries
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    a_charge(an_entry(a_workspace(name="Other"), budget="9"), "8")
    return a_workspace(cap="20", budget="30")


def listed(shop: Workspace, **query: str) -> dict[str, Any]:
    return by_entry.entry_budgets(page_request(shop, **query))


def seqs(shown: dict[str, Any]) -> list[int]:
    return [row["entry"].seq for row in shown["budgets"]]


def lines(client: Client, shop: Workspace, **query: str) -> tuple[str, list[dict[str, str]]]:
    """The name of the download without its time, and its lines."""
    response = client.get(reverse("budget-entries", args=[shop.pk]), query | {"format": "csv"})
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    name = response.headers["Content-Disposition"].partition('"')[2].rpartition("-")[0]
    return name, list(csv.DictReader(io.StringIO(text)))


def test_an_entry_that_spent_its_budget_exactly_is_not_over_it(shop: Workspace) -> None:
    exact, over = an_entry(shop, budget="2"), an_entry(shop, budget="2")
    a_charge(exact, "2")
    a_charge(over, "2.000001")
    assert seqs(listed(shop, over="1")) == [2]


def test_words_find_by_text_number_and_id_and_the_sums_are_of_what_was_found(shop: Workspace) -> None:
    first, second = an_entry(shop, budget="2", content="Do 7 things"), an_entry(shop, budget="3", content="Paint")
    gone = an_entry(shop, budget="5", content="Paint more")
    a_charge(second, "1")
    deletion.delete_all([gone], by=ANA)
    matching = listed(shop, q=second.pk)
    assert seqs(matching) == [2] and matching["filtered"] and not matching["good_news"]
    assert matching["totals"] == {"entries": 1, "budget": usd(3), "spent": usd(1), "held": 0, "left": usd(2)}
    assert matching["allocated"] == usd(5)  # of the whole workspace
    for words, matches in (
        ("paint", [2]), ("#1", [1]), ("7", [1]), (first.pk, [1]), (first.pk[:-1], []), ("#9", []), ("9" * 17, []), ("x", []), ("  ", [1, 2])
    ):  # fmt: skip
        assert seqs(listed(shop, q=words)) == matches, words


def test_no_entry_over_its_budget_is_good_news_only_without_another_filter(shop: Workspace) -> None:
    for other in ("locked", "none", "q"):
        assert not listed(shop, over="1", **{other: "1"})["good_news"]
    assert listed(shop, over="1", sort="-spent")["good_news"]


def parsed(query: str) -> dict[str, str]:
    return QueryDict(query).dict()  # type: ignore[return-value]


def test_chips_choose_one_filter_and_keep_the_search_and_the_order(shop: Workspace) -> None:
    chips = listed(shop, locked="1", q="do", sort="-left", after="5")["chips"]
    kept = {"q": "do", "sort": "-left"}
    assert [(label, parsed(query), chosen) for label, query, chosen in chips] == [
        ("All", kept, False),
        ("Over budget", kept | {"over": "1"}, False),
        ("Locked", kept | {"locked": "1"}, True),
        ("No budget", kept | {"none": "1"}, False),
    ]
    assert [chosen for *_, chosen in listed(shop, q="do")["chips"]] == [True, False, False, False]


@pytest.mark.parametrize(
    ("chosen", "links", "marked"),
    [
        ("", {"spent": "-spent", "budget": "-budget", "left": "-left", "seq": "-seq"}, ("seq", "ascending")),
        ("-spent", {"spent": "spent", "budget": "-budget", "left": "-left", "seq": ""}, ("spent", "descending")),
        ("spent", {"spent": "-spent", "budget": "-budget", "left": "-left", "seq": ""}, ("spent", "ascending")),
        ("-seq", {"spent": "-spent", "budget": "-budget", "left": "-left", "seq": ""}, ("seq", "descending")),
    ],
)
def test_a_column_sorts_money_from_the_largest_and_numbers_from_the_first(
    shop: Workspace, chosen: str, links: dict[str, str], marked: tuple[str, str]
) -> None:
    sorts = listed(shop, sort=chosen, q="do", over="1")["sorts"]
    kept = {"q": "do", "over": "1"}
    assert {name: parsed(sort["query"]) for name, sort in sorts.items()} == {
        name: kept | ({"sort": order} if order else {}) for name, order in links.items()
    }
    assert [(name, sort["now"]) for name, sort in sorts.items() if sort["now"]] == [marked]


def test_a_search_keeps_the_filters_and_the_order_and_a_form_the_page_it_is_on(shop: Workspace) -> None:
    shown = listed(shop, locked="1", sort="-left", q="do", edit="entry_1", release="entry_2")
    assert shown["search"] == [("locked", "1"), ("sort", "-left")]
    assert (shown["editing"], shown["releasing"]) == ("entry_1", "entry_2")
    assert parsed(shown["query"]) == parsed(shown["here"].partition("?")[2]) == {"locked": "1", "sort": "-left", "q": "do"}


def test_a_line_of_the_csv_is_what_the_page_shows(shop: Workspace) -> None:
    entry, other = an_entry(shop, budget="5"), an_entry(shop, budget="4")
    for number, gain in ((1, 0.5), (2, -0.2)):
        a_charge(entry, "1", round=number)
        RoundSpend.objects.filter(account_id=entry.pk, number=number).update(improvement_score=gain)
    a_charge(entry, "0.25", category="interceptor")
    Hold.objects.create(project=project(shop), account=entry.account, session_ref="s", amount=usd("0.5"))
    caps.edit(entry.account, usd(6), by=ANA, reason="=mine")
    bea = client_of("bea", "viewer", shop)
    name, [row] = lines(bea, shop, locked="1")
    account = Account.objects.get(pk=entry.pk)
    assert name == "budget-by-entry-locked" and account.locked_at
    assert row == {
        "entry_id": entry.pk, "number": "1", "title": "Do it", "status": "pending", "budget_usd": "6", "spent_usd": "2",
        "interceptor_spent_usd": "0.25", "held_usd": "0.5", "left_usd": "3.5", "rounds": "2", "usd_per_round": "1",
        "usd_per_hundredth": "0.04", "locked": "True", "locked_by": "ana", "locked_at": account.locked_at.isoformat(),
        "locked_reason": "'=mine", "changed_by": "ana", "changed_at": row["changed_at"]}  # fmt: skip
    name, rows = lines(bea, shop, sort="budget")
    assert name == "budget-by-entry" and [row["entry_id"] for row in rows] == [other.pk, entry.pk]
    assert [row["entry_id"] for row in lines(bea, shop, sort="-budget", none="")[1]] == [entry.pk, other.pk]


def test_the_csv_has_every_entry_however_many(shop: Workspace) -> None:
    some_entries(shop, *(f"do {n}" for n in range(501)))
    _, rows = lines(client_of("bea", "viewer", shop), shop)
    assert [row["number"] for row in rows] == [str(n) for n in range(1, 502)]


def test_a_cell_is_fetched_of_this_workspaces_entries_alone(shop: Workspace) -> None:
    mine, theirs = an_entry(shop), Entry.objects.exclude(workspace=shop).get()
    bea = client_of("bea", "budget", shop)
    address = reverse("budget-entries", args=[shop.pk])
    for name in ("edit", "release"):
        assert bea.get(address, {"fragment": name, name: mine.pk}).status_code == 200
        assert bea.get(address, {"fragment": name, name: theirs.pk}).status_code == 404


@pytest.mark.parametrize("address", ["budget-entries", "entry"])
def test_a_form_shows_and_sends_all_of_an_entry_that_is_split(shop: Workspace, address: str) -> None:
    entry = an_entry(shop, budget="3")
    children = splitting.split(entry, [Draft("One"), Draft("Two")], by=ANA)
    client = client_of("bea", "budget", shop)
    args, query = ([shop.pk], {"edit": entry.pk}) if address == "budget-entries" else ([shop.pk, entry.pk], {"tab": "budget"})
    text = client.get(reverse(address, args=args), query).content.decode()
    assert f'name="seen" value="{usd(3)}"' in text and 'value="3.00"' in text
    form = {"amount": "4", "seen": str(usd(3)), "next": reverse("budget-entries", args=[shop.pk])}
    assert client.post(reverse("entry-budget", args=[shop.pk, entry.pk]), form).status_code == 303
    assert [Account.objects.get(pk=each.pk).budget for each in (entry, *children)] == [0, usd(2), usd(2)]
