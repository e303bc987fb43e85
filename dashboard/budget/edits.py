"""Forms for the cap, the total budget, and an entry's budget and lock. A harmful value needs a confirmation; a concurrent change is not
overwritten."""

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from budget import amounts
from budget.ledger import unknown
from budget.limits import allocated, caps
from budget.models import Project
from budget.reads import queries
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import AmountField, validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import Undo, confirm, done
from orchestration.edge.queries import entry_for
from orchestration.models import Entry
from workspaces.access import Need


class BudgetForm(forms.Form):
    amount = AmountField(
        error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD, such as 12.50"}
    )
    reason = forms.CharField(max_length=500, required=False)
    seen = forms.IntegerField(required=False, min_value=0, max_value=2**62)  # micro-USD that the page showed


class LockForm(forms.Form):
    """The desired state, not a toggle, so that a form sent twice is harmless. Releasing a lock needs a reason."""

    locked = forms.TypedChoiceField(choices=[("1", "locked"), ("0", "unlocked")], coerce=lambda value: value == "1")
    reason = forms.CharField(max_length=500, required=False)

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        if self.cleaned_data.get("locked") is False and not reason.strip():
            raise forms.ValidationError("Enter a reason: unlocking needs one")
        return reason


@require_http_methods(["GET", "POST"])
@in_workspace(Need.BUDGET)
def set_cap(page_request: PageRequest) -> HttpResponse:
    submitted = page_request.request.POST or page_request.request.GET
    form_data = validated(BudgetForm(submitted))
    project = queries.project_of(page_request.workspace.pk)
    amount = form_data["amount"]
    if form_data["seen"] not in (None, project.max_project_spend) and amount != project.max_project_spend:
        return _project_conflict(
            page_request, "max_project_spend", project.max_project_spend, submitted["amount"], form_data["reason"]
        )
    confirmed = page_request.request.method == "POST" and confirmation.is_confirmed(page_request, "cap", amount)
    if page_request.request.method == "GET" or (amount < project.total_spent + project.held and not confirmed):
        return confirm(
            page_request,
            title=f"Set the cap to {amounts.format_usd(amount)}",
            sentence=consequence(project, amount),
            button=f"Set the cap to {amounts.format_usd(amount)}",
            action=reverse("cap", args=[page_request.workspace.pk]),
            fields={
                "amount": submitted["amount"],
                "reason": form_data["reason"],
                "seen": project.max_project_spend,
                "confirm": confirmation.token(page_request, "cap", amount),
            },
        )
    try:
        caps.set_project(
            project, "max_project_spend", amount, by=page_request.caller, reason=form_data["reason"], expected=form_data["seen"]
        )
    except caps.Changed as changed:
        return _project_conflict(page_request, "max_project_spend", changed.now, submitted["amount"], form_data["reason"])
    undo = _undo(page_request, "cap", before=project.max_project_spend, now=amount)
    return done(page_request, f"The cap is now {amounts.format_usd(amount)}", undo=undo)


def _undo(page_request: PageRequest, form: str, *ids: str, before: int, now: int) -> Undo | None:
    """The form that sets the amount before again, unless someone has changed it since. None: the amount is the same."""
    fields = {"amount": amounts.plain_usd(before), "seen": now}
    return Undo("Undo", reverse(form, args=[page_request.workspace.pk, *ids]), fields) if before != now else None


def consequence(project: Project, amount: int) -> str:
    """The immediate effect of a cap of this amount."""
    spent, held = amounts.format_usd(project.total_spent), amounts.format_usd(project.held)
    if amount < project.total_spent:
        return f"That is below the {spent} already spent: no session starts until the cap is raised. Running sessions continue within their reservations."
    if amount < project.total_spent + project.held:
        return f"{spent} is spent and {held} is reserved by running sessions: no session starts until some of it is free."
    return "Dispatch continues while spent and reserved amounts stay within it."


@require_POST
@in_workspace(Need.BUDGET)
def settle_unknown(page_request: PageRequest) -> HttpResponse:
    """Asks first: what a provider counts later is not booked any more."""
    left = amounts.format_usd(unknown.of_project(page_request.workspace.pk))
    if not confirmation.is_confirmed(page_request, "unknown"):
        return confirm(
            page_request,
            title="Settle unknown answers",
            sentence=f"Requests of ended sessions may have cost up to {left} more: nobody has counted their answers. They are booked at an estimate of what was "
            "seen of them, and the rest is released. Compare with the provider's own count first, if it has one.",
            button="Settle them at what was seen",
            action=reverse("unknown", args=[page_request.workspace.pk]),
            fields={"confirm": confirmation.token(page_request, "unknown")},
        )
    settled = unknown.settle_all(page_request.workspace.pk, by=page_request.caller, reason="")
    booked, freed = amounts.format_usd(settled.booked), amounts.format_usd(settled.freed)
    if not settled.requests:
        return done(page_request, "Nothing to settle: these requests are of sessions at work, or under way", tone="warn")
    return done(page_request, f"{booked} is booked for {settled.requests} unknown answers, {freed} is released")


@require_POST
@in_workspace(Need.BUDGET)
def set_total_budget(page_request: PageRequest) -> HttpResponse:
    """The plan that allocation distributes. It stops nothing, so it needs no confirmation."""
    form_data = validated(BudgetForm(page_request.request.POST))
    try:
        project = caps.set_project(
            page_request.project,
            "total_budget",
            form_data["amount"],
            by=page_request.caller,
            reason=form_data["reason"],
            expected=form_data["seen"],
        )
    except caps.Changed as changed:
        return _project_conflict(
            page_request, "total_budget", changed.now, page_request.request.POST["amount"], form_data["reason"]
        )
    over = allocated.excess(project, allocated.allocated(project.pk))
    sentence = f"The total budget is now {amounts.format_usd(project.total_budget)}"
    undo = _undo(page_request, "total-budget", before=page_request.project.total_budget, now=project.total_budget)
    return done(page_request, f"{sentence}. {over}" if over else sentence, tone="warn" if over else "good", undo=undo)


@require_POST
@in_workspace(Need.BUDGET)
def set_entry_budget(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = entry_for(page_request.workspace.pk, entry_id)
    form_data = validated(BudgetForm(page_request.request.POST))
    amount, reason = form_data["amount"], form_data["reason"]
    try:
        account = caps.edit(entry.account, amount, by=page_request.caller, reason=reason, expected=form_data["seen"])
    except caps.Changed as changed:
        return _entry_conflict(
            page_request, entry, changed, fields={"amount": page_request.request.POST["amount"], "reason": reason}
        )
    over = allocated.excess(page_request.project, allocated.allocated(page_request.workspace.pk))
    before = entry.account
    undo = None  # of a first lock it would be half of the way: the budget stays a person's
    if before.human_locked and not entry.is_container:
        undo = _undo(page_request, "entry-budget", entry.pk, before=before.budget, now=account.budget)
    sentence = f"The budget of #{entry.seq} is now {amounts.format_usd(account.budget)}, and locked"
    if account.budget <= account.spent + account.held and entry.status not in (Entry.Status.DONE, Entry.Status.FAILED):
        gone = f"{amounts.format_usd(account.spent)} is spent and {amounts.format_usd(account.held)} reserved"
        return done(page_request, f"{sentence}. {gone}: no session starts on it until it is raised", tone="warn", undo=undo)
    return done(page_request, f"{sentence}. {over}" if over else sentence, tone="warn" if over else "good", undo=undo)


def _project_conflict(page_request: PageRequest, field: str, now: int | None, amount: str, reason: str) -> HttpResponse:
    """Someone else changed the same amount: show their change and ask again."""
    named, address = {"max_project_spend": ("cap", "cap"), "total_budget": ("total budget", "total-budget")}[field]
    return confirm(
        page_request,
        title=f"Overwrite the {named}",
        sentence=f"{caps.who_changed(page_request.project, field, now)}, after this page was loaded. Nothing was overwritten.",
        button=f"Set it from {amounts.format_usd(now)} to {amount} USD",
        action=reverse(address, args=[page_request.workspace.pk]),
        fields={"amount": amount, "reason": reason, "seen": now or 0},
        status=409,
    )


def _entry_conflict(page_request: PageRequest, entry: Entry, changed: caps.Changed, *, fields: dict[str, str]) -> HttpResponse:
    """Someone else changed the same budget: show their change and ask again."""
    return confirm(
        page_request,
        title=f"Overwrite the budget of #{entry.seq}",
        sentence=f"{changed.message}, after this page was loaded. Nothing was overwritten.",
        button=f"Set it from {amounts.format_usd(changed.now)} to {fields['amount']} USD",
        action=reverse("entry-budget", args=[page_request.workspace.pk, entry.pk]),
        fields={**fields, "seen": changed.now or 0},
        status=409,
    )


@require_POST
@in_workspace(Need.BUDGET)
def set_entry_lock(page_request: PageRequest, entry_id: str) -> HttpResponse:
    """Locking is immediate; releasing a lock needs a reason."""
    entry = entry_for(page_request.workspace.pk, entry_id)
    form_data = validated(LockForm(page_request.request.POST))
    if entry.account.human_locked != form_data["locked"]:
        caps.toggle_lock(entry.account, by=page_request.caller, reason=form_data["reason"])
    state = "locked: only people can change it" if form_data["locked"] else "unlocked: reallocation may change it"
    return done(page_request, f"The budget of #{entry.seq} is {state}")
