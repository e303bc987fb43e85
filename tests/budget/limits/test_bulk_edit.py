"""A bulk edit changes all of the chosen budgets of its workspace, or none."""

import pytest

from budget.amounts import usd
from budget.limits import bulk_edit, caps
from budget.limits.bulk_edit import Order, Wish
from budget.models import Account
from tests.factories import ANA, a_workspace, an_entry, project
from workspaces.access import Caller
from workspaces.errors import Invalid

pytestmark = pytest.mark.django_db


def test_an_account_of_another_workspace_is_out_of_reach_and_nothing_changes() -> None:
    shop = a_workspace()
    ours, theirs = an_entry(shop), an_entry(a_workspace(name="Theirs"))
    wishes = [Wish(entry.account_id, usd(1)) for entry in (ours, theirs)]
    with pytest.raises(Invalid, match="nothing was changed"):
        bulk_edit.carry_out(project(shop), Order("set", wishes, amount=usd(9)), by=ANA)
    assert set(Account.objects.values_list("budget", flat=True)) == {usd(1)}


def test_who_changed_a_budget_is_not_who_changed_another() -> None:
    shop = a_workspace()
    mine, other = (an_entry(shop, budget="1").account for _ in range(2))
    caps.edit(mine, usd(2), by=ANA)
    caps.edit(other, usd(3), by=Caller("bea"))
    with pytest.raises(caps.Changed, match=r"^ana changed it from \$1\.00 to \$2\.00 at "):
        caps.edit(mine, usd(4), by=Caller("otto"), expected=usd(1))
