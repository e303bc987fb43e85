"""A row of small bars: spend of the last 24 hours, or requests in each five seconds."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo

from django.utils.safestring import SafeString

from budget.charts.svg import el, places
from workspaces import times

BAR, GAP, HEIGHT = 4, 1, 24


def draw(values: Sequence[int], readings: Sequence[str] = (), name: str = "") -> SafeString:
    """Hidden from screen readers: the page prints the last value. Zero is a dot of one pixel, so that no bar seems missing.
    `readings`: what the pointer reads at each bar; the drawing then has a `name`, and screen readers get both."""
    highest = max(max(values, default=0), 1)
    bars = []
    for n, value in enumerate(values):
        high = max(HEIGHT * max(value, 0) / highest, 1.0)
        style = "spark" if value > 0 else "spark zero"
        bars.append(el("rect", x=n * (BAR + GAP), y=HEIGHT - high, width=BAR if value > 0 else 1, height=high, class_=style))
    width = max(len(values) * (BAR + GAP) - GAP, 1)
    size = {"viewBox": f"0 0 {width} {HEIGHT}", "width": width, "height": HEIGHT}
    if not readings:
        return el("svg", *bars, class_="sparkline", aria_hidden="true", **size)
    middles = places(n * (BAR + GAP) + BAR / 2 for n in range(len(values)))
    svg = el("svg", *bars, class_="sparkline", aria_hidden="true", data_x=middles, data_readings="|".join(readings), **size)
    rail = el("span", class_="chart-rail", data_own="")
    label = f"{name}: {', '.join(readings)}"
    return el("span", svg, rail, data_chart="", tabindex=0, role="group", aria_label=label)


def by_hour(values: Sequence[int], now: datetime, zone: tzinfo, text: Callable[[int], str], name: str) -> SafeString:
    """One bar for each hour of the zone, the last of them being that of `now`."""
    first = times.hour_of(now, zone) - timedelta(hours=len(values) - 1)
    hours = [(first + timedelta(hours=n)).astimezone(zone) for n in range(len(values))]
    return draw(values, [f"{hour:%H:%M} {text(value)}" for hour, value in zip(hours, values, strict=True)], name)
