"""Many budgets at once on their page: what the question shows, what it sends back whole, and how the result is put."""

import pytest
from django.test import Client
from django.urls import reverse

from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, BudgetChange
from dashboard.budget import bulk_edit
from orchestration.models import Entry
from tests.dashboard.budget.sent import question, result
from tests.factories import ANA, a_workspace, an_entry, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    """A plan of $10 with a cap of $20."""
    return a_workspace(cap="20", budget="10")


@pytest.fixture
def three(shop: Workspace) -> list[Entry]:
    return [an_entry(shop, budget=str(dollars)) for dollars in (1, 2, 3)]


def pick(*entries: Entry) -> list[str]:
    return [f"{entry.pk}:{Account.objects.get(pk=entry.pk).budget}" for entry in entries]


def budgets(entries: list[Entry]) -> list[int]:
    return [Account.objects.get(pk=entry.pk).budget for entry in entries]


def send(client: Client, shop: Workspace, **form: object) -> object:
    return client.post(reverse("budget-bulk", args=[shop.pk]), form)


@pytest.mark.parametrize(
    ("do", "value", "shown", "after"),
    [("set", "7", ["$7.00", "$7.00"], [7, 2, 7]), ("percent", "+300 %", ["$4.00", "$12.00"], [4, 2, 12])],
)
def test_more_than_the_plan_is_asked_first_and_then_done_as_it_was_sent(
    bea: Client, shop: Workspace, three: list[Entry], do: str, value: str, shown: list[str], after: list[int]
) -> None:
    first, _, third = three
    over = {"set": "6", "percent": "8"}[do]
    asked = send(bea, shop, do=do, value=value, reason="harder", pick=pick(third, first))
    assert question(asked) == {
        "title": "Change 2 entries",
        "sentence": f"Allocated ${10 + int(over)}.00 exceeds the total budget by ${over}.00. The budgets exceed the plan; the cap stays $20.00.",
        "button": "Change 2 entries",
        "action": reverse("budget-bulk", args=[shop.pk]),
        "points": [f"#1 $1.00 → {shown[0]}", f"#3 $3.00 → {shown[1]}"],
        "fields": {"do": do, "value": value, "reason": "harder", "picks": ",".join(pick(third, first))},
    }
    assert budgets(three) == [usd(1), usd(2), usd(3)]
    again = asked.context["confirmation"]["fields"]  # type: ignore[attr-defined]
    assert question(send(bea, shop, **again | {"do": "set", "value": "9"}))["points"] == ["#1 $1.00 → $9.00", "#3 $3.00 → $9.00"]
    assert result(send(bea, shop, **again)) == ("Budgets of 2 entries changed and locked", "warn")
    assert budgets(three) == [usd(dollars) for dollars in after]
    assert set(BudgetChange.objects.values_list("actor", "reason")) == {("bea", "harder")}


def test_up_to_the_whole_plan_is_not_asked(bea: Client, shop: Workspace, three: list[Entry]) -> None:
    assert result(send(bea, shop, do="set", value="7", pick=pick(three[2]))) == ("Budgets of 1 entry changed and locked", "good")


def test_of_many_the_first_are_shown_with_how_many_more(
    bea: Client, shop: Workspace, three: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_edit, "MAX_POINTS", 2)
    theirs = an_entry(a_workspace(name="Other"), budget="4")
    asked = question(send(bea, shop, do="set", value="9", pick=pick(*three, theirs)))
    assert asked["points"] == ["#1 $1.00 → $9.00", "#2 $2.00 → $9.00", "and 2 more"]  # of another workspace nothing is shown
    assert question(send(bea, shop, do="set", value="9", pick=pick(*three[:2])))["points"][-1] == "#2 $2.00 → $9.00"


def test_locks_are_named_with_those_that_had_them_already(bea: Client, shop: Workspace, three: list[Entry]) -> None:
    caps.set_project(project(shop), "total_budget", usd(1), by=ANA)  # what exceeds the plan is no matter of a lock
    caps.toggle_lock(three[0].account, by=ANA)
    picked = pick(*three)
    for form, words in (
        ({"do": "lock"}, "2 entries are now locked; 1 already were"),
        ({"do": "lock"}, "0 entries are now locked; 3 already were"),
        ({"do": "unlock", "reason": "done"}, "3 entries are now open to reallocation"),
        ({"do": "lock", "pick": picked[:1]}, "1 entry is now locked"),
    ):
        assert result(send(bea, shop, **{"pick": picked} | form)) == (words, "good")


def test_an_entry_that_is_picked_twice_is_one(bea: Client, shop: Workspace, three: list[Entry]) -> None:
    picked = pick(three[0])
    assert result(send(bea, shop, do="set", value="2", pick=picked, picks=picked[0])) == (
        "Budgets of 1 entry changed and locked",
        "good",
    )
