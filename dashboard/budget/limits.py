"""Setting the limits beside the cap, and at which shares of the cap to warn. A limit that stops something at once asks first."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import get_current_timezone, now
from django.views.decorators.http import require_POST

from budget import amounts, limits
from budget.charts.patterns import LABELS
from budget.limits import LimitStatus, caps, thresholds
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import LimitForm, ThresholdsForm, checked
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import confirm, done
from workspaces import times
from workspaces.access import Need


@require_POST
@in_workspace(Need.BUDGET)
def set_one(page_request: PageRequest) -> HttpResponse:
    """Without an amount the limit is taken away."""
    form = LimitForm(page_request.request.POST)
    wanted, seen = checked(form), form.seen()
    amount, fields = wanted["amount"], {name: page_request.request.POST.get(name, "") for name in ("limit", "amount", "reason")}
    category, period = wanted["limit"].split(".")
    one = next(
        it
        for it in limits.statuses(page_request.workspace.pk, project=page_request.project)
        if (it.category, it.period) == (category, period)
    )
    named = name(one)
    if seen not in (caps.UNSEEN, one.limit) and amount != one.limit:
        return _overtaken(page_request, one, one.limit, fields)
    fields[f"seen.{wanted['limit']}"] = "" if one.limit is None else str(one.limit)
    if (
        amount is not None
        and amount <= one.spent + one.held
        and not confirmation.is_confirmed(page_request, f"limit {wanted['limit']}", amount)
    ):
        return confirm(
            page_request,
            title=f"Set the limit of {named} to {amounts.format_usd(amount)}",
            sentence=times.with_local(consequence(one, amount), get_current_timezone(), now()),
            button=f"Set it to {amounts.format_usd(amount)}",
            action=reverse("limit", args=[page_request.workspace.pk]),
            fields=fields | {"confirm": confirmation.token(page_request, f"limit {wanted['limit']}", amount)},
        )
    try:
        caps.set_limit(
            page_request.project, category, period, amount, by=page_request.caller, reason=wanted["reason"], expected=one.limit
        )
    except caps.Changed as changed:
        return _overtaken(page_request, one, changed.now, fields)
    return done(
        page_request,
        f"{named} has no limit now" if amount is None else f"The limit of {named} is {amounts.format_usd(amount)} now",
    )


def _overtaken(page_request: PageRequest, one: LimitStatus, now_: int | None, fields: dict[str, str]) -> HttpResponse:
    """Two people, one limit: the second is told what the first did, and decides anew."""
    limit = f"{one.category}.{one.period}"
    wanted = f"{fields['amount']} USD" if fields["amount"].strip() else "none"
    return confirm(
        page_request,
        title=f"Set the limit of {name(one)} all the same",
        sentence=f"{caps.who_changed(page_request.project, f'limit.{limit}', now_)}, after this page showed it to you. Nothing was overwritten.",
        button=f"Set it from {'none' if now_ is None else amounts.format_usd(now_)} to {wanted}",
        action=reverse("limit", args=[page_request.workspace.pk]),
        fields=fields | {f"seen.{limit}": "" if now_ is None else str(now_)},
        status=409,
    )


@require_POST
@in_workspace(Need.BUDGET)
def warn_at(page_request: PageRequest) -> HttpResponse:
    wanted = checked(ThresholdsForm(page_request.request.POST))
    made = thresholds.replace(page_request.workspace.pk, wanted["percents"], by=page_request.caller, reason=wanted["reason"])
    if not made:
        return done(page_request, "Nobody is warned now before the cap is reached", tone="warn")
    passed = ", ".join(f"{one.percent} %" for one in made if one.fired_at)
    sentence = f"Warnings come at {', '.join(f'{one.percent} %' for one in made)} of the cap"
    return done(page_request, f"{sentence}; {passed} is passed already" if passed else sentence)


def consequence(one: LimitStatus, amount: int) -> str:
    """What a limit of this much does at once."""
    spent, held = (
        f"{amounts.format_usd(one.spent)} is spent{' today' if one.period == 'day' else ''}",
        amounts.format_usd(one.held),
    )
    if amount <= one.spent:
        return f"{spent} already, so it is reached at once. {one.stops}"
    return f"{spent} and {held} is held, so nothing is left of it until some of that is free. {one.stops}"


def name(one: LimitStatus) -> str:
    """`All together, a day (UTC)`: how the page calls it."""
    whose = "All together" if one.category == "total" else LABELS[one.category]
    return {"all": whose, "day": f"{whose}, a day (UTC)", "round": f"{whose}, a round"}[one.period]


def choices(standing: list[LimitStatus]) -> list[dict[str, Any]]:
    """What can be set here, and how it stands now. The cap has a form of its own; a round's ceiling is the config's."""
    return [
        {"value": f"{one.category}.{one.period}", "name": name(one), "limit": one.limit, "spent": one.spent}
        for one in standing
        if one.period != "round" and (one.category, one.period) != ("total", "all")
    ]
