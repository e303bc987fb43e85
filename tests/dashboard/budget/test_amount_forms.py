"""Cap, total budget, and an entry's budget and lock: what is asked first, what is not overwritten, and how the result is put."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, BudgetChange, Hold, Project
from dashboard.budget import edits
from orchestration.models import Entry
from tests.dashboard.budget.sent import question, result
from tests.factories import ANA, CLOSED, a_charge, a_workspace, an_entry, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    """$2 spent and $1 reserved, under a cap of $20 and a plan of $10."""
    shop = a_workspace(cap="20", budget="10")
    entry = an_entry(shop, budget="4")
    a_charge(entry, "2")
    Hold.objects.create(project=project(shop), account=entry.account, session_ref="s", amount=usd(1))
    return shop


def send(client: Client, name: str, *args: str, **form: str) -> Any:
    return client.post(reverse(name, args=args), form)


def cap(shop: Workspace) -> int:
    return Project.objects.get(pk=shop.pk).max_project_spend


BELOW = "That is below the $2.00 already spent: no session starts until the cap is raised. Running sessions continue within their reservations."
TIGHT = "$2.00 is spent and $1.00 is reserved by running sessions: no session starts until some of it is free."
WITHIN = "Dispatch continues while spent and reserved amounts stay within it."


@pytest.mark.parametrize(
    ("amount", "sentence", "asks"),
    [("1.999999", BELOW, True), ("2", TIGHT, True), ("2.999999", TIGHT, True), ("3", WITHIN, False), ("30", WITHIN, False)],
)
def test_a_cap_below_what_is_spent_and_reserved_is_asked_first(
    bea: Client, shop: Workspace, amount: str, sentence: str, asks: bool
) -> None:
    assert edits.consequence(project(shop), usd(amount)) == sentence
    shown = f"${usd(amount) / 1_000_000:.2f}"
    response = send(bea, "cap", shop.pk, amount=amount, reason="enough")
    if asks:
        assert question(response) == {
            "title": f"Set the cap to {shown}",
            "sentence": sentence,
            "button": f"Set the cap to {shown}",
            "action": reverse("cap", args=[shop.pk]),
            "points": (),
            "fields": {"amount": amount, "reason": "enough", "seen": usd(20)},
        }
        again = response.context["confirmation"]["fields"]
        assert cap(shop) == usd(20) and send(bea, "cap", shop.pk, **again | {"amount": "1"}).status_code == 409
        response = send(bea, "cap", shop.pk, **again)
    assert result(response) == (f"The cap is now {shown}", "good") and cap(shop) == usd(amount)
    [change] = BudgetChange.objects.filter(field="max_project_spend")
    assert (change.actor, change.reason, change.before) == ("bea", "enough", usd(20))


def test_a_link_to_a_cap_asks_and_changes_nothing_whatever_comes_with_it(bea: Client, shop: Workspace) -> None:
    address, form = reverse("cap", args=[shop.pk]), {"amount": "30"}
    signed = bea.get(address, form).context["confirmation"]["fields"]["confirm"]
    response = bea.get(address, form | {"confirm": signed})
    assert response.status_code == 200 and response.context["confirmation"]["sentence"] == WITHIN and cap(shop) == usd(20)


def test_a_cap_that_changed_after_the_question_is_not_overwritten(bea: Client, shop: Workspace) -> None:
    asked = send(bea, "cap", shop.pk, amount="1")
    caps.set_project(project(shop), "max_project_spend", usd(15), by=ANA)
    conflict = question(send(bea, "cap", shop.pk, **asked.context["confirmation"]["fields"]))
    assert (conflict["title"], conflict["button"]) == ("Overwrite the cap", "Set it from $15.00 to 1 USD") and cap(shop) == usd(
        15
    )
    assert conflict["fields"] == {"amount": "1", "reason": "", "seen": usd(15)}
    assert conflict["sentence"].startswith("ana changed it from $20.00 to $15.00 at ")
    assert conflict["sentence"].endswith(", after this page was loaded. Nothing was overwritten.")


def test_a_total_budget_that_changed_meanwhile_is_asked_at_its_own_address(bea: Client, shop: Workspace) -> None:
    caps.set_project(project(shop), "total_budget", usd(12), by=ANA)
    response = send(bea, "total-budget", shop.pk, amount="11", seen=str(usd(10)), reason="mine")
    conflict = question(response)
    assert (conflict["title"], conflict["button"]) == ("Overwrite the total budget", "Set it from $12.00 to 11 USD")
    assert conflict["action"] == reverse("total-budget", args=[shop.pk])
    assert conflict["fields"] == {"amount": "11", "reason": "mine", "seen": usd(12)} and project(shop).total_budget == usd(12)
    assert result(send(bea, "total-budget", shop.pk, **conflict["fields"])) == ("The total budget is now $11.00", "good")
    assert cap(shop) == usd(20)


@pytest.mark.parametrize(
    ("amount", "more"), [("4", ""), ("3.5", ". Allocated $4.00 exceeds the total budget by $0.50"), ("0", "")]
)
def test_a_total_budget_below_what_is_allocated_is_named(bea: Client, shop: Workspace, amount: str, more: str) -> None:
    an_entry(a_workspace(name="Other"), budget="50")
    shown = f"The total budget is now ${float(amount):.2f}"
    assert result(send(bea, "total-budget", shop.pk, amount=amount)) == (shown + more, "warn" if more else "good")


@pytest.mark.parametrize(
    ("form", "field"), [("cap", "max_project_spend"), ("total-budget", "total_budget"), ("entry-budget", "budget")]
)
def test_undo_sets_the_amount_before_unless_it_has_changed_since(bea: Client, shop: Workspace, form: str, field: str) -> None:
    account = Entry.objects.get(workspace=shop).account
    caps.toggle_lock(account, by=ANA)
    row, ids = (account, [account.pk]) if form == "entry-budget" else (project(shop), [])
    before = getattr(row, field)
    address = reverse(form, args=[shop.pk, *ids])
    undo = bea.post(address, {"amount": "25"}, headers={"HX-Request": "true"}).context["undo"]
    assert undo.action == address
    bea.post(address, undo.fields)
    row.refresh_from_db()
    assert getattr(row, field) == before
    type(row).objects.filter(pk=row.pk).update(**{field: usd(24)})
    bea.post(address, undo.fields)
    row.refresh_from_db()
    assert getattr(row, field) == usd(24)


GONE = ". $2.00 is spent and $1.00 reserved: no session starts on it until it is raised"


@pytest.mark.parametrize(
    ("amount", "columns", "more"),
    [
        ("3.000001", {}, ""),
        ("3", {}, GONE),
        ("3", CLOSED, ""),
        ("3", {"status": "failed", "reason_code": "no_improvement"}, ""),
        ("3", {"status": "blocked", "reason_code": "human_hold", "reason_message": "x"}, GONE),
        ("10", {}, ""),
        ("10.5", {}, ". Allocated $10.50 exceeds the total budget by $0.50"),
    ],
)
def test_an_entrys_budget_is_named_with_what_it_stops_or_exceeds(
    bea: Client, shop: Workspace, amount: str, columns: dict[str, str], more: str
) -> None:
    entry = Entry.objects.get(workspace=shop)
    Entry.objects.filter(pk=entry.pk).update(**columns)
    response = send(bea, "entry-budget", shop.pk, entry.pk, amount=amount, reason="why")
    shown = f"The budget of #1 is now ${usd(amount) // 10_000 / 100:.2f}, and locked"
    assert result(response) == (shown + more, "warn" if more else "good")
    account = Account.objects.get(pk=entry.pk)
    assert (account.budget, account.locked_by, account.locked_reason) == (usd(amount), "bea", "why")


def test_an_entrys_budget_that_changed_meanwhile_is_asked_with_what_it_is_now(bea: Client, shop: Workspace) -> None:
    entry = Entry.objects.get(workspace=shop)
    caps.edit(entry.account, usd(6), by=ANA)
    conflict = question(send(bea, "entry-budget", shop.pk, entry.pk, amount="9", seen=str(usd(4)), reason="mine"))
    assert (conflict["title"], conflict["button"]) == ("Overwrite the budget of #1", "Set it from $6.00 to 9 USD")
    assert conflict["action"] == reverse("entry-budget", args=[shop.pk, entry.pk])
    assert conflict["fields"] == {"amount": "9", "reason": "mine", "seen": usd(6)}
    assert conflict["sentence"].startswith("ana changed it from $4.00 to $6.00 at ")
    assert Account.objects.get(pk=entry.pk).budget == usd(6)
    send(bea, "entry-budget", shop.pk, entry.pk, **conflict["fields"])
    assert Account.objects.get(pk=entry.pk).budget == usd(9)


def test_a_lock_is_what_was_asked_for_however_often_it_is_sent(bea: Client, shop: Workspace) -> None:
    entry = Entry.objects.get(workspace=shop)
    for form, words, locked in (
        ({"locked": "1", "reason": "mine"}, "The budget of #1 is locked: only people can change it", True),
        ({"locked": "1"}, "The budget of #1 is locked: only people can change it", True),
        ({"locked": "0", "reason": "done"}, "The budget of #1 is unlocked: reallocation may change it", False),
        ({"locked": "0", "reason": "done"}, "The budget of #1 is unlocked: reallocation may change it", False),
    ):
        assert result(send(bea, "entry-lock", shop.pk, entry.pk, **form)) == (words, "good")
        assert Account.objects.get(pk=entry.pk).human_locked is locked
    rows = BudgetChange.objects.filter(field="human_locked").order_by("id").values_list("after", "actor", "reason")
    assert list(rows) == [(1, "bea", "mine"), (0, "bea", "done")]
    caps.toggle_lock(entry.account, by=ANA)
    for reason in ("", " "):
        address = reverse("entry-lock", args=[shop.pk, entry.pk])
        response = bea.post(address, {"locked": "0", "reason": reason}, headers={"HX-Request": "true"})
        assert response.status_code == 422 and "Enter a reason" in response.content.decode()
        assert Account.objects.get(pk=entry.pk).human_locked


def test_an_entry_of_another_workspace_has_no_budget_and_no_lock_here(bea: Client, shop: Workspace) -> None:
    theirs = an_entry(a_workspace(name="Other"), budget="4")
    assert send(bea, "entry-budget", shop.pk, theirs.pk, amount="1").status_code == 404
    assert send(bea, "entry-lock", shop.pk, theirs.pk, locked="1").status_code == 404
    account = Account.objects.get(pk=theirs.pk)
    assert (account.budget, account.human_locked) == (usd(4), False)
