"""Changing money on the pages: the cap, the total budget, an entry's budget and its lock. What bites asks first; what somebody else
changed meanwhile is not overwritten."""

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from budget import amounts
from budget.limits import bulk_edit, caps
from budget.models import Project
from budget.reads import queries
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import BudgetForm, LockForm, checked
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import confirm, done
from orchestration.models import Entry
from orchestration.queries import entry_for
from workspaces.access import Need


@require_http_methods(["GET", "POST"])
@in_workspace(Need.BUDGET)
def cap(page_request: PageRequest) -> HttpResponse:
    said = page_request.request.POST or page_request.request.GET
    wanted = checked(BudgetForm(said))
    project = queries.project_of(page_request.workspace.pk)
    amount = wanted["amount"]
    if wanted["seen"] not in (None, project.max_project_spend) and amount != project.max_project_spend:
        return _overtaken_in(page_request, "max_project_spend", project.max_project_spend, said["amount"], wanted["reason"])
    confirmed = page_request.request.method == "POST" and confirmation.is_confirmed(page_request, "cap", amount)
    if page_request.request.method == "GET" or (amount < project.total_spent + project.held and not confirmed):
        return confirm(
            page_request,
            title=f"Set the cap to {amounts.format_usd(amount)}",
            sentence=consequence(project, amount),
            button=f"Set the cap to {amounts.format_usd(amount)}",
            action=reverse("cap", args=[page_request.workspace.pk]),
            fields={
                "amount": said["amount"],
                "reason": wanted["reason"],
                "seen": project.max_project_spend,
                "confirm": confirmation.token(page_request, "cap", amount),
            },
        )
    try:
        caps.set_project(
            project, "max_project_spend", amount, by=page_request.caller, reason=wanted["reason"], expected=wanted["seen"]
        )
    except caps.Changed as changed:
        return _overtaken_in(page_request, "max_project_spend", changed.now, said["amount"], wanted["reason"])
    return done(page_request, f"The cap is {amounts.format_usd(amount)} now")


def consequence(project: Project, amount: int) -> str:
    """What a cap of this much does at once."""
    spent, held = amounts.format_usd(project.total_spent), amounts.format_usd(project.held)
    if amount < project.total_spent:
        return f"That is below the {spent} already spent: nothing new starts until the cap is raised. Sessions at work go on within their holds."
    if amount < project.total_spent + project.held:
        return f"{spent} is spent and {held} is held for sessions at work: nothing new starts until some of it is free."
    return "Dispatch goes on as long as what is spent and held stays within it."


@require_POST
@in_workspace(Need.BUDGET)
def total_budget(page_request: PageRequest) -> HttpResponse:
    """The plan that allocation shares out. It stops nothing, so it only says what it means."""
    wanted = checked(BudgetForm(page_request.request.POST))
    try:
        project = caps.set_project(
            page_request.project,
            "total_budget",
            wanted["amount"],
            by=page_request.caller,
            reason=wanted["reason"],
            expected=wanted["seen"],
        )
    except caps.Changed as changed:
        return _overtaken_in(page_request, "total_budget", changed.now, page_request.request.POST["amount"], wanted["reason"])
    over = bulk_edit.excess(project, bulk_edit.allocated(project.pk))
    sentence = f"The total budget is {amounts.format_usd(project.total_budget)} now"
    return done(page_request, f"{sentence}. {over}" if over else sentence, tone="warn" if over else "good")


@require_POST
@in_workspace(Need.BUDGET)
def entry_budget(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = entry_for(page_request.workspace.pk, entry_id)
    wanted = checked(BudgetForm(page_request.request.POST))
    amount, reason = wanted["amount"], wanted["reason"]
    try:
        account = caps.edit(entry.account, amount, by=page_request.caller, reason=reason, expected=wanted["seen"])
    except caps.Changed as changed:
        return _overtaken(page_request, entry, changed, fields={"amount": page_request.request.POST["amount"], "reason": reason})
    over = bulk_edit.excess(page_request.project, bulk_edit.allocated(page_request.workspace.pk))
    sentence = f"The budget of #{entry.seq} is {amounts.format_usd(account.budget)} now, and locked"
    if account.budget <= account.spent + account.held and entry.status not in (Entry.Status.DONE, Entry.Status.FAILED):
        gone = f"{amounts.format_usd(account.spent)} is spent and {amounts.format_usd(account.held)} held"
        return done(page_request, f"{sentence}. {gone}: nothing more starts on it until it is raised", tone="warn")
    return done(page_request, f"{sentence}. {over}" if over else sentence, tone="warn" if over else "good")


def _overtaken_in(page_request: PageRequest, field: str, now: int | None, amount: str, reason: str) -> HttpResponse:
    """Two people, one cap: the second is told what the first did, and decides anew."""
    named, address = {"max_project_spend": ("cap", "cap"), "total_budget": ("total budget", "total-budget")}[field]
    return confirm(
        page_request,
        title=f"Set the {named} all the same",
        sentence=f"{caps.who_changed(page_request.project, field, now)}, after this page showed it to you. Nothing was overwritten.",
        button=f"Set it from {amounts.format_usd(now)} to {amount} USD",
        action=reverse(address, args=[page_request.workspace.pk]),
        fields={"amount": amount, "reason": reason, "seen": now or 0},
        status=409,
    )


def _overtaken(page_request: PageRequest, entry: Entry, changed: caps.Changed, *, fields: dict[str, str]) -> HttpResponse:
    """Two people, one budget: the second is told what the first did, and decides anew."""
    return confirm(
        page_request,
        title=f"Set the budget of #{entry.seq} all the same",
        sentence=f"{changed.message}, after this page showed it to you. Nothing was overwritten.",
        button=f"Set it from {amounts.format_usd(changed.now)} to {fields['amount']} USD",
        action=reverse("entry-budget", args=[page_request.workspace.pk, entry.pk]),
        fields={**fields, "seen": changed.now or 0},
        status=409,
    )


@require_POST
@in_workspace(Need.BUDGET)
def entry_lock(page_request: PageRequest, entry_id: str) -> HttpResponse:
    """Locking is immediate. Releasing a lock that a person set needs a reason."""
    entry = entry_for(page_request.workspace.pk, entry_id)
    wanted = checked(LockForm(page_request.request.POST))
    if entry.account.human_locked != wanted["locked"]:
        caps.toggle_lock(entry.account, by=page_request.caller, reason=wanted["reason"])
    state = "locked: only people change it" if wanted["locked"] else "free: the reallocator may change it"
    return done(page_request, f"The budget of #{entry.seq} is {state}")
