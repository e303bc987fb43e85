"""The budget of an entry that is split: its account and those below it add up to it, whatever is raised, lowered, deleted or taken back."""

import pytest

from budget.amounts import usd
from budget.limits import caps, dividing
from budget.models import Account, BudgetChange
from orchestration.backlog import deletion, splitting
from orchestration.backlog.entries import Draft
from orchestration.models import Entry
from tests.factories import ANA, CLOSED, a_charge, a_workspace, an_entry
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid
from workspaces.models import Event

pytestmark = pytest.mark.django_db

BEA = Caller("bea")


def split(entry: Entry, number: int = 2) -> list[Account]:
    """The accounts of its new children, in order."""
    fresh = Entry.objects.select_related("account").get(pk=entry.pk)
    children = splitting.split(fresh, [Draft(f"Part {n}") for n in range(number)], by=ANA)
    return [Account.objects.get(pk=child.pk) for child in children]


@pytest.fixture
def whole() -> Entry:
    """An entry with $3 that is not split yet."""
    return an_entry(a_workspace(), budget="3")


def budgets(*accounts: Account) -> list[int]:
    return [Account.objects.get(pk=account.pk).budget for account in accounts]


@pytest.mark.parametrize(
    ("left", "asked", "parts"),
    [
        (10, [None, None, None], [4, 3, 3]),
        (10, [4, None, None], [4, 3, 3]),
        (10, [10, None], [10, 0]),
        (10, [4, 6], [4, 6]),
        (1, [None], [1]),
    ],
)
def test_parts(left: int, asked: list[int | None], parts: list[int]) -> None:
    assert dividing.parts(left, asked) == parts


@pytest.mark.parametrize(("left", "asked"), [(0, [None]), (-1, [None]), (10, [4, 5]), (10, [5, 6]), (10, [11, None])])
def test_parts_that_are_not_all_of_it_are_refused(left: int, asked: list[int | None]) -> None:
    with pytest.raises(Invalid):
        dividing.parts(left, asked)


@pytest.mark.parametrize(
    ("amount", "free", "given"),
    [(5, {"a": 2, "b": 8}, {"a": 1, "b": 4}), (3, {"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1, "c": 1}),
     (2, {"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1, "c": 0}), (0, {"a": 0}, {"a": 0}), (7, {"a": 0, "b": 9}, {"a": 0, "b": 7})],
)  # fmt: skip
def test_what_is_taken_is_in_proportion_to_what_is_free(amount: int, free: dict[str, int], given: dict[str, int]) -> None:
    assert dividing.less(amount, free) == given


def test_what_is_below_reaches_three_levels_and_no_neighbour(whole: Entry) -> None:
    first, second = split(whole)
    deep = split(Entry.objects.get(pk=first.pk))
    deepest = split(Entry.objects.get(pk=deep[0].pk))
    split(an_entry(whole.workspace, budget="9"))
    assert set(dividing.below(whole.pk)) == {first, second, *deep, *deepest}
    assert dividing.total(Account.objects.get(pk=whole.pk)) == usd(3)


def test_raising_it_gives_to_its_open_children_and_not_to_those_that_ended_or_are_split(whole: Entry) -> None:
    first, second, third, gone = split(whole, 4)
    deep = split(Entry.objects.get(pk=third.pk))
    Entry.objects.filter(pk=first.pk).update(**CLOSED)
    deletion.delete_all([Entry.objects.get(pk=gone.pk)], by=ANA)
    before = budgets(first, second, third, *deep, gone)
    caps.edit(whole.account, usd(6), by=BEA, reason="more work")
    gained = [after - old for after, old in zip(budgets(first, second, third, *deep, gone), before, strict=True)]
    assert gained == [0, usd(1), 0, usd(1), usd(1), 0]
    assert dividing.total(whole.account) == usd(6)


def test_raising_it_is_on_record_with_who_and_why_and_locks_all_of_it(whole: Entry) -> None:
    first, second = split(whole)
    caps.toggle_lock(first, by=ANA, reason="mine")
    BudgetChange.objects.all().delete()
    shown = caps.edit(whole.account, usd(4), by=BEA, reason="more work")
    assert (shown.budget, shown.own_budget, shown.human_locked) == (usd(4), True, True)
    kept = ("own_budget", "human_locked", "locked_by", "locked_reason")
    assert [[getattr(Account.objects.get(pk=pk), name) for name in kept] for pk in (whole.pk, first.pk, second.pk)] == [
        [True, True, "bea", "more work"],
        [True, True, "ana", "mine"],
        [True, True, "bea", "more work"],
    ]
    rows = BudgetChange.objects.order_by("account_id").values_list("account_id", "field", "before", "after", "actor", "reason")
    assert list(rows) == sorted((row.pk, "budget", usd("1.5"), usd(2), "bea", "more work") for row in (first, second))
    event = Event.objects.filter(verb="budget.budget").latest("id")
    assert (event.object_id, event.actor, event.reason) == (whole.pk, "bea", "more work")
    assert event.data == {"before_usd": 3, "after_usd": 4, "field": "budget"}


def test_without_a_reason_a_childs_record_shows_where_it_came_from(whole: Entry) -> None:
    first, _ = split(whole)
    caps.edit(whole.account, usd(4), by=BEA)
    assert BudgetChange.objects.filter(account=first).latest("id").reason == "the budget of the entry above it was changed"


def test_setting_the_same_amount_moves_nothing_and_what_a_form_showed_is_all_of_it(whole: Entry) -> None:
    first, second = split(whole)
    changes = BudgetChange.objects.count()
    own = Account.objects.get(pk=whole.pk).budget
    caps.edit(whole.account, usd(3), by=BEA, expected=usd(3))
    for wrong in (own, usd(2)):
        with pytest.raises(caps.Changed) as changed:
            caps.edit(whole.account, usd(5), by=BEA, expected=wrong)
        assert changed.value.now == usd(3)
    assert budgets(first, second) == [usd("1.5")] * 2 and BudgetChange.objects.count() == changes


def test_it_is_lowered_to_what_is_spent_and_not_below(whole: Entry) -> None:
    a_charge(whole, "0.5")
    first, second = split(whole)
    a_charge(Entry.objects.get(pk=first.pk), "1.5")  # $0.25 more than its own part
    a_charge(Entry.objects.get(pk=second.pk), "0.25")
    with pytest.raises(Invalid, match=r"spent or reserved \$2\.00"):
        caps.edit(whole.account, usd(2) - 1, by=BEA)
    caps.edit(whole.account, usd(2), by=BEA)
    assert budgets(whole.account, first, second) == [usd("0.5"), usd("1.25"), usd("0.25")]


def test_it_is_not_raised_once_all_its_children_have_ended(whole: Entry) -> None:
    first, second = split(whole)
    Entry.objects.filter(pk__in=[first.pk, second.pk]).update(**CLOSED)
    with pytest.raises(Invalid, match="have ended: reopen one"):
        caps.edit(whole.account, usd(3) + 1, by=BEA)
    caps.edit(whole.account, usd(3), by=BEA)
    caps.edit(whole.account, usd(1), by=BEA)
    assert budgets(first, second) == [usd("0.5")] * 2


@pytest.mark.parametrize("reason", ["agreed", ""])
def test_a_lock_from_above_is_on_record_for_each_that_it_locks(whole: Entry, reason: str) -> None:
    first, second, gone = split(whole, 3)
    deletion.delete_all([Entry.objects.get(pk=gone.pk)], by=ANA)
    caps.toggle_lock(first, by=ANA, reason="mine")
    BudgetChange.objects.all().delete()
    admin = BudgetChange.Source.ADMIN
    for before in (0, 1):
        caps.toggle_lock(whole.account, by=BEA, reason=reason, source=admin)
        rows = BudgetChange.objects.filter(account=second)
        assert list(rows.values_list("field", "before", "after", "actor", "source", "reason")) == [
            ("human_locked", before, 1 - before, "bea", "admin", reason or "with the entry above it")
        ]
        kept = Account.objects.get(pk=second.pk)
        assert (kept.human_locked, kept.locked_by, kept.locked_reason) == (
            (True, "bea", reason) if not before else (False, "", "")
        )
        assert (kept.locked_at is None) == bool(before)
        assert not BudgetChange.objects.filter(account__in=[first, gone]).exists()
        BudgetChange.objects.all().delete()
    assert Account.objects.get(pk=first.pk).locked_by == "ana" and not Account.objects.get(pk=gone.pk).human_locked


def delete(*accounts: Account) -> None:
    deletion.delete_all([Entry.objects.get(pk=account.pk) for account in accounts], by=BEA)


def test_the_rest_of_deleted_children_goes_to_their_open_siblings_in_equal_parts(whole: Entry) -> None:
    first, second, third, fourth = split(whole, 4)
    a_charge(Entry.objects.get(pk=first.pk), "0.25")
    a_charge(Entry.objects.get(pk=second.pk), "1")  # it overdrew: nothing of it is left
    delete(first, second)
    assert budgets(whole.account, first, second, third, fourth) == [0, usd("0.25"), usd("0.75"), usd(1), usd(1)]
    last = BudgetChange.objects.filter(field="budget")
    shown = last.filter(account__in=[first, third], actor="bea").values_list("before", "after", "source", "reason")
    assert set(shown) == {
        (usd("0.75"), usd("0.25"), "human", "it was deleted"),
        (usd("0.75"), usd(1), "human", "an entry beside or below it was deleted, and its rest came back"),
    }


@pytest.mark.parametrize(
    ("locked", "after"),
    [([0, 1], [0, 0, 2, 1]), ([0], [0, 0, 1.5, 1.5]), ([1], [0, 0, 1, 2]), ([1, 2], [1, 0, 1, 1])],
)
def test_a_budget_that_a_person_locked_grows_only_by_money_that_was_locked(
    whole: Entry, locked: list[int], after: list[float]
) -> None:
    children = split(whole, 3)
    for number in locked:
        caps.toggle_lock(children[number], by=ANA)
    if locked == [0, 1]:
        Entry.objects.filter(pk=children[2].pk).update(**CLOSED)
    delete(children[0])
    assert budgets(whole.account, *children) == [usd(str(amount)) for amount in after]


def test_deleted_children_of_an_entry_without_a_budget_keep_what_they_spent_of_what_people_gave() -> None:
    entry = an_entry(a_workspace(budget="100"), budget="9")
    Account.objects.update(own_budget=False)
    first, second, third, locked = split(entry, 4)
    Account.objects.filter(pk__in=[first.pk, second.pk, third.pk, locked.pk]).update(own_budget=False, budget=usd(3))
    Account.objects.filter(pk=locked.pk).update(human_locked=True, held=usd(1))
    Account.objects.filter(pk=first.pk).update(own_budget=True)
    Account.objects.filter(pk=second.pk).update(human_locked=True)
    a_charge(Entry.objects.get(pk=first.pk), "1")
    a_charge(Entry.objects.get(pk=second.pk), "4")
    other = an_entry(entry.workspace, budget="9").account
    taken = dividing.take_rest([first, second, third, locked], by=BEA)
    assert taken == {first.pk: -usd(2), locked.pk: -usd(2)}
    assert budgets(first, second, third, locked, other) == [usd(1), usd(3), usd(3), usd(1), usd(9)]
    assert BudgetChange.objects.filter(account=first).latest("id").reason == "it was deleted"


def moved(whole: Entry) -> tuple[Account, Account, dict[str, int]]:
    """Two children, of which the first was deleted and left $1.50 to the second."""
    first, second = split(whole)
    parent = Account.objects.get(pk=whole.pk)
    return first, second, dividing.return_from([first], [second], parent, by=BEA)


def test_what_came_back_is_taken_back_exactly(whole: Entry) -> None:
    first, second, changed = moved(whole)
    assert changed == {first.pk: -usd("1.5"), second.pk: usd("1.5")} and budgets(first, second) == [0, usd(3)]
    a_charge(Entry.objects.get(pk=second.pk), "1.5")
    dividing.reverse(changed, by=ANA, reason="undone")
    assert budgets(first, second) == [usd("1.5")] * 2
    rows = (
        BudgetChange.objects.filter(reason="undone").order_by("account_id").values_list("account_id", "before", "after", "actor")
    )
    assert sorted(rows) == sorted([(first.pk, 0, usd("1.5"), "ana"), (second.pk, usd(3), usd("1.5"), "ana")])


@pytest.mark.parametrize("use", ["spent", "reserved"])
def test_what_was_spent_or_reserved_since_is_not_taken_back(whole: Entry, use: str) -> None:
    _, second, changed = moved(whole)
    Account.objects.filter(pk=second.pk).update(**{{"spent": "spent", "reserved": "held"}[use]: usd("1.5") + 1})
    with pytest.raises(Conflict, match="has spent what it got"):
        dividing.reverse(changed, by=ANA, reason="undone")
    assert budgets(second) == [usd(3)]


def test_what_a_person_locked_since_does_not_shrink_but_may_grow(whole: Entry) -> None:
    first, second, changed = moved(whole)
    caps.toggle_lock(first, by=ANA)
    caps.toggle_lock(second, by=ANA)
    with pytest.raises(Conflict, match="has locked the budget"):
        dividing.reverse(changed, by=ANA, reason="undone")
    caps.toggle_lock(second, by=ANA)
    dividing.reverse(changed, by=ANA, reason="undone")
    assert budgets(first, second) == [usd("1.5")] * 2
