"""Spend by day as bars, hatched what was wasted. Pure: rows in, SVG out; the table below has the same and more."""

from collections.abc import Sequence
from datetime import date, tzinfo

from django.utils.safestring import SafeString

from budget import amounts
from budget.charts import scales
from budget.charts.patterns import fill
from budget.charts.svg import el, picture, places
from dashboard.insight.figures import Figures
from workspaces import times

WIDTH, HEIGHT = 960, 180
LEFT, RIGHT, TOP, BOTTOM = 64, 944, 12, 148
WIDEST = 40.0
Day = tuple[date, Figures]


def draw(days: Sequence[Day], zone: tzinfo) -> SafeString:
    """`days`: at least one, in order; a day without rounds is left out."""
    since, until = times.midnight(days[0][0], zone), times.midnight(days[-1][0] + times.DAY, zone)
    x = scales.Scale(since.timestamp(), until.timestamp(), LEFT, RIGHT)
    steps = scales.money_steps(max(figures.cost for _, figures in days))
    y = scales.Scale(0, steps[-1], BOTTOM, TOP)
    middles = [x(times.midnight(day, zone).timestamp() + times.DAY.total_seconds() / 2) for day, _ in days]
    wide = min((RIGHT - LEFT) / ((until - since) / times.DAY) * 0.7, WIDEST)
    bars = [part for middle, (_, figures) in zip(middles, days, strict=True) for part in _bar(figures, middle, wide, y)]
    spent, wasted = (amounts.format_usd(sum(getattr(figures, name) for _, figures in days)) for name in ("cost", "wasted"))
    return picture(
        "days",
        *_grid(steps, y),
        *bars,
        *(_label(middle, day) for middle, (day, _) in _labelled(middles, days)),
        width=WIDTH,
        height=HEIGHT,
        title="Spend by day",
        desc=f"{len(days)} {'day' if len(days) == 1 else 'days'} with rounds: {spent} spent, {wasted} of it wasted.",
        data_x=places(middles),
        data_readings="|".join(_reading(day, figures) for day, figures in days),
        data_plot=places((LEFT, RIGHT)),
        data_time=places((since.timestamp(), until.timestamp())),
    )


def _grid(steps: Sequence[int], y: scales.Scale) -> list[SafeString]:
    parts = []
    for amount in steps:
        parts.append(el("line", x1=LEFT, x2=RIGHT, y1=y(amount), y2=y(amount), class_="grid"))
        parts.append(el("text", scales.money_label(amount), x=LEFT - 8, y=y(amount) + 4, class_="label", text_anchor="end"))
    return parts


def _bar(figures: Figures, middle: float, wide: float, y: scales.Scale) -> list[SafeString]:
    """The waste at the bottom: from day to day it is compared from one line."""
    wasted = min(max(figures.wasted, 0), max(figures.cost, 0))
    parts = []
    for paint, low, high in (({"fill": fill("held"), "class_": "held"}, 0, wasted), ({"class_": "bar"}, wasted, figures.cost)):
        if high > low:
            parts.append(el("rect", x=middle - wide / 2, width=wide, y=y(high), height=y(low) - y(high), **paint))
    return parts


def _labelled(middles: Sequence[float], days: Sequence[Day]) -> list[tuple[float, Day]]:
    """Keep as many labels as there is room for, the last day always."""
    kept: list[tuple[float, Day]] = []
    for middle, day in reversed(list(zip(middles, days, strict=True))):
        if not kept or kept[-1][0] - middle >= 64:
            kept.append((middle, day))
    return kept


def _label(middle: float, day: date) -> SafeString:
    return el("text", f"{day.day} {day:%b}", x=middle, y=HEIGHT - 12, class_="label", text_anchor="middle")


def _reading(day: date, figures: Figures) -> str:
    spent, wasted = amounts.format_usd(figures.cost), amounts.format_usd(figures.wasted)
    return f"{day:%a} {day.day} {day:%b};Spent {spent};Wasted {wasted};Landed {figures.landed}"
