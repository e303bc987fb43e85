"""Forms for limits besides the cap, and for warnings at shares of the cap. A limit that stops something at once needs a confirmation."""

import re
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import get_current_timezone, now
from django.views.decorators.http import require_POST

from budget import amounts, limits
from budget.categories import TRAITS
from budget.limits import LimitStatus, caps, thresholds
from budget.models import Limit
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import AmountField, validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import confirm, done
from workspaces import times
from workspaces.access import Need


class LimitForm(forms.Form):
    """One limit besides the cap, as `category.period`. No amount removes the limit."""

    limit = forms.ChoiceField(
        choices=[
            (name, "")
            for category in Limit.Scope.values
            for name in (f"{category}.all", f"{category}.day")
            if name != "total.all"
        ],
        error_messages={"required": "Choose a limit", "invalid_choice": "Unknown limit"},
    )
    amount = AmountField(
        required=False, error_messages={"invalid": "Write an amount in USD, such as 12.50, or leave it empty for no limit"}
    )

    def seen(self) -> int | None:
        """The limit that the page showed, in micro-USD (`seen.<limit>`): None for no limit, caps.UNSEEN if the sender leaves it out."""
        raw = self.data.get(f"seen.{self.cleaned_data['limit']}")
        if raw == "":
            return None
        return int(raw) if raw and re.fullmatch(r"[0-9]{1,18}", raw) else caps.UNSEEN

    reason = forms.CharField(max_length=500, required=False)


class ThresholdsForm(forms.Form):
    """Percents of the cap separated by commas or spaces: `50, 75, 90 %`. Empty: no warnings."""

    percents = forms.CharField(max_length=200, required=False)
    reason = forms.CharField(max_length=500, required=False)

    def clean_percents(self) -> list[int]:
        words = self.cleaned_data["percents"].replace("%", " ").replace(",", " ").split()
        if not all(word.isascii() and word.isdigit() and 1 <= int(word[:9]) <= thresholds.MAX_PERCENT for word in words):
            raise forms.ValidationError(f"Write whole percents from 1 to {thresholds.MAX_PERCENT}, such as 50, 75, 90")
        if len(set(words)) > thresholds.MAX_COUNT:
            raise forms.ValidationError(f"At most {thresholds.MAX_COUNT} warnings")
        return sorted(set(map(int, words)))


@require_POST
@in_workspace(Need.BUDGET)
def set_limit(page_request: PageRequest) -> HttpResponse:
    """Set a limit; without an amount, remove it."""
    form = LimitForm(page_request.request.POST)
    form_data, seen = validated(form), form.seen()
    amount, limit = form_data["amount"], form_data["limit"]
    fields = {name: page_request.request.POST.get(name, "") for name in ("limit", "amount", "reason")}
    category, period = limit.split(".")
    statuses = limits.statuses(page_request.workspace.pk, project=page_request.project)
    status = next(status for status in statuses if (status.category, status.period) == (category, period))
    if seen not in (caps.UNSEEN, status.limit) and amount != status.limit:
        return _conflict(page_request, status, status.limit, fields)
    fields[f"seen.{limit}"] = "" if status.limit is None else str(status.limit)
    exceeded = amount is not None and amount <= status.spent + status.held
    if exceeded and not confirmation.is_confirmed(page_request, f"limit {limit}", amount):
        return _ask_confirmation(page_request, status, amount, fields)
    try:
        caps.set_limit(
            page_request.project,
            category,
            period,
            amount,
            by=page_request.caller,
            reason=form_data["reason"],
            expected=status.limit,
        )
    except caps.Changed as changed:
        return _conflict(page_request, status, changed.now, fields)
    name = limit_name(status)
    return done(
        page_request, f"{name} now has no limit" if amount is None else f"The limit of {name} is now {amounts.format_usd(amount)}"
    )


def _ask_confirmation(page_request: PageRequest, status: LimitStatus, amount: int, fields: dict[str, str]) -> HttpResponse:
    return confirm(
        page_request,
        title=f"Set the limit of {limit_name(status)} to {amounts.format_usd(amount)}",
        sentence=times.with_local(consequence(status, amount), get_current_timezone(), now()),
        button=f"Set it to {amounts.format_usd(amount)}",
        action=reverse("limit", args=[page_request.workspace.pk]),
        fields=fields | {"confirm": confirmation.token(page_request, f"limit {fields['limit']}", amount)},
    )


def _conflict(page_request: PageRequest, status: LimitStatus, now_: int | None, fields: dict[str, str]) -> HttpResponse:
    """Someone else changed the same limit: show their change and ask again."""
    limit = f"{status.category}.{status.period}"
    new_value = f"{fields['amount']} USD" if fields["amount"].strip() else "none"
    return confirm(
        page_request,
        title=f"Overwrite the limit of {limit_name(status)}",
        sentence=f"{caps.who_changed(page_request.project, f'limit.{limit}', now_)}, after this page was loaded. Nothing was overwritten.",
        button=f"Set it from {'none' if now_ is None else amounts.format_usd(now_)} to {new_value}",
        action=reverse("limit", args=[page_request.workspace.pk]),
        fields=fields | {f"seen.{limit}": "" if now_ is None else str(now_)},
        status=409,
    )


@require_POST
@in_workspace(Need.BUDGET)
def set_thresholds(page_request: PageRequest) -> HttpResponse:
    form_data = validated(ThresholdsForm(page_request.request.POST))
    saved = thresholds.replace(
        page_request.workspace.pk, form_data["percents"], by=page_request.caller, reason=form_data["reason"]
    )
    if not saved:
        return done(page_request, "No warnings are sent before the cap is reached", tone="warn")
    passed = ", ".join(f"{threshold.percent} %" for threshold in saved if threshold.fired_at)
    sentence = f"Warnings are sent at {', '.join(f'{threshold.percent} %' for threshold in saved)} of the cap"
    return done(page_request, f"{sentence}; {passed} is already passed" if passed else sentence)


def consequence(status: LimitStatus, amount: int) -> str:
    """The immediate effect of a limit of this amount."""
    spent, held = (
        f"{amounts.format_usd(status.spent)} is spent{' today' if status.period == 'day' else ''}",
        amounts.format_usd(status.held),
    )
    if amount <= status.spent:
        return f"{spent} already, so the limit is reached at once. {status.stops}"
    return f"{spent} and {held} is reserved, so nothing is left until some of it is free. {status.stops}"


def limit_name(status: LimitStatus) -> str:
    """`All together, a day (UTC)`: the label on the page."""
    whose = TRAITS[status.category].label
    return {"all": whose, "day": f"{whose} per day (UTC)", "round": f"{whose} per round"}[status.period]


def choices(statuses: list[LimitStatus]) -> list[dict[str, Any]]:
    """The limits that can be set here, with their current values. The cap has its own form; the ceiling of a round is config."""
    return [
        {"value": f"{status.category}.{status.period}", "name": limit_name(status), "limit": status.limit, "spent": status.spent}
        for status in statuses
        if status.period != "round" and (status.category, status.period) != ("total", "all")
    ]
