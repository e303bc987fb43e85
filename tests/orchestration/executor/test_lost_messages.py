"""Killed right after the commit, before any message: the next tick finds the money, and the entries that wait for it."""

from collections.abc import Callable

import pytest

from budget.amounts import usd
from budget.ledger import charges, corrections, permits, reconciliation
from budget.ledger.prices import Tokens
from budget.limits import caps
from budget.models import Account, Category, LedgerEntry, Project
from orchestration import funding
from orchestration.backlog.entries import Draft
from orchestration.executor import reconcile
from orchestration.messaging import wake_ups
from orchestration.models import Entry
from tests.factories import ANA, a_workspace, an_entry, project, some_entries
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No signal and no message is sent."""
    monkeypatch.setattr(caps.changed, "send", lambda *_, **__: [])
    monkeypatch.setattr(wake_ups, "enqueue_share_out", lambda *_: None)


def cap(shop: Workspace, other: Entry) -> None:
    caps.set_project(project(shop), "max_project_spend", usd(20), by=ANA)
    caps.set_project(project(shop), "total_budget", usd(20), by=ANA)


def edited_down(shop: Workspace, other: Entry) -> None:
    caps.edit(other.account, usd(2), by=ANA)


def refund(shop: Workspace, other: Entry) -> None:
    row = LedgerEntry.objects.get(category="orchestrator")
    corrections.correct(row, -usd(4), by=ANA, reason="booked twice", key="k")


def permit_ended(shop: Workspace, other: Entry) -> None:
    Account.objects.filter(pk=other.pk).update(budget=usd(1))
    permit = permits.open_permit(project(shop), None, category=Category.EXPANSION, amount=usd(4), by=ANA)
    permits.close(permit, by=ANA)


def provider_reports_less(shop: Workspace, other: Entry) -> None:
    row = LedgerEntry.objects.get(category="orchestrator")
    usage = reconciliation.read(
        f"d,m,c\n{row.at:%Y-%m-%d},x,1\n", provider="generic", columns={"date": "d", "model": "m", "cost": "c"}
    )
    reconciliation.apply(shop.pk, usage, provider="generic", by=ANA)


def unlocked(shop: Workspace, other: Entry) -> None:
    poor = Account.objects.get(own_budget=False)
    Account.objects.filter(pk=poor.pk).update(human_locked=True)
    Account.objects.filter(pk=other.pk).update(budget=usd(1))
    funding.share_out(shop.pk)
    caps.toggle_lock(poor, by=ANA)


def a_shop(*, spent: str, automatic: bool) -> tuple[Workspace, Entry, Entry]:
    """$10 of which a planner has spent a part; an entry with a locked budget of $5, and one without a budget."""
    shop = a_workspace(cap="10", budget="10", auto_reallocate=automatic, min_round_usd=1)
    report = charges.Report(Category.ORCHESTRATOR, usd(spent), Tokens("x", 1))
    charges.book(project(shop), None, report, actor="planner", key=None)
    other = an_entry(shop, budget="5")
    Account.objects.filter(pk=other.pk).update(human_locked=True)
    [poor] = some_entries(shop, Draft("no money for it"))
    reconcile.run()
    return shop, other, poor


@pytest.mark.parametrize("automatic", [False, True])
@pytest.mark.parametrize("money", [cap, refund, provider_reports_less])
@pytest.mark.usefixtures("killed")
def test_an_entry_without_money_becomes_pending(money: Callable[[Workspace, Entry], None], automatic: bool) -> None:
    shop, other, poor = a_shop(spent="9.5", automatic=automatic)
    assert Entry.objects.get(pk=poor.pk).reason_code == "project_budget_exceeded"
    money(shop, other)
    reconcile.run()
    assert Entry.objects.get(pk=poor.pk).status == "pending"
    assert Project.objects.get(pk=shop.pk).allocation_due is None


@pytest.mark.parametrize("automatic", [False, True])
@pytest.mark.parametrize("money", [edited_down, permit_ended, unlocked])
@pytest.mark.usefixtures("killed")
def test_an_entry_whose_money_is_set_aside_for_others_gets_a_share_once_it_is_not(
    money: Callable[[Workspace, Entry], None], automatic: bool
) -> None:
    shop, other, poor = a_shop(spent="5", automatic=automatic)
    assert (Entry.objects.get(pk=poor.pk).status, Account.objects.get(pk=poor.pk).budget) == ("pending", 0)
    money(shop, other)
    reconcile.run()
    assert Account.objects.get(pk=poor.pk).budget >= usd(1)
    assert Project.objects.get(pk=shop.pk).allocation_due is None
