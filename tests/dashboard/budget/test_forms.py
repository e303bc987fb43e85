"""The forms of the money act for those who may use them, and ask first where needed."""

import html
import re

import pytest
from django.test import Client
from django.urls import reverse

from budget.amounts import columns, usd
from budget.limits import caps
from budget.models import Account, BudgetChange, LedgerEntry, Limit, Project
from orchestration.models import Executor
from tests.dashboard.overview.test_page import in_line, text_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds.money_cast import HTMX, PAGES, at, bea, day, entry, vera
from workspaces.models import Event, Workspace

__all__ = ["bea", "day", "vera"]


def test_exceeding_the_total_budget_is_reported(bea: Client, day: Workspace) -> None:
    response = bea.post(f"/w/{day.pk}/backlog/{entry(day, 5).pk}/budget/", {"amount": "500"}, headers=HTMX)
    assert "exceeds the total budget by $" in in_line(response.content.decode())
    assert "exceeds the total budget by" in text_of(bea, at(day)) and "exceeds" in text_of(bea, at(day, "entries/"))


def picks(day: Workspace, *seqs: int) -> list[str]:
    return [f"{entry(day, seq).pk}:{entry(day, seq).account.budget}" for seq in seqs]


def test_many_budgets_change_at_once(bea: Client, day: Workspace) -> None:
    before = entry(day, 6).account.budget
    form = {"do": "percent", "value": "-10", "reason": "less", "pick": picks(day, 6, 7)}
    assert bea.post(at(day, "entries/bulk/"), form).status_code == 303
    assert entry(day, 6).account.budget == before * 9 // 10 and entry(day, 7).account.human_locked
    assert BudgetChange.objects.filter(reason="less", actor="bea").count() == 2


def test_many_budgets_change_all_or_none(bea: Client, day: Workspace) -> None:
    old = picks(day, 6, 7)
    caps.edit(entry(day, 7).account, usd(1), by=seed.ANA)
    response = bea.post(at(day, "entries/bulk/"), {"do": "set", "value": "2", "pick": old}, headers=HTMX)
    assert response.status_code == 409 and "No budgets were changed" in in_line(response.content.decode())
    assert not entry(day, 6).account.human_locked and entry(day, 7).account.budget == usd(1)


def test_many_locks_are_set_and_released_with_a_reason(bea: Client, day: Workspace) -> None:
    address = at(day, "entries/bulk/")
    bea.post(address, {"do": "lock", "pick": picks(day, 6, 7)})
    assert entry(day, 6).account.human_locked
    assert "Enter a reason" in in_line(
        bea.post(address, {"do": "unlock", "pick": picks(day, 6, 7)}, headers=HTMX).content.decode()
    )
    assert entry(day, 6).account.human_locked
    bea.post(address, {"do": "unlock", "reason": "agreed", "pick": picks(day, 6, 7)})
    assert not entry(day, 6).account.human_locked and not entry(day, 7).account.human_locked


@pytest.mark.parametrize(
    "bad",
    [
        {"do": "set", "value": "x"},
        {"do": "percent", "value": ""},
        {"do": "dance"},
        {"do": "set", "value": "1", "pick": "nobody:x"},
    ],
)
def test_a_bulk_form_that_does_not_fit_is_refused(bea: Client, day: Workspace, bad: dict[str, str]) -> None:
    assert bea.post(at(day, "entries/bulk/"), {"pick": picks(day, 6)} | bad, headers=HTMX).status_code == 422
    assert bea.post(at(day, "entries/bulk/"), {"do": "lock"}, headers=HTMX).status_code == 422


def test_the_look_ahead_shows_a_change_that_cents_would_hide(bea: Client, day: Workspace) -> None:
    row, spent = LedgerEntry.objects.filter(project_id=day.pk)[0], Project.objects.get(pk=day.pk).total_spent
    form = {"direction": "back", "amount": "0.000001", "reason": "rounding"}
    seen = in_line(bea.post(at(day, f"ledger/{row.pk}/correct/"), form).content.decode())
    assert f"Spent in the project: {columns.exact(spent, 1)} → {columns.exact(spent - 1)}" in seen and "−$0.000001" in seen


def test_the_rows_of_the_ledger_are_not_rounded(bea: Client, day: Workspace) -> None:
    booked = [row["row"].amount for row in bea.get(at(day, "ledger/")).context["rows"]]
    shown = [row["amount"] for row in bea.get(at(day, "ledger/")).context["rows"]]
    assert [usd(text.replace("$", "").replace(",", "").replace("−", "-")) for text in shown] == booked


def test_the_reallocation_is_looked_at_and_then_done(bea: Client, day: Workspace) -> None:
    before = dict(Account.objects.values_list("pk", "budget"))
    seen = text_of(bea, at(day, "reallocate/"))
    assert (
        "budgets of open entries would change, 1 locked would be skipped" in seen
        and "Returned $7.70 to the pool: it is done" in seen
        and "To distribute: $" in seen
    )
    assert dict(Account.objects.values_list("pk", "budget")) == before
    page = in_line(bea.post(at(day, "reallocate/"), headers=HTMX).content.decode())
    assert "changed 9 budgets, skipped 1 locked" in page
    assert entry(day, 11).account.budget == usd("0.5") and entry(day, 3).account.budget == usd(8)


def test_no_total_budget_is_no_plan_and_exceeds_nothing(bea: Client, day: Workspace) -> None:
    bea.post(at(day, "total/"), {"amount": "0"})
    overview, entries = text_of(bea, at(day)), text_of(bea, at(day, "entries/"))
    assert "none: only the cap applies" in overview and "Total budget $0.00" not in overview
    assert "exceeds" not in overview + entries and "of the total budget" not in entries


def test_an_admin_turns_automatic_reallocation_on(ana: Client, bea: Client, day: Workspace) -> None:
    assert bea.post(at(day, "auto/"), {"on": "1"}).status_code == 403
    ana.post(at(day, "auto/"), {"on": "1"})
    assert Executor.objects.get(pk=day.pk).config["auto_reallocate"] is True
    assert "<strong>Automatic:</strong>" in text_of(ana, at(day))


def test_the_total_budget_is_changed_with_who_and_why(bea: Client, day: Workspace) -> None:
    bea.post(at(day, "total/"), {"amount": "80", "reason": "a bigger plan"})
    assert Project.objects.get(pk=day.pk).total_budget == usd(80)
    seen = text_of(bea, at(day, "changes/"))
    assert "a bigger plan" in seen and "Total budget" in seen and "$80.00" in seen


def test_a_viewer_sees_all_and_changes_nothing(vera: Client, day: Workspace) -> None:
    row, target = LedgerEntry.objects.filter(project_id=day.pk)[0], entry(day, 5)
    form = {"amount": "1", "do": "lock", "pick": picks(day, 5), "direction": "back", "reason": "x", "on": "1", "confirm": "1"}
    tails = ("cap/", "total/", "limits/", "warnings/", "auto/", "reallocate/", "entries/bulk/", f"ledger/{row.pk}/correct/")
    for address in [
        *(at(day, tail) for tail in tails),
        f"/w/{day.pk}/backlog/{target.pk}/budget/",
        f"/w/{day.pk}/backlog/{target.pk}/lock/",
    ]:
        assert vera.post(address, form).status_code == 403, address
    for tail in PAGES:
        seen = text_of(vera, at(day, tail))
        assert (
            'name="amount"' not in seen and 'name="pick"' not in seen and "reallocate-now" not in seen and 'id="lock-' not in seen
        )
    assert not Event.objects.filter(actor="vera").exists()


@pytest.mark.parametrize("amount", ["0,05", "12,50", "1,00,000", "1,5", ",5", "12,5000"])
def test_a_comma_before_the_cents_is_not_taken_for_one_between_thousands(bea: Client, day: Workspace, amount: str) -> None:
    before = Project.objects.get(pk=day.pk).total_budget
    response = bea.post(at(day, "total/"), {"amount": amount}, headers=HTMX)
    assert response.status_code == 422 and "needs a point before the cents" in in_line(response.content.decode())
    assert Project.objects.get(pk=day.pk).total_budget == before


@pytest.mark.parametrize(("amount", "set_to"), [("$1,234.5", "1234.5"), (" 1,234,567 ", "1234567"), ("$ 7.25", "7.25")])
def test_what_people_write_around_an_amount_is_forgiven(bea: Client, day: Workspace, amount: str, set_to: str) -> None:
    bea.post(at(day, "total/"), {"amount": amount})
    assert Project.objects.get(pk=day.pk).total_budget == usd(set_to)


def fields_of(text: str, action: str) -> dict[str, str]:
    """The data of the page's form for this URL without any input."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', text, re.S)
    assert form is not None
    inputs = re.findall(r'<input[^>]*name="([^"]+)"[^>]*?value="([^"]*)"', form.group(0))
    return {name: html.unescape(value) for name, value in inputs}


@pytest.mark.parametrize(("name", "field"), [("cap", "max_project_spend"), ("total", "total_budget")])
def test_a_concurrent_cap_change_is_not_overwritten(bea: Client, day: Workspace, name: str, field: str) -> None:
    address = reverse({"cap": "cap", "total": "total-budget"}[name], args=[day.pk])
    sent = fields_of(text_of(bea, at(day)), address) | {"amount": "90"}
    caps.set_project(Project.objects.get(pk=day.pk), field, usd(70), by=seed.ANA)
    response = bea.post(address, sent, headers=HTMX)
    assert response.status_code == 409 and getattr(Project.objects.get(pk=day.pk), field) == usd(70)
    assert "ana changed it from" in in_line(response.content.decode()) and "Nothing was overwritten" in in_line(
        response.content.decode()
    )
    assert bea.post(address, fields_of(in_line(response.content.decode()), address)).status_code == 303
    assert getattr(Project.objects.get(pk=day.pk), field) == usd(90)
    assert bea.post(address, sent).status_code == 303  # sent twice: it is as wanted


def test_a_concurrent_limit_change_is_not_overwritten(bea: Client, day: Workspace) -> None:
    address = reverse("limit", args=[day.pk])
    sent = fields_of(text_of(bea, at(day)), address) | {"limit": "orchestrator.day", "amount": "90"}
    caps.set_limit(Project.objects.get(pk=day.pk), "orchestrator", "day", usd(70), by=seed.ANA)
    response = bea.post(address, sent, headers=HTMX)
    assert response.status_code == 409 and Limit.objects.get(category="orchestrator").amount == usd(70)
    assert "ana changed it from none to $70.00" in in_line(response.content.decode())
    assert bea.post(address, fields_of(in_line(response.content.decode()), address)).status_code == 303
    assert Limit.objects.get(category="orchestrator").amount == usd(90)
    for odd in ("x", "-1", "9" * 40):
        assert bea.post(address, sent | {"seen.orchestrator.day": odd}).status_code == 303
