"""Bulk edits of budgets and locks: all or none, with a confirmation when the plan would be exceeded."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from budget import amounts
from budget.limits import allocated, bulk_edit, caps
from budget.limits.bulk_edit import Order, Wish
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import AmountField, validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import confirm, done
from orchestration.models import Entry
from workspaces.access import Need
from workspaces.errors import Invalid

MAX_POINTS = 12


class BulkForm(forms.Form):
    """One change for the selected entries. `value`: USD for set, a signed number for percent."""

    do = forms.ChoiceField(choices=[(name, name) for name in ("set", "percent", "lock", "unlock")])
    value = forms.CharField(max_length=40, required=False)
    reason = forms.CharField(max_length=500, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned, do = self.cleaned_data, self.cleaned_data.get("do")
        if do == "set":
            cleaned["amount"] = AmountField(
                error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD"}
            ).clean(cleaned.get("value", ""))
        if do == "percent":
            percent = cleaned.get("value", "").replace("%", "").replace("−", "-").strip()
            cleaned["percent"] = forms.DecimalField(
                min_value=-100,
                max_value=1000,
                max_digits=7,
                decimal_places=2,
                error_messages={
                    "required": "Write a percentage, such as 10 or -10",
                    "invalid": "Write a percentage, such as 10 or -10",
                },
            ).clean(percent)
        return cleaned


@require_POST
@in_workspace(Need.BUDGET)
def apply(page_request: PageRequest) -> HttpResponse:
    form_data = validated(BulkForm(page_request.request.POST))
    wishes = _wishes(page_request)
    order = Order(form_data["do"], wishes, amount=form_data.get("amount", 0), percent=form_data.get("percent", 0))
    over = (
        allocated.excess(page_request.project, bulk_edit.preview(page_request.project, order))
        if form_data["do"] in ("set", "percent")
        else ""
    )
    if over and not confirmation.is_confirmed(page_request, "bulk", over):
        return confirm(
            page_request,
            title=f"Change {_entries(len(wishes))}",
            sentence=f"{over}. The budgets exceed the plan; the cap stays {amounts.format_usd(page_request.project.max_project_spend)}.",
            points=_points(page_request, order),
            button=f"Change {_entries(len(wishes))}",
            action=reverse("budget-bulk", args=[page_request.workspace.pk]),
            fields={
                "do": form_data["do"],
                "value": form_data["value"],
                "reason": form_data["reason"],
                "picks": ",".join(f"{wish.account_id}:{wish.seen}" for wish in wishes),
                "confirm": confirmation.token(page_request, "bulk", over),
            },
        )
    try:
        changed = bulk_edit.carry_out(page_request.project, order, by=page_request.caller, reason=form_data["reason"])
    except caps.Changed as overtaken:
        raise caps.Changed(f"{overtaken.message}, after this page was loaded. No budgets were changed", overtaken.now) from None
    return done(page_request, _sentence(order, changed), tone="warn" if over else "good")


def _wishes(page_request: PageRequest) -> list[Wish]:
    """The selected entries, each with the budget that the page showed."""
    picks = [*page_request.request.POST.getlist("pick"), *filter(None, page_request.request.POST.get("picks", "").split(","))]
    wishes = {}
    for pick in picks:
        account_id, _, seen = pick.partition(":")
        if not (seen.isascii() and seen.isdigit() and len(seen) < 19):
            raise Invalid("This form is out of date: reload the page", "pick")
        wishes[account_id] = Wish(account_id, int(seen))
    if not wishes:
        raise Invalid("Select at least one entry", "pick")
    return list(wishes.values())


def _points(page_request: PageRequest, order: Order) -> list[str]:
    shown = {wish.account_id: wish for wish in order.wishes}
    entries = Entry.objects.filter(workspace=page_request.workspace, pk__in=shown).order_by("seq")
    points = [
        f"#{entry.seq} {amounts.format_usd(shown[entry.pk].seen)} → {amounts.format_usd(order.after(shown[entry.pk].seen))}"
        for entry in entries[:MAX_POINTS]
    ]
    remaining = len(order.wishes) - len(points)
    return [*points, f"and {remaining} more"] if remaining > 0 else points


def _sentence(order: Order, changed: int) -> str:
    if order.do in ("lock", "unlock"):
        state = "locked" if order.do == "lock" else "open to reallocation"
        same = len(order.wishes) - changed
        return f"{_entries(changed)} {'is' if changed == 1 else 'are'} now {state}" + (f"; {same} already were" if same else "")
    return f"Budgets of {_entries(changed)} changed and locked"


def _entries(n: int) -> str:
    return f"{n} {'entry' if n == 1 else 'entries'}"
