"""One session's time by phase as one bar, phases in order, waits for the provider hatched. Pure: values in, SVG out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.safestring import SafeString

from budget.charts.svg import el, picture
from dashboard.shared.charts import phases
from dashboard.shared.charts.swimlanes import Bar

WIDTH, HEIGHT, NARROW = 640.0, 28.0, 24.0


def totals(bars: Sequence[Bar], now: datetime) -> list[tuple[str, timedelta]]:
    """The time of each phase, ordered by first occurrence."""
    summed: dict[str, timedelta] = {}
    for bar in bars:
        summed[bar.phase] = summed.get(bar.phase, timedelta()) + max((bar.end or now) - bar.start, timedelta())
    return list(summed.items())


def draw(bars: Sequence[Bar], now: datetime) -> SafeString:
    whole = sum((took for _, took in totals(bars, now)), timedelta())
    parts: list[SafeString] = [el("rect", x=0.5, y=0.5, width=WIDTH - 1, height=HEIGHT - 1, class_="phase-track")]
    left = 0.0
    for bar in bars if whole else ():
        wide = max((bar.end or now) - bar.start, timedelta()) / whole * WIDTH
        kind = "phase waits" if bar.phase == "waiting" else "phase"
        title = el("title", phases.WORDS.get(bar.phase, bar.phase))
        parts.append(el("rect", title, x=left, y=0.5, width=wide, height=HEIGHT - 1, fill=phases.fill(bar.phase), class_=kind))
        if wide >= NARROW:
            middle = left + wide / 2
            parts.append(el("rect", x=middle - 11, y=7, width=22, height=14, class_="plate"))
            parts.append(el("text", phases.LETTERS.get(bar.phase, ""), x=middle, y=18, text_anchor="middle", class_="letters"))
        left += wide
    desc = "; ".join(f"{phases.WORDS.get(phase, phase)} {int(took.total_seconds())} seconds" for phase, took in totals(bars, now))
    return picture(
        "phasebar",
        *parts,
        width=WIDTH,
        height=HEIGHT,
        title="Time by phase",
        desc=desc or "No phase yet",
        class_="chart phasebar",
    )
