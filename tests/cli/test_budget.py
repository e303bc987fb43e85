"""`muster budget`, and the roles that may use it."""

from budget.amounts import usd
from budget.models import Account
from orchestration.facts.reasons import Reason
from orchestration.models import Entry
from tests.cli.terminal import Terminal
from tests.factories import a_token, an_entry
from workspaces.models import Role, Workspace


def test_budgets_are_shown_and_set(muster: Terminal, workspace: Workspace) -> None:
    entry = an_entry(workspace, budget="3")
    assert "$3.00" in muster("budget").out
    assert muster("budget", "1", "4.5").out == "Entry 1: $0.00 spent of $4.50, locked, 0 of 5 rounds\n"
    assert Account.objects.get(pk=entry.account_id).budget == usd("4.5")
    assert muster("budget", "1", "--unlock").out == "Entry 1: $0.00 spent of $4.50, 0 of 5 rounds\n"
    assert muster("budget", "1", "--unlock").out == "Entry 1: $0.00 spent of $4.50, 0 of 5 rounds\n"
    assert muster.json("budget", "--cap", "80")["max_project_spend_usd"] == 80


def test_an_entry_that_is_out_of_rounds_goes_on_with_more(muster: Terminal, workspace: Workspace) -> None:
    entry = an_entry(workspace)
    Entry.objects.update(status="failed", reason_code=Reason.ROUNDS_EXHAUSTED)
    assert muster("budget", "1", "--rounds", "9").out.endswith(", 0 of 9 rounds\n")
    entry.refresh_from_db()
    assert (entry.status, entry.budget_rounds) == (Entry.Status.PENDING, 9)
    assert muster("budget", "--rounds", "9").code == 2


def test_a_budget_above_the_cap_is_accepted_with_a_note(muster: Terminal) -> None:
    note = "may spend $500.00, but the workspace at most $100.00: muster budget --cap USD\n"
    outcome = muster("add", "A", "--budget", "500")
    assert (outcome.code, outcome.err) == (0, f"Entry 1 {note}")
    assert muster("add", "B").err == "" and muster("add", "C", "--budget", "100").err == ""
    assert muster("add", "--from", "-", stdin='[{"content": "D", "budget_usd": 500}]').err == f"Entry 4 {note}"
    assert muster("budget", "2", "500").err == f"Entry 2 {note}"
    assert muster("budget", "2", "5").err == muster("add", "E", "--budget", "500", "-o", "json").err == ""


def test_a_refusal_names_the_roles_that_may(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    muster.set("MUSTER_TOKEN", a_token(workspace, Role.OPERATOR))
    outcome = muster("budget", "1", "5")
    assert outcome.err == "muster: The role operator may not change budgets. Roles that may: budget and admin.\n"
    muster.set("MUSTER_TOKEN", a_token(workspace, Role.VIEWER))
    assert "Roles that may: operator and admin." in muster("start").err
