"""The allocated sum is the same alone and read with the other sums of a backlog."""

import pytest

from budget.amounts import usd
from budget.limits import allocated
from budget.models import Account
from orchestration.backlog import deletion
from orchestration.models import Entry
from tests.factories import ANA, CLOSED, a_workspace, an_entry, project

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


def test_nothing_is_allocated_in_a_workspace_without_entries() -> None:
    an_entry(a_workspace(name="Other"), budget="2")
    workspace = a_workspace()
    assert allocated.allocated(workspace.pk) == 0
    assert allocated.sums(workspace.pk) == {"entries": 0, "budget": 0, "spent": 0, "held": 0, "allocated": 0}


def test_sums_are_of_this_workspaces_entries_that_are_on_the_backlog() -> None:
    workspace, other = a_workspace(), a_workspace(name="Other")
    single, _, gone = (an_entry(workspace, budget="2") for _ in range(3))
    an_entry(other, budget="50")
    deletion.delete_all([an_entry(other, budget="5")], by=ANA)
    Account.objects.filter(project_id=other.pk).update(spent=usd(7))
    Account.objects.filter(pk=single.pk).update(spent=usd(1), held=usd("1.5"))
    Account.objects.filter(pk=gone.pk).update(spent=usd("0.25"))
    deletion.delete_all([gone], by=ANA)
    assert allocated.sums(workspace.pk) == {
        "entries": 2, "budget": usd(4), "spent": usd(1), "held": usd("1.5"), "allocated": usd("4.75")}  # fmt: skip
    assert allocated.allocated(workspace.pk) == usd("4.75")


@pytest.mark.parametrize(
    ("plan", "total", "sentence"),
    [("10", 10_000_000, ""), ("10", 12_500_000, "Allocated $12.50 exceeds the total budget by $2.50"), ("0", 5, "")],
)
def test_more_than_the_plan_is_named_with_how_much(plan: str, total: int, sentence: str) -> None:
    assert allocated.excess(project(a_workspace(budget=plan)), total) == sentence
