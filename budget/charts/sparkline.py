"""A row of small bars: spend of the last 24 hours, or requests in each five seconds."""

from collections.abc import Sequence

from django.utils.safestring import SafeString

from budget.charts.svg import el

BAR, GAP, HEIGHT = 4, 1, 24


def draw(values: Sequence[int]) -> SafeString:
    """Hidden from screen readers: the page prints the last value. Zero is a dot of one pixel, so that no bar seems missing."""
    highest = max(max(values, default=0), 1)
    bars = []
    for n, value in enumerate(values):
        high = max(HEIGHT * max(value, 0) / highest, 1.0)
        style = "spark" if value > 0 else "spark zero"
        bars.append(el("rect", x=n * (BAR + GAP), y=HEIGHT - high, width=BAR if value > 0 else 1, height=high, class_=style))
    width = max(len(values) * (BAR + GAP) - GAP, 1)
    return el("svg", *bars, class_="sparkline", viewBox=f"0 0 {width} {HEIGHT}", width=width, height=HEIGHT, aria_hidden="true")
