"""Forecasts against what happened: the cost of the next ten sessions is foretold, compared once they have ended, and foretold anew."""

import random
from collections.abc import Sequence
from datetime import datetime
from statistics import quantiles

from budget.models import ForecastRecord, Hold

AHEAD = 10
"""Sessions that are foretold, and the least number that they are foretold from."""
DRAWS = 300


def settle(row: ForecastRecord, at: datetime) -> None:
    """Count what was foretold, where its sessions have ended, and foretell the next ones. The caller saves the row. At most two queries."""
    settled = Hold.objects.filter(project_id=row.pk, state=Hold.State.SETTLED, drawn__gt=0, expires_at__isnull=True)
    if row.foretold_at is not None and row.foretold_low is not None and row.foretold_high is not None:
        since = list(
            settled.filter(settled_at__gt=row.foretold_at).order_by("settled_at", "pk").values_list("drawn", flat=True)[:AHEAD]
        )
        if len(since) < AHEAD:
            return
        row.compared += 1
        row.held += row.foretold_low <= sum(since) <= row.foretold_high
    newest = settled.filter(settled_at__lte=at).order_by("-settled_at", "-pk").values_list("drawn", flat=True)
    row.foretold_low, row.foretold_high = cost_ahead(list(newest[: 4 * AHEAD]))
    row.foretold_at = None if row.foretold_low is None else at


def cost_ahead(costs: Sequence[int]) -> tuple[int | None, int | None]:
    """The 10 % and the 90 % of the cost of as many sessions as `AHEAD`, drawn from these (micro-USD). None: they are too few."""
    if len(costs) < AHEAD:
        return None, None
    dice = random.Random(f"{len(costs)}:{sum(costs)}")
    tenths = quantiles([sum(dice.choices(costs, k=AHEAD)) for _ in range(DRAWS)], n=10, method="inclusive")
    return int(tenths[0]), -int(-tenths[8] // 1)


def sentence(row: ForecastRecord | None) -> str:
    """`8 of 10 forecasts of what the next 10 sessions cost held`; empty while there is none to judge by."""
    if row is None or not row.compared:
        return ""
    return f"{row.held} of {row.compared} forecasts of what the next {AHEAD} sessions cost held; 4 of 5 are meant to."
