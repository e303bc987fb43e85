"""The pages of the money at the edges: nothing, next to nothing, far too much, taken back, and a round that a caller made up."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from budget.amounts import usd
from budget.ledger import charges, reconciliation
from budget.ledger.prices import Tokens
from budget.limits import caps
from budget.models import Category, LedgerEntry
from orchestration.backlog import entries
from orchestration.backlog.entries import Draft
from orchestration.models import Entry
from tests.dashboard.overview.test_page import in_line
from tests.dashboard.seeds.money_cast import bea, day, vera
from tests.factories import ANA, a_charge, a_workspace, an_entry, project, some_entries
from tests.sampling import sample
from workspaces.models import Workspace

__all__ = ["bea", "day", "vera"]
pytestmark = pytest.mark.django_db

PAGES = ["", "?range=24h", "?range=7d", "entries/", "ledger/", "changes/", "reallocate/", "reviews/"]


def member(bea: Client, workspace: Workspace) -> Workspace:
    User.objects.update(is_superuser=True)
    return workspace


def all_pages(client: Client, workspace: Workspace) -> None:
    for page in PAGES:
        response = client.get(f"/w/{workspace.pk}/money/{page}")
        assert response.status_code == 200, page
        assert not re.search(r"(?i)\bnan\b|infinity", in_line(response.content.decode())), page
        assert len(response.content) < 1_000_000, page
    for entry in Entry.objects.filter(workspace=workspace, deleted_at__isnull=True)[:3]:
        assert client.get(f"/w/{workspace.pk}/backlog/{entry.pk}/").status_code == 200


def test_nothing(bea: Client, day: Any) -> None:
    all_pages(bea, member(bea, a_workspace(cap="0", budget="0")))


CAPS = [("0", "0"), ("0.000001", "0.000001"), ("1000000000", "1000000000"), ("10", "0"), ("0", "10")]
SPENT = ["0", "0.000001", "5", "999999999"]


@pytest.mark.parametrize(("cap", "budget", "spent"), sample(((*caps, spent) for caps in CAPS for spent in SPENT), 5))
def test_whatever_the_sizes(bea: Client, day: Any, cap: str, budget: str, spent: str) -> None:
    workspace = member(bea, a_workspace(cap=cap, budget=budget))
    entry = an_entry(workspace, budget="1000000000", content="Größe \u202e 漢字 <b>x</b>" * 20)
    a_charge(entry, spent)
    gone = an_entry(workspace, budget="0")
    a_charge(gone, spent, category="interceptor")
    entries.delete(gone, by=ANA)
    all_pages(bea, workspace)


def test_a_round_far_away(bea: Client, day: Any) -> None:
    workspace = member(bea, a_workspace())
    entry = an_entry(workspace)
    a_charge(entry, "0.1", round=2_000_000_000)
    a_charge(entry, "0.1", round=1)
    all_pages(bea, workspace)


def test_a_category_that_is_below_zero(bea: Client, day: Any) -> None:
    workspace = member(bea, a_workspace())
    entry = an_entry(workspace)
    report = charges.Report(Category.ENTRY, usd(5), Tokens("x", 1))
    charges.book(project(workspace), entry.account, report, actor="p", key=None)
    row = LedgerEntry.objects.get(project=workspace.pk)
    usage = reconciliation.read(
        f"d,m,c\n{row.at:%Y-%m-%d},x,1\n", provider="generic", columns={"date": "d", "model": "m", "cost": "c"}
    )
    reconciliation.apply(workspace.pk, usage, provider="generic", by=ANA)
    assert project(workspace).orchestrator_spent == -usd(4)
    all_pages(bea, workspace)


def test_a_preview_of_thousands_shows_the_first_and_counts_the_others(bea: Client, day: Any) -> None:
    workspace = member(bea, a_workspace(cap="100000", budget="100000"))
    created = some_entries(workspace, *(Draft(f"do {n}", budget=0) for n in range(450)))
    for entry in created[:210]:
        caps.toggle_lock(entry.account, by=ANA)
    page = in_line(bea.get(f"/w/{workspace.pk}/money/reallocate/").content.decode())
    assert "240 budgets of open entries would change, 210 locked would be skipped" in page and "Change 240 budgets now" in page
    assert "And 140 more." in page and "And 110 more." in page and page.count("<tr>") <= 2 * 101
