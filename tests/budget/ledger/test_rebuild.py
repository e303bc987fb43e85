"""Counters of one workspace beside another: what is right there is no drift here, and what is wrong here is repaired here alone."""

from datetime import UTC, date, datetime

import pytest
from django.utils import timezone

from budget import ledger
from budget.amounts import usd
from budget.ledger import awaited, permits, rebuild
from budget.models import Account, Category, DaySpend, Hold, LedgerEntry, ModelSpend, Project, RoundSpend
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def busy(name: str) -> Workspace:
    """Two entries with two rounds each, a reservation of each state, two permits (one is overdrawn) and a day that has passed."""
    shop = a_workspace(name=name)
    for n, state in enumerate(("open", "awaiting", "settled")):
        entry = an_entry(shop, budget="9")
        session = f"{name}{n}"
        hold = Hold.objects.create(project=project(shop), account=entry.account, session_ref=session, amount=usd(2))
        for number in (1, 2):
            item = ledger.Charge(f"{session}:{number}", usd("0.5"), LedgerEntry.PriceSource.REPORTED)
            ledger.charge(
                project(shop), item, account=entry.account, reservation=hold, round_number=number, session_ref=session, actor="a"
            )
        if state == "awaiting":
            awaited.keep(hold.pk, host="east", seconds=60)
        elif state == "settled":
            ledger.settle(hold.pk)
        a_charge(entry, "0.25", category="interceptor")
    for amount in ("1", "0.5"):
        permit = permits.open_permit(project(shop), None, category=Category.EXPANSION, amount=usd(amount), by=ANA)
    over = ledger.Charge(f"{name} over", usd(2), LedgerEntry.PriceSource.REPORTED, category=Category.EXPANSION)
    ledger.charge(project(shop), over, reservation=permit, actor="a")
    a_charge(None, "0.125", category="orchestrator", in_=shop, at=datetime(2026, 8, 4, 23, 59, tzinfo=UTC))
    return shop


def test_books_with_everything_in_them_have_no_drift_also_in_another_time_zone() -> None:
    with timezone.override("Pacific/Auckland"):
        shop, other = busy("Shop"), busy("Other")
        assert rebuild.find(shop.pk) == rebuild.find(other.pk) == []
    assert DaySpend.objects.filter(project_id=shop.pk, day=date(2026, 8, 4)).get().amount == usd("0.125")


def test_only_this_workspaces_wrong_counters_are_found_and_repaired() -> None:
    shop, other = busy("Shop"), busy("Other")
    accounts = list(Account.objects.filter(project_id=shop.pk).order_by("pk"))
    for where in (shop, other):
        Project.objects.filter(pk=where.pk).update(interceptor_spent=7, held=8)
        Account.objects.filter(project_id=where.pk).update(spent=3, held=4)
        RoundSpend.objects.filter(account__project_id=where.pk, number=2).update(cost=5)
        DaySpend.objects.filter(project_id=where.pk, category="orchestrator").update(amount=6)
    wrong = {(drift.kind, drift.id, drift.field): (drift.stored, drift.expected) for drift in rebuild.find(shop.pk)}
    assert wrong == {
        ("project", shop.pk, "interceptor_spent"): (7, usd("0.75")),
        ("project", shop.pk, "held"): (8, usd(3)),
        ("day", "2026-08-04:orchestrator", "amount"): (6, usd("0.125")),
        **{("round", f"{account.pk}:2", "cost"): (5, usd("0.5")) for account in accounts},
        **{("account", account.pk, "spent"): (3, usd(1)) for account in accounts},
        **{("account", account.pk, "held"): (4, account.held) for account in accounts},
    }
    assert len(rebuild.repair(shop.pk, by=ANA, reason="a bad script")) == len(wrong)
    assert rebuild.find(shop.pk) == [] and len(rebuild.find(other.pk)) == len(wrong)
    assert list(Account.objects.filter(project_id=shop.pk).order_by("pk").values_list("held")) == [(a.held,) for a in accounts]
    assert Event.objects.get(verb="budget.rebuilt").object_id == shop.pk
    assert not Event.objects.filter(verb="budget.rebuilt", workspace=other).exists()


def test_counters_that_rows_lost_are_made_again_where_they_belong() -> None:
    shop = busy("Shop")
    before = {model: set(model.objects.values_list(*names)) for model, names in LOST.items()}
    for model in LOST:
        model.objects.all().delete()
    rebuild.repair(shop.pk, by=ANA, reason="lost")
    assert {model: set(model.objects.values_list(*names)) for model, names in LOST.items()} == before


LOST = {RoundSpend: ("account_id", "number", "cost"), DaySpend: ("project_id", "day", "category", "amount")}


def test_what_a_model_cost_in_a_round_is_found_and_made_again() -> None:
    shop = busy("Shop")
    entry = an_entry(shop, budget="9")
    for model, amount in (("a:b", "1"), ("c", "2")):
        item = ledger.Charge(f"of {model}", usd(amount), LedgerEntry.PriceSource.REPORTED, model=model)
        ledger.charge(project(shop), item, account=entry.account, round_number=1, actor="a")
    ModelSpend.objects.filter(account=entry.account, model="a:b").update(cost=5)
    ModelSpend.objects.filter(account=entry.account, model="c").delete()
    ModelSpend.objects.create(account=entry.account, number=1, model="nobody", cost=9)
    wrong = [(drift.kind, drift.id, drift.stored, drift.expected) for drift in rebuild.find(shop.pk)]
    assert wrong == [
        ("model", f"{entry.pk}:1:a:b", 5, usd(1)),
        ("model", f"{entry.pk}:1:c", 0, usd(2)),
        ("model", f"{entry.pk}:1:nobody", 9, 0),
    ]
    rebuild.repair(shop.pk, by=ANA, reason="somebody edited rows")
    assert rebuild.find(shop.pk) == []
    costs = ModelSpend.objects.filter(account=entry.account).order_by("model").values_list("model", "cost")
    assert list(costs) == [("a:b", usd(1)), ("c", usd(2)), ("nobody", 0)]
