"""Changes on the admin site: what is changed and nothing else, several projects at once, and none of a deleted workspace."""

import pytest
from django.test import Client
from django.utils.timezone import now

from budget.admin.amounts import USDField, format_amount
from budget.admin.models import _value
from budget.amounts import usd
from budget.ledger import rebuild
from budget.limits import caps
from budget.models import Account, BudgetChange, LedgerEntry, Project
from orchestration.backlog import splitting
from orchestration.backlog.entries import Draft
from tests import admin_site
from tests.admin_site import BOSS, a_superuser, dry_run, message_of, url
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return a_superuser()


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("box", [False, True])
def test_a_new_budget_locks_unless_the_box_is_left_open(client: Client, locked: bool, box: bool) -> None:
    """A budget that is not locked is edited: this locks it, and the box that is checked with it does not release it again."""
    account = an_entry(a_workspace(), budget="6").account
    if locked:
        caps.toggle_lock(account, by=ANA, reason="mine")
    form = {"budget": "7", "initial-budget": "6.00", "initial-human_locked": str(locked), "reason": "agreed"}
    client.post(url(Account, "change", account.pk), form | ({"human_locked": "on"} if box else {}))
    account.refresh_from_db()
    assert (account.budget, account.human_locked) == (usd(7), box or not locked)
    sources = set(BudgetChange.objects.filter(actor=BOSS).values_list("source", "reason"))
    assert sources == {("admin", "agreed")}


def test_the_own_part_of_an_entry_that_is_split_is_not_set_as_all_of_it(client: Client) -> None:
    entry = an_entry(a_workspace(), budget="6")
    children = splitting.split(entry, [Draft("One"), Draft("Two")], by=ANA)
    address = url(Account, "change", entry.pk)
    assert 'name="budget"' not in client.get(address).content.decode()
    client.post(address, {"budget": "1", "initial-budget": "0.00", "reason": "agreed"})
    assert [Account.objects.get(pk=each.pk).budget for each in (entry, *children)] == [0, usd(3), usd(3)]


def test_of_a_project_only_the_amount_that_changed_is_recorded(client: Client) -> None:
    other, shop = a_workspace(name="Other", cap="10"), a_workspace(cap="10", budget="20")
    form = {"max_project_spend": "10.00", "initial-max_project_spend": "10.00", "total_budget": "25",
            "initial-total_budget": "20.00", "reason": "more work"}  # fmt: skip
    client.post(url(Project, "change", shop.pk), form)
    row = BudgetChange.objects.values_list("project_id", "field", "before", "after", "source", "actor", "reason")
    assert list(row) == [(shop.pk, "total_budget", usd(20), usd(25), "admin", BOSS, "more work")]
    assert (project(shop).max_project_spend, project(other).total_budget) == (usd(10), usd(100))


def test_money_of_a_deleted_workspace_is_not_changed(client: Client) -> None:
    shop = a_workspace(cap="10")
    account = an_entry(shop, budget="6").account
    Workspace.objects.filter(pk=shop.pk).update(deleted_at=now())
    for model, pk, form in (
        (Project, shop.pk, {"max_project_spend": "9", "initial-max_project_spend": "10.00", "total_budget": "100.00"}),
        (Account, account.pk, {"budget": "7", "initial-budget": "6.00"}),
    ):
        assert client.post(url(model, "change", pk), form | {"reason": "x"}).status_code == 403
    assert (project(shop).max_project_spend, Account.objects.get(pk=account.pk).budget) == (usd(10), usd(6))


def test_counters_of_all_chosen_projects_are_shown_and_rebuilt_and_of_no_other(client: Client) -> None:
    shops = [a_workspace(name=name) for name in "abc"]
    for shop in shops:
        a_charge(an_entry(shop, budget="6"), "1")
    Project.objects.update(entry_spent=1)
    chosen = [shop.pk for shop in shops[:2]]
    shown = dry_run(client, Project, "rebuild_money", *chosen)
    assert [f"project {shop.pk}: entry_spent" in shown.content.decode() for shop in shops] == [True, True, False]
    response = admin_site.apply(client, Project, "rebuild_money", *chosen, shown=shown, reason="a bad script")
    assert "Rebuilt counters: 2" in message_of(response)
    assert [len(rebuild.find(shop.pk)) for shop in shops] == [0, 0, 1]


def test_a_correction_shows_each_amount_that_moves(client: Client) -> None:
    shop = a_workspace(cap="10")
    a_charge(an_entry(shop, budget="6"), "1")
    row = LedgerEntry.objects.get()
    shown = dry_run(client, LedgerEntry, "correct", row.pk, amount="-0.25", key="k", reason="r").content.decode()
    for name, before, after in (
        (f"Ledger row {row.pk} with its corrections", "$1.00", "$0.75"), ("Spent by the project", "$1.00", "$0.75"),
        ("Headroom of the project", "$9.00", "$9.25"), ("Spent by the entry", "$1.00", "$0.75"), ("Headroom of the entry", "$5.00", "$5.25"),
    ):  # fmt: skip
        line = shown[shown.index(name) :][:300]
        assert before in line and after in line, name


def test_amounts_have_every_digit_in_their_title_and_a_field_takes_no_minus_unless_signed() -> None:
    assert format_amount(None) == "—" and format_amount(3_200_001) == '<span title="3.200001">$3.20</span>'
    assert USDField(required=False).clean("") is None and USDField(signed=True).clean("-0.5") == -500_000
    with pytest.raises(Exception, match="0 or more"):
        USDField().clean("-0.5")


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [("limit.entry.day", None, "no limit"), ("human_locked", 1, "locked"), ("human_locked", 0, "open"), ("budget", 0, "$0.00")],
)
def test_a_change_shows_its_value(field: str, value: int | None, shown: str) -> None:
    assert _value(field, value) == shown
