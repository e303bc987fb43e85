"""A bulk edit changes all of the chosen budgets of its workspace, or none."""

import pytest

from budget.amounts import usd
from budget.limits import bulk_edit
from budget.limits.bulk_edit import Order, Wish
from budget.models import Account
from tests.factories import ANA, a_workspace, an_entry, project
from workspaces.errors import Invalid

pytestmark = pytest.mark.django_db


def test_an_account_of_another_workspace_is_out_of_reach_and_nothing_changes() -> None:
    shop = a_workspace()
    ours, theirs = an_entry(shop), an_entry(a_workspace(name="Theirs"))
    wishes = [Wish(entry.account_id, usd(1)) for entry in (ours, theirs)]
    with pytest.raises(Invalid, match="nothing was changed"):
        bulk_edit.carry_out(project(shop), Order("set", wishes, amount=usd(9)), by=ANA)
    assert set(Account.objects.values_list("budget", flat=True)) == {usd(1)}
