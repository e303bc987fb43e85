"""Setting the limits beside the cap, and at which shares of the cap to warn. A limit that stops something at once asks first."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import get_current_timezone, now
from django.views.decorators.http import require_POST

from budget import limits
from budget.amounts import money
from budget.charts.patterns import LABELS
from budget.limits import Standing, caps, thresholds
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import LimitForm, ThresholdsForm, validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import confirm, done
from workspaces import times
from workspaces.access import Need


@require_POST
@in_workspace(Need.BUDGET)
def set_limit(page_request: PageRequest) -> HttpResponse:
    """Without an amount the limit is taken away."""
    form = LimitForm(page_request.request.POST)
    form_data, seen = validated(form), form.seen()
    amount, fields = (
        form_data["amount"],
        {name: page_request.request.POST.get(name, "") for name in ("limit", "amount", "reason")},
    )
    category, period = form_data["limit"].split(".")
    status = next(
        it
        for it in limits.standing(page_request.workspace.pk, project=page_request.project)
        if (it.category, it.period) == (category, period)
    )
    named = limit_name(status)
    if seen not in (caps.UNSEEN, status.limit) and amount != status.limit:
        return _conflict(page_request, status, status.limit, fields)
    fields[f"seen.{form_data['limit']}"] = "" if status.limit is None else str(status.limit)
    if (
        amount is not None
        and amount <= status.spent + status.held
        and not confirmation.is_confirmed(page_request, f"limit {form_data['limit']}", amount)
    ):
        return confirm(
            page_request,
            title=f"Set the limit of {named} to {money.text(amount)}",
            sentence=times.with_local(consequence(status, amount), get_current_timezone(), now()),
            button=f"Set it to {money.text(amount)}",
            action=reverse("limit", args=[page_request.workspace.pk]),
            fields=fields | {"confirm": confirmation.token(page_request, f"limit {form_data['limit']}", amount)},
        )
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
    return done(
        page_request, f"{named} has no limit now" if amount is None else f"The limit of {named} is {money.text(amount)} now"
    )


def _conflict(page_request: PageRequest, status: Standing, now_: int | None, fields: dict[str, str]) -> HttpResponse:
    """Two people, one limit: the second is told what the first did, and decides anew."""
    limit = f"{status.category}.{status.period}"
    new_value = f"{fields['amount']} USD" if fields["amount"].strip() else "none"
    return confirm(
        page_request,
        title=f"Set the limit of {limit_name(status)} all the same",
        sentence=f"{caps.who_changed(page_request.project, f'limit.{limit}', now_)}, after this page showed it to you. Nothing was overwritten.",
        button=f"Set it from {'none' if now_ is None else money.text(now_)} to {new_value}",
        action=reverse("limit", args=[page_request.workspace.pk]),
        fields=fields | {f"seen.{limit}": "" if now_ is None else str(now_)},
        status=409,
    )


@require_POST
@in_workspace(Need.BUDGET)
def set_thresholds(page_request: PageRequest) -> HttpResponse:
    form_data = validated(ThresholdsForm(page_request.request.POST))
    saved = thresholds.set_to(
        page_request.workspace.pk, form_data["percents"], by=page_request.caller, reason=form_data["reason"]
    )
    if not saved:
        return done(page_request, "Nobody is warned now before the cap is reached", tone="warn")
    passed = ", ".join(f"{threshold.percent} %" for threshold in saved if threshold.fired_at)
    sentence = f"Warnings come at {', '.join(f'{threshold.percent} %' for threshold in saved)} of the cap"
    return done(page_request, f"{sentence}; {passed} is passed already" if passed else sentence)


def consequence(status: Standing, amount: int) -> str:
    """What a limit of this much does at once."""
    spent, held = f"{money.text(status.spent)} is spent{' today' if status.period == 'day' else ''}", money.text(status.held)
    if amount <= status.spent:
        return f"{spent} already, so it is reached at once. {status.stops}"
    return f"{spent} and {held} is held, so nothing is left of it until some of that is free. {status.stops}"


def limit_name(status: Standing) -> str:
    """`All together, a day (UTC)`: how the page calls it."""
    whose = "All together" if status.category == "total" else LABELS[status.category]
    return {"all": whose, "day": f"{whose}, a day (UTC)", "round": f"{whose}, a round"}[status.period]


def choices(statuses: list[Standing]) -> list[dict[str, Any]]:
    """What can be set here, and how it stands now. The cap has a form of its own; a round's ceiling is the config's."""
    return [
        {"value": f"{status.category}.{status.period}", "name": limit_name(status), "limit": status.limit, "spent": status.spent}
        for status in statuses
        if status.period != "round" and (status.category, status.period) != ("total", "all")
    ]
