"""The page of the reallocation: the sum behind its pool, lists that are cut with how much is missing, and its switch."""

import pytest
from django.urls import reverse

from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, BudgetChange, Hold
from dashboard.budget import reallocation
from orchestration.models import Executor
from tests.dashboard.budget.sent import result
from tests.dashboard.conftest import client_of
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, CLOSED, a_charge, a_workspace, an_entry, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("cap", "plan", "named", "pool"),
    [
        ("20", "30", "cap of $20.00", 13),
        ("30", "20", "total budget of $20.00", 13),
        ("20", "20", "total budget of $20.00", 13),
        ("20", "0", "cap of $20.00", 13),
    ],
)
def test_the_pool_is_the_tighter_of_plan_and_cap_less_what_is_gone_or_locked(cap: str, plan: str, named: str, pool: int) -> None:
    shop = a_workspace(cap=cap, budget=plan)
    entry, locked = an_entry(shop, budget="4"), an_entry(shop, budget="4")
    a_charge(entry, "2")
    Hold.objects.create(project=project(shop), account=entry.account, session_ref="s", amount=usd(1))
    caps.toggle_lock(locked.account, by=ANA)
    shown = reallocation.preview(page_request(shop))
    gone = "less $2.00 spent, $1.00 reserved and $4.00 left in locked budgets of open entries"
    assert shown["outcome"].pool == usd(pool) and shown["pool"] == f"${pool}.00 (the {named}, {gone})"
    assert reallocation._pool(project(shop), 0) == f"nothing (the {named} is spent, reserved or locked)"


@pytest.fixture
def shop() -> Workspace:
    """Three ended entries with money to give back, and three locked ones."""
    shop = a_workspace()
    for n in range(6):
        entry = an_entry(shop, budget="5")
        if n % 2:
            caps.toggle_lock(entry.account, by=ANA)
        else:
            type(entry).objects.filter(pk=entry.pk).update(**CLOSED)
    return shop


def test_what_a_list_leaves_out_is_counted(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = reallocation.preview(page_request(shop))
    assert [(entry.seq, difference) for entry, _, difference in shown["would"]] == [(n, -usd(5)) for n in (1, 3, 5)]
    assert [entry.seq for entry, _ in shown["skipped"]] == [2, 4, 6]
    assert (shown["more_changes"], shown["more_skipped"]) == (0, 0)
    monkeypatch.setattr(reallocation, "MAX_ROWS", 2)
    shown = reallocation.preview(page_request(shop))
    assert [len(shown["would"]), len(shown["skipped"]), shown["more_changes"], shown["more_skipped"]] == [2, 2, 1, 1]


def test_a_run_is_by_the_person_who_sent_it_with_what_it_changed_and_skipped(shop: Workspace) -> None:
    address = reverse("reallocate", args=[shop.pk])
    assert client_of("vera", "viewer", shop).get(address).status_code == 200
    assert not BudgetChange.objects.filter(field="budget").exists()
    sentence = "The reallocation changed 3 budgets, skipped 3 locked; $85.00 stays unallocated"
    assert result(client_of("bea", "budget", shop).post(address)) == (sentence, "good")
    changed = BudgetChange.objects.filter(field="budget").values_list("actor", "source", "before", "after")
    assert list(changed) == [("bea", "allocation", usd(5), 0)] * 3
    assert sorted(Account.objects.filter(project_id=shop.pk).values_list("budget", flat=True)) == [0] * 3 + [usd(5)] * 3


@pytest.mark.parametrize(("form", "on"), [({"on": "1"}, True), ({"on": "0"}, False), ({}, False)])
def test_the_switch_is_what_was_sent_however_often(form: dict[str, str], on: bool) -> None:
    other = a_workspace(name="Other", auto_reallocate=not on)
    shop = a_workspace(auto_reallocate=not on)
    una = client_of("una", "admin", shop)
    words = "Unlocked budgets are reallocated after each round" if on else "Budgets are reallocated only on request"
    for _ in range(2):
        assert result(una.post(reverse("auto-reallocate", args=[shop.pk]), form)) == (words, "good")
        assert Executor.objects.get(pk=shop.pk).config["auto_reallocate"] is on
    assert Executor.objects.get(pk=other.pk).config["auto_reallocate"] is not on
