"""What is allocated: alone, and read with the other sums of a backlog."""

import pytest

from budget.amounts import usd
from budget.limits import allocated
from budget.models import Account
from orchestration.backlog import deletion
from orchestration.models import Entry
from tests.factories import ANA, CLOSED, a_workspace, an_entry

pytestmark = pytest.mark.django_db


def test_ended_and_removed_entries_count_with_their_spend() -> None:
    workspace = a_workspace()
    done, failed, gone, _, over = (an_entry(workspace, budget="2") for _ in range(5))
    Account.objects.filter(pk__in=[done.pk, failed.pk, gone.pk]).update(spent=usd("0.25"))
    Account.objects.filter(pk=over.pk).update(spent=usd(3))
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    Entry.objects.filter(pk=failed.pk).update(status="failed", reason_code="no_improvement")
    deletion.delete_all([gone], by=ANA)
    assert allocated.allocated(workspace.pk) == usd("0.75") + usd(2) + usd(3)
    sums = allocated.sums(workspace.pk)
    assert (sums["allocated"], sums["entries"], sums["spent"]) == (usd("5.75"), 4, usd("3.5"))
