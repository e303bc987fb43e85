"""A change of an amount is on record with who and why, overwrites nobody else's, and is announced to those who wait."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, BudgetChange, Limit, Project
from tests.factories import ANA, a_workspace, an_entry, project
from workspaces.access import Caller
from workspaces.errors import Invalid
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db

LONG = "r" * 501
ADMIN = BudgetChange.Source.ADMIN
BEA = Caller("bea")


@pytest.fixture
def shop() -> Workspace:
    a_workspace(name="Other")
    return a_workspace()


@pytest.fixture
def received() -> Iterator[list[dict[str, Any]]]:
    """The messages sent with `caps.changed`."""
    messages: list[dict[str, Any]] = []
    receiver = lambda signal, sender, **message: messages.append(message)  # noqa: E731
    caps.changed.connect(receiver, weak=False)
    yield messages
    caps.changed.disconnect(receiver)


CHANGES: dict[str, tuple[Callable[[Project, Account], object], list[Any], str, dict[str, Any]]] = {
    "the cap": (
        lambda where, account: caps.set_project(where, "max_project_spend", usd(7), by=ANA, reason=LONG, source=ADMIN),
        ["max_project_spend", usd(100), usd(7)],
        "budget.max_project_spend",
        {"field": "max_project_spend", "before_usd": 100, "after_usd": 7},
    ),
    "the plan": (
        lambda where, account: caps.set_project(where, "total_budget", usd(8), by=ANA, reason=LONG, source=ADMIN),
        ["total_budget", usd(100), usd(8)],
        "budget.total_budget",
        {"field": "total_budget", "before_usd": 100, "after_usd": 8},
    ),
    "a limit": (
        lambda where, account: caps.set_limit(where, "entry", "day", usd(3), by=ANA, reason=LONG, source=ADMIN),
        ["limit.entry.day", None, usd(3)],
        "budget.limit_set",
        {"field": "limit.entry.day", "before_usd": None, "after_usd": 3},
    ),
    "a budget": (
        lambda where, account: caps.edit(account, usd("2.5"), by=ANA, reason=LONG, source=ADMIN),
        ["budget", usd(1), usd("2.5")],
        "budget.budget",
        {"field": "budget", "before_usd": 1, "after_usd": 2.5},
    ),
    "a lock": (
        lambda where, account: caps.toggle_lock(account, by=ANA, reason=LONG, source=ADMIN),
        ["human_locked", 0, 1],
        "budget.human_locked",
        {"field": "human_locked", "before": 0, "after": 1},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_on_record_and_sent_after_the_commit(
    name: str, shop: Workspace, received: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    change, recorded, verb, data = CHANGES[name]
    where, account = project(shop), an_entry(shop, budget="1").account
    of_entry = account.pk if name in ("a budget", "a lock") else None
    Project.objects.update(allocation_due=None)
    with django_capture_on_commit_callbacks(execute=False) as after_commit:
        change(where, account)
        assert received == [] and project(shop).allocation_due is not None
    for callback in after_commit:
        callback()
    assert received == [{"workspace_id": shop.pk, "entry_id": of_entry, "shared_out": False}]
    [row] = BudgetChange.objects.all()
    assert [row.field, row.before, row.after] == recorded
    assert (row.project_id, row.account_id, row.actor, row.source, row.reason) == (shop.pk, of_entry, "ana", "admin", "r" * 500)
    [event] = Event.objects.filter(verb=verb)
    assert (event.workspace_id, event.object_id, event.actor) == (shop.pk, of_entry or shop.pk, "ana")
    assert event.reason.startswith("rrr") and event.data == data
    assert Project.objects.exclude(pk=shop.pk).get().allocation_due is None


def test_what_the_allocation_itself_announces_makes_no_allocation_due(
    shop: Workspace, received: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    Project.objects.update(allocation_due=None)
    with django_capture_on_commit_callbacks(execute=True):
        caps.announce(shop.pk, shared_out=True)
    assert received == [{"workspace_id": shop.pk, "entry_id": None, "shared_out": True}] and project(shop).allocation_due is None


def test_a_cap_that_another_person_changed_is_not_overwritten(shop: Workspace) -> None:
    set_it = lambda amount, **more: caps.set_project(project(shop), "max_project_spend", usd(amount), by=BEA, **more)  # noqa: E731
    with pytest.raises(caps.Changed, match=r"^It is \$100.00 now$") as changed:
        set_it(5, expected=usd(99))
    assert changed.value.now == usd(100)
    caps.set_project(project(shop), "max_project_spend", usd(7), by=ANA)
    caps.set_project(project(shop), "total_budget", usd(9), by=BEA)
    with pytest.raises(caps.Changed, match=r"^ana changed it from \$100.00 to \$7.00 at ") as changed:
        set_it(5, expected=usd(100))
    assert changed.value.now == usd(7) == project(shop).max_project_spend
    assert set_it(7, expected=usd(100)).max_project_spend == usd(7)  # both wanted the same
    assert set_it(5, expected=usd(7)).max_project_spend == usd(5) and set_it(4).max_project_spend == usd(4)
    assert Project.objects.exclude(pk=shop.pk).get().max_project_spend == usd(100)


def test_a_limit_that_another_person_changed_is_not_overwritten(shop: Workspace) -> None:
    def set_it(amount: int | None, **more: Any) -> int | None:
        caps.set_limit(project(shop), "entry", "day", amount, by=ANA, **more)
        limit = Limit.objects.filter(project=shop.pk, category="entry", period="day").first()
        return limit.amount if limit else None

    caps.set_limit(project(shop), "entry", "all", usd(50), by=BEA)
    caps.set_limit(project(shop), "total", "day", usd(60), by=BEA)
    caps.set_limit(Project.objects.exclude(pk=shop.pk).get(), "entry", "day", usd(70), by=BEA)
    with pytest.raises(caps.Changed, match=r"^It is none now$") as changed:
        set_it(usd(1), expected=usd(2))
    assert changed.value.now is None and set_it(usd(1), expected=None) == usd(1)
    for expected in (None, usd(2)):
        with pytest.raises(caps.Changed, match=r"^ana changed it from none to \$1.00 at ") as changed:
            set_it(usd(3), expected=expected)
        assert changed.value.now == usd(1)
    assert set_it(usd(3), expected=usd(1)) == usd(3) and set_it(usd(3), expected=usd(1)) == usd(3) and set_it(usd(4)) == usd(4)
    assert set_it(None, expected=usd(4)) is None and set_it(None) is None
    assert sorted(Limit.objects.values_list("amount", flat=True)) == [usd(50), usd(60), usd(70)]
    assert BudgetChange.objects.filter(project=shop.pk, field="limit.entry.day").count() == 4  # nothing where nothing changed


def test_the_limit_of_all_spend_is_the_cap(shop: Workspace) -> None:
    with pytest.raises(Invalid, match="is the cap"):
        caps.set_limit(project(shop), "total", "all", usd(1), by=ANA)
    caps.set_limit(project(shop), "total", "day", usd(1), by=ANA)


def test_a_limit_that_is_lowered_is_not_reported_again(shop: Workspace) -> None:
    caps.set_limit(project(shop), "entry", "all", usd(2), by=ANA)
    Limit.objects.update(reached_on="2026-08-04")
    caps.set_limit(project(shop), "entry", "all", usd(1), by=ANA)
    assert str(Limit.objects.get().reached_on) == "2026-08-04"


def test_a_budget_that_another_person_changed_is_not_overwritten(shop: Workspace) -> None:
    account = an_entry(shop, budget="1").account
    with pytest.raises(caps.Changed, match=r"^It is \$1.00 now$") as changed:
        caps.edit(account, usd(5), by=BEA, expected=usd(2))
    assert changed.value.now == usd(1)
    caps.toggle_lock(account, by=BEA)
    caps.edit(account, usd(2), by=ANA, expected=usd(1))
    with pytest.raises(caps.Changed, match=r"^ana changed it from \$1.00 to \$2.00 at "):
        caps.edit(account, usd(5), by=BEA, expected=usd(1))
    account.refresh_from_db()
    assert account.budget == usd(2)


def test_an_edit_makes_a_budget_the_entrys_own_and_locks_it_by_name(shop: Workspace) -> None:
    account, other = (an_entry(shop, budget="1").account for _ in range(2))
    Account.objects.update(own_budget=False)
    shown = caps.edit(account, usd(2), by=ANA, reason=LONG)
    account.refresh_from_db()
    assert (account.budget, account.own_budget, account.human_locked, account.locked_by) == (usd(2), True, True, "ana")
    assert account.locked_at is not None and account.locked_reason == "r" * 500 and shown.budget == usd(2)
    caps.edit(account, usd(3), by=BEA, reason="more")
    account.refresh_from_db()
    assert (account.budget, account.locked_by, account.locked_reason) == (usd(3), "ana", "r" * 500)
    other.refresh_from_db()
    assert (other.budget, other.own_budget, other.human_locked) == (usd(1), False, False)


def test_a_lock_names_its_person_until_it_is_released(shop: Workspace) -> None:
    account, other = (an_entry(shop, budget="1").account for _ in range(2))
    kept = ("human_locked", "locked_by", "locked_reason")
    caps.toggle_lock(account, by=ANA, reason=LONG)
    row = Account.objects.get(pk=account.pk)
    assert [getattr(row, name) for name in kept] == [True, "ana", "r" * 500] and row.locked_at is not None
    caps.toggle_lock(account, by=BEA, reason="done with it")
    for pk in (account.pk, other.pk):
        row = Account.objects.get(pk=pk)
        assert [getattr(row, name) for name in kept] == [False, "", ""] and row.locked_at is None
    assert list(BudgetChange.objects.order_by("id").values_list("before", "after", "actor", "reason")) == [
        (0, 1, "ana", "r" * 500),
        (1, 0, "bea", "done with it"),
    ]


def test_the_amounts_of_a_new_workspace_are_known_from_its_beginning(db: None) -> None:
    row = project(a_workspace(cap="7", budget="8"))
    assert (row.max_project_spend, row.opened_with_cap, row.total_budget, row.opened_with_budget) == (
        usd(7),
        usd(7),
        usd(8),
        usd(8),
    )
