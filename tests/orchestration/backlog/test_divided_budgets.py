"""Random splits, spends, raises, deletions and ends: at each step what was given to an entry is what it and all below it have, to the
micro-dollar, and every counter is what its rows say."""

import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.limits import caps, dividing
from budget.models import Account, LedgerEntry, Project
from orchestration.backlog import deletion, entry_actions, splitting
from orchestration.backlog.entries import Draft
from orchestration.backlog.tree import rollup
from orchestration.maintenance import audit, rebuild
from orchestration.models import Entry
from tests.factories import ANA, a_charge, a_workspace, an_entry
from tests.sampling import seeds
from workspaces.errors import Refused
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
STEPS = ("split", "spend", "raise", "done", "fail", "hold", "resume", "delete", "undo")


def test_parts_add_up_to_what_is_left() -> None:
    assert dividing.parts(10, [None, None, None]) == [4, 3, 3]
    assert dividing.parts(10, [7, None]) == [7, 3]
    assert sum(dividing.less(7, {"a": 3, "b": 5, "c": 1}).values()) == 7


@given(st.integers(1, 10**12), st.lists(st.none(), min_size=1, max_size=50))
def test_equal_parts_differ_by_a_micro_dollar_at_most(left: int, asked: list[None]) -> None:
    parts = dividing.parts(left, asked)
    assert sum(parts) == left and max(parts) - min(parts) <= 1


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 10**9), min_size=1, max_size=20), st.floats(0, 1))
def test_what_is_taken_is_never_more_than_is_free(free: dict[str, int], part: float) -> None:
    amount = int(sum(free.values()) * part)
    taken = dividing.less(amount, free)
    assert sum(taken.values()) == amount
    assert all(0 <= taken[name] <= free[name] for name in free)


@pytest.mark.parametrize("seed", seeds(12))
def test_budgets_add_up_after_any_steps(seed: int) -> None:
    dice = random.Random(seed)
    workspace = a_workspace(cap="1000", budget="1000")
    top = an_entry(workspace, budget="5")
    given_to_top = 5_000_000
    for verb in ["split", *dice.choices(STEPS, k=25)]:
        rows = list(Entry.objects.filter(workspace=workspace, deleted_at__isnull=True).select_related("account").order_by("seq"))
        with suppress(Refused):
            given_to_top += carry_out(verb, dice.choice(rows), dice.randint(1, 900_000), top=top)
        check(workspace, top, given_to_top)
    assert audit.check(workspace.pk).wrong == []


def carry_out(verb: str, entry: Entry, amount: int, *, top: Entry) -> int:
    """Returns by how much the step changes what was given to the top."""
    match verb:
        case "split":
            splitting.split(entry, [Draft("One"), Draft("Two"), Draft("Three")][: 2 + amount % 2], by=ANA)
        case "spend":
            a_charge(entry, f"{amount / 1_000_000:.6f}")
        case "raise":
            before = dividing.total(entry.account) if entry.is_container else entry.account.budget
            caps.edit(entry.account, amount * 10, by=ANA)
            return amount * 10 - before
        case "done":
            entry_actions.mark_done(entry, by=ANA)
        case "fail":
            entry_actions.mark_failed(entry, by=ANA)
        case "hold":
            entry_actions.put_on_hold(entry, by=ANA)
        case "resume":
            entry_actions.resume(entry, by=ANA)
        case "delete" if entry.pk != top.pk:
            deletion.delete_all([entry], by=ANA)
        case "undo":
            splitting.undo(entry, by=ANA)
    return 0


def check(workspace: Workspace, top: Entry, given_to_top: int) -> None:
    accounts = Account.objects.filter(project_id=workspace.pk)
    assert dividing.total(accounts.get(pk=top.pk)) == given_to_top
    assert sum(accounts.values_list("budget", flat=True)) == given_to_top
    ledger = sum(LedgerEntry.objects.filter(project_id=workspace.pk).values_list("amount", flat=True))
    assert sum(accounts.values_list("spent", flat=True)) == Project.objects.get(pk=workspace.pk).total_spent == ledger
    assert rebuild.find(workspace.pk) == []
    for row in Entry.objects.filter(workspace=workspace, is_container=True, deleted_at__isnull=True):
        children = list(Entry.objects.filter(parent=row, deleted_at__isnull=True).order_by("seq"))
        following = rollup.state_of(children)
        assert children and (row.status, row.reason_message) == (following.status, following.message)
