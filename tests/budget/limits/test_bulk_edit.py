"""A bulk edit changes all of the chosen budgets of its workspace, or none."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from budget.amounts import usd
from budget.limits import allocated, bulk_edit, caps
from budget.limits.bulk_edit import Order, Wish
from budget.models import Account, BudgetChange
from orchestration.backlog import deletion, entry_actions, splitting
from orchestration.backlog.entries import Draft
from orchestration.models import Entry
from tests.factories import ANA, a_charge, a_workspace, an_entry, project, some_entries
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


@pytest.fixture
def three() -> list[Account]:
    """Accounts of one workspace with $1, $2 and $3."""
    shop = a_workspace(budget="100")
    return [an_entry(shop, budget=str(dollars)).account for dollars in (1, 2, 3)]


def carry_out(accounts: Sequence[Account], do: bulk_edit.Do, *, reason: str = "", **more: Any) -> int:
    wishes = [Wish(account.pk, account.budget) for account in accounts]
    return bulk_edit.carry_out(accounts[0].project, Order(do, wishes, **more), by=ANA, reason=reason)


def budgets(accounts: Sequence[Account]) -> list[int]:
    return [Account.objects.get(pk=account.pk).budget for account in accounts]


@pytest.mark.parametrize(
    ("percent", "seen", "after"),
    [("10", "1", "1.1"), ("-10", "1", "0.9"), ("-100", "1", "0"), ("-150", "1", "0"), ("0", "1.004", "1"), ("50", "0.01", "0.02"),
     ("50", "0.05", "0.08"), ("100", "2", "4")],
)  # fmt: skip
def test_a_percentage_is_rounded_to_the_cent_and_never_below_zero(percent: str, seen: str, after: str) -> None:
    assert Order("percent", [], percent=Decimal(percent)).after(usd(seen)) == usd(after)


def test_a_preview_is_what_is_allocated_afterwards(three: list[Account]) -> None:
    where, wishes = three[0].project, [Wish(account.pk, account.budget) for account in three]
    for order, total in (
        (Order("set", wishes, amount=usd(5)), 15),
        (Order("percent", wishes, percent=Decimal(50)), 9),
        (Order("lock", wishes), 6),
        (Order("unlock", wishes, amount=usd(5)), 6),
    ):
        assert bulk_edit.preview(where, order) == usd(total)


def test_a_preview_counts_no_ended_entry_and_no_budget_below_what_is_spent(three: list[Account]) -> None:
    entry_actions.mark_done(three[0].entry, by=ANA)
    a_charge(three[1].entry, "1.5")
    where = three[0].project
    for dollars in (9, 1):
        wishes = [Wish(account.pk, seen) for account, seen in zip(three, budgets(three), strict=True)]
        order = Order("set", wishes, amount=usd(dollars))
        before = bulk_edit.preview(where, order)
        bulk_edit.carry_out(where, order, by=ANA)
        assert before == allocated.allocated(where.pk)


def test_each_chosen_budget_changes_with_the_reason_and_no_other_does(three: list[Account]) -> None:
    assert carry_out(three[:2], "set", amount=usd(7), reason="agreed") == 2
    assert budgets(three) == [usd(7), usd(7), usd(3)]
    assert set(BudgetChange.objects.values_list("actor", "reason")) == {("ana", "agreed")}
    with pytest.raises(caps.Changed):
        carry_out([three[2], three[0]], "set", amount=usd(9))
    assert budgets(three) == [usd(7), usd(7), usd(3)]


def test_locks_are_counted_where_they_change_and_released_with_a_reason(three: list[Account]) -> None:
    assert carry_out(three[:1], "lock", reason="mine") == 1 and carry_out(three, "lock", reason="all") == 2
    assert list(Account.objects.order_by("budget").values_list("locked_reason", flat=True)) == ["mine", "all", "all"]
    with pytest.raises(Invalid, match="needs one"):
        carry_out(three, "unlock", reason=" ")
    assert carry_out(three[:2], "unlock", reason="agreed") == 2 and carry_out(three[:2], "unlock", reason="agreed") == 0
    assert list(Account.objects.order_by("budget").values_list("human_locked", flat=True)) == [False, False, True]
    assert BudgetChange.objects.filter(reason="agreed", actor="ana").count() == 2


@pytest.mark.parametrize(("do", "more"), [("percent", {"percent": Decimal(10)}), ("set", {"amount": usd(7)})])
def test_the_budget_of_an_entry_that_is_split_is_not_changed_among_others(
    three: list[Account], do: bulk_edit.Do, more: dict[str, Any]
) -> None:
    """Ten percent more of the rest that it has itself was set as the whole, and its children lost nearly all they had."""
    whole = Entry.objects.select_related("account").get(pk=three[2].pk)
    children = [child.account for child in splitting.split(whole, [Draft("One"), Draft("Two")], by=ANA)]
    accounts = [Account.objects.get(pk=account.pk) for account in three]
    with pytest.raises(Invalid, match=r"^#3 is split: change its children's budgets"):
        carry_out(accounts, do, **more)
    assert budgets([*three, *children]) == [usd(1), usd(2), 0, usd("1.5"), usd("1.5")]
    assert carry_out(accounts, "lock") == 3 and carry_out(children, do, **more) == 2


def test_an_entry_that_was_deleted_stops_all_of_it(three: list[Account]) -> None:
    deletion.delete_all([Entry.objects.get(pk=three[1].pk)], by=ANA)
    with pytest.raises(Invalid, match="no longer on the backlog"):
        carry_out(three, "set", amount=usd(7))
    assert budgets(three)[0] == usd(1)


@pytest.mark.parametrize(("number", "fits"), [(0, False), (1, True), (500, True), (501, False)])
def test_1_to_200_entries_change_at_once(number: int, fits: bool) -> None:
    shop = a_workspace()
    entries = some_entries(shop, *(f"Do {n}" for n in range(number)))
    order = Order("lock", [Wish(entry.account_id, 0) for entry in entries])
    if fits:
        assert bulk_edit.carry_out(project(shop), order, by=ANA) == number
    else:
        with pytest.raises(Invalid, match="Select 1 to 500 entries"):
            bulk_edit.carry_out(project(shop), order, by=ANA)
