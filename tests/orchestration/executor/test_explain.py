"""The explanation of what waits says what the next cycle does, whichever entries are named."""

import pytest

from budget.amounts import usd
from budget.models import Account
from orchestration.backlog.entries import Draft
from orchestration.executor import dispatch, explain, ready_line
from orchestration.executor.explain import Explanation
from orchestration.models import Entry
from tests.factories import a_worker, a_workspace, an_entry, sessions_of, some_entries
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    a_worker(slots=9)
    other = a_workspace(name="Other")
    an_entry(other)
    return a_workspace(max_workers=2)


def whys(explained: list[Explanation]) -> dict[int, str]:
    return {each.entry.seq: each.why.code if each.why else "" for each in explained}


def started(shop: Workspace) -> set[int]:
    dispatch.cycle(shop.pk)
    return {session.entry.seq for session in sessions_of(shop)}


def test_the_slots_go_to_the_head_of_the_line_on_every_page(shop: Workspace) -> None:
    some_entries(shop, *(Draft(f"Entry {n}", budget=usd(1)) for n in range(4)))
    _, first = explain.explain(shop.pk, limit=3)
    assert whys(first) == {1: "", 2: "", 3: "concurrency_limit"}
    _, behind = explain.explain(shop.pk, after=ready_line.place(first[1].entry))
    assert whys(behind) == {3: "concurrency_limit", 4: "concurrency_limit"}
    assert started(shop) == {1, 2}


def test_entries_with_money_of_their_own_get_the_slots_first_and_are_listed_in_the_order_of_the_line(shop: Workspace) -> None:
    rows = some_entries(shop, "Share", *(Draft(f"Own {n}", budget=usd(1)) for n in range(2)))
    Account.objects.filter(pk=rows[0].account_id).update(budget=0)
    _, explained = explain.explain(shop.pk)
    assert [each.entry.seq for each in explained] == [1, 2, 3] and whys(explained) == {1: "concurrency_limit", 2: "", 3: ""}
    assert started(shop) == {2, 3}


def test_an_entry_waits_behind_those_ahead_of_it_that_take_the_slots(shop: Workspace) -> None:
    """Two that are ahead of all have no money, and take none."""
    poor = some_entries(shop, *(Draft(f"Poor {n}", budget=usd("0.01")) for n in range(2)))
    affordable = some_entries(shop, *(Draft(f"Entry {n}", budget=usd(1)) for n in range(3)))
    gone = an_entry(shop)
    Entry.objects.filter(pk=gone.pk).update(status="done", done_way="closed", done_by="ana")
    theirs = Entry.objects.get(workspace__name="Other")
    chosen = [affordable[2].pk, gone.pk, theirs.pk]
    assert {id_: each.why and each.why.code for id_, each in explain.reasons(shop.pk, chosen).items()} == {
        affordable[2].pk: "concurrency_limit"
    }
    assert whys(list(explain.reasons(shop.pk, [poor[0].pk, affordable[0].pk]).values())) == {1: "budget_exceeded", 3: ""}
    assert explain.reasons(shop.pk, []) == {}
    assert started(shop) == {3, 4}
