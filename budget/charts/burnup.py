"""Spend over time against the cap, with the likely cost of the open work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

from django.utils.safestring import SafeString

from budget import amounts
from budget.amounts import columns
from budget.categories import CATEGORIES, LABELS
from budget.charts import outlook, scales
from budget.charts.patterns import fill
from budget.charts.svg import el, join, path, picture, places
from budget.charts.table import Table
from budget.forecast import Forecast
from workspaces import times

WIDTH, HEIGHT = 960, 280
LEFT, RIGHT, TOP, BOTTOM = 64, 792, 26, 236
ROOM_ABOVE = 1.25  # over the highest line, for the text at the crossing
NEAR = 1.6  # so many times the highest amount of the data, the cap is part of the chart
LINE = 14.0
MAX_ROWS = 60
SHAPES = {"change": "M0 -5 5 4 -5 4Z", "stop": "M-4 -4h8v8h-8Z", "pause": "M-4 -4h3v8h-3ZM1 -4h3v8h-3Z"}


@dataclass(frozen=True)
class Point:
    """Cumulative spend in each category, in the order of CATEGORIES."""

    at: datetime
    spent: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.spent)


@dataclass(frozen=True)
class Mark:
    """An event: `kind` is change, stop or pause. The list below the chart shows its text."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True)
class BurnUp:
    """`points` from the left edge to now, or to an earlier moment (`is_past`) with which the chart ends; `until`: the right edge.
    `allocated`: the sum of the entries' budgets. Times are shown in `zone`."""

    points: Sequence[Point]
    until: datetime
    cap: int
    total_budget: int
    allocated: int
    held: int
    outlook: Forecast
    marks: Sequence[Mark] = ()
    zone: tzinfo = UTC
    is_past: bool = False

    @property
    def since(self) -> datetime:
        return self.points[0].at

    @property
    def now(self) -> datetime:
        return self.points[-1].at

    @property
    def spent(self) -> int:
        return self.points[-1].total


def draw(data: BurnUp, id_: str = "burnup") -> SafeString:
    highest = int(max(_highest(data), 1) * ROOM_ABOVE)
    x = scales.Scale(data.since.timestamp(), data.until.timestamp(), LEFT, RIGHT)
    y = scales.Scale(0, highest, BOTTOM, TOP)
    return picture(
        id_,
        *_grid(data, x, y, highest),
        *_areas(data, x, y),
        *_now(data, x),
        *_lines(data, y),
        *([] if data.is_past else [*_wedge(data, x, y), *_outlook(data, x, y)]),
        *_names(data, x, y),
        *_marks(data, x),
        width=WIDTH,
        height=HEIGHT,
        title="Spend over time against the cap",
        desc=describe(data),
        data_x=places(x(point.at.timestamp()) for point in _listed(data.points)),
        data_plot=places((LEFT, x(data.now.timestamp()))),
        data_time=places((data.since.timestamp(), data.now.timestamp())),
    )


def _highest(data: BurnUp) -> int:
    """The highest amount of the data. The cap is drawn when it is near; until then it is a note above the chart."""
    now = data.spent + data.held
    if data.is_past:
        return now
    ahead = (data.until - data.now) / timedelta(hours=1)
    likely = data.outlook.enough and not data.outlook.paused
    reach = min(now + int((data.outlook.high_rate or 0) * ahead), data.cap) if likely else now
    return max(reach, data.cap if data.cap <= max(reach, now) * NEAR else 0, now)


def describe(data: BurnUp) -> str:
    """The chart in a sentence."""
    texts = columns.texts(data.points[-1].spent)[0]
    parts = ", ".join(f"{LABELS[name]} {text}" for name, text in zip(CATEGORIES, texts, strict=True))
    sentence = (
        f"From {times.brief(data.since, data.zone)} to {times.brief(data.now, data.zone)}"
        f" {times.abbreviation(data.now, data.zone)}: spent {amounts.format_usd(data.spent)} of the cap"
        f" {amounts.format_usd(data.cap)} ({parts})."
    )
    if data.is_past:
        return sentence
    held = f" {amounts.format_usd(data.held)} is held for running sessions." if data.held else ""
    ending = outlook.end_sentence(data.outlook, data.cap)
    return f"{sentence}{held} {outlook.sentence(data.outlook, data.zone)}{f' {ending}' if ending else ''}"


def table(data: BurnUp) -> Table:
    """The points at which the spend has grown; of many, those that lie evenly apart."""
    points = _listed(data.points)
    shown = [_moment(point.at, data) for point in points]
    return Table(
        caption=f"Spent until then, times in {times.zone_name(data.zone)}",
        head=("Until", *(LABELS[name] for name in CATEGORIES), "Total"),
        rows=[
            (when, *(amounts.format_usd(amount) for amount in point.spent), amounts.format_usd(point.total))
            for when, point in zip(shown, points, strict=True)
        ],
        exact=[(None, *point.spent, point.total) for point in points],
    )


def _listed(points: Sequence[Point]) -> list[Point]:
    grown = [points[0], *(after for before, after in pairwise(points) if after.spent != before.spent)]
    listed = grown if grown[-1].at == points[-1].at else [*grown, points[-1]]
    every = -(-len(listed) // MAX_ROWS)
    return listed[::-1][::every][::-1]  # the last one is now


def _moment(at: datetime, data: BurnUp) -> str:
    """The time, with the day where the chart spans several, and with the zone where its offset changes."""
    here, first = at.astimezone(data.zone), data.since.astimezone(data.zone)
    shown = times.brief(at, data.zone) if data.now - data.since > timedelta(hours=36) else f"{here:%H:%M}"
    changes = first.utcoffset() != data.now.astimezone(data.zone).utcoffset()
    return f"{shown} {times.abbreviation(at, data.zone)}" if changes else shown


def _grid(data: BurnUp, x: scales.Scale, y: scales.Scale, highest: int) -> list[SafeString]:
    span = data.until - data.since
    parts = []
    for amount in scales.money_steps(highest):
        if amount <= highest:
            parts.append(el("line", x1=LEFT, x2=RIGHT, y1=y(amount), y2=y(amount), class_="grid"))
            label = scales.money_label(amount)
            parts.append(el("text", label, x=LEFT - 8, y=y(amount) + 4, class_="label", text_anchor="end"))
    for at in scales.time_steps(data.since, data.until, data.zone):
        where = x(at.timestamp())
        parts.append(el("line", x1=where, x2=where, y1=BOTTOM, y2=BOTTOM + 5, class_="axis"))
        if LEFT + 16 <= where <= RIGHT + 8:
            parts.append(el("text", scales.time_label(at, span), x=where, y=HEIGHT - 12, class_="label", text_anchor="middle"))
    return parts


def _areas(data: BurnUp, x: scales.Scale, y: scales.Scale) -> list[SafeString]:
    """From the bottom up, with a gap of the surface's colour; the upper edge of all is the total."""
    below = [0] * len(data.points)
    where = [x(point.at.timestamp()) for point in data.points]
    parts = []
    for n, name in enumerate(CATEGORIES):
        above = [floor + point.spent[n] for floor, point in zip(below, data.points, strict=True)]
        if above != below:
            edge = list(zip(where, map(y, above), strict=True))
            back = list(zip(where, map(y, below), strict=True))[::-1]
            parts.append(el("path", d=path(edge + back, closed=True), fill=fill(name), class_="area"))
        below = above
    total = [(where[n], y(point.total)) for n, point in enumerate(data.points)]
    return [*parts, el("path", d=path(total), class_="total")]


def _now(data: BurnUp, x: scales.Scale) -> list[SafeString]:
    where = x(data.now.timestamp())
    words = _moment(data.now, data) if data.is_past else f"now {data.now.astimezone(data.zone):%H:%M}"
    return [
        el("line", x1=where, x2=where, y1=TOP - 6, y2=BOTTOM, class_="now"),
        el("text", words, x=where, y=TOP - 12, class_="label", text_anchor="middle"),
    ]


def _lines(data: BurnUp, y: scales.Scale) -> list[SafeString]:
    """Cap, total budget and allocated, each labelled at its right end; a line above the chart is labelled at its edge."""
    lines = [
        ("cap", f"Cap {amounts.format_usd(data.cap)}", data.cap),
        *([("budget", f"Total budget {amounts.format_usd(data.total_budget)}", data.total_budget)] if data.total_budget else []),
        ("plan", f"Allocated {amounts.format_usd(data.allocated)}", data.allocated),
    ]
    places = scales.spread([max(y(amount), TOP) + 4 for _, _, amount in lines], LINE, TOP, BOTTOM)
    parts = []
    for (name, label, amount), place in zip(lines, places, strict=True):
        if y(amount) >= TOP:
            parts.append(el("line", x1=LEFT, x2=RIGHT, y1=y(amount), y2=y(amount), class_=f"line-{name}"))
            words = label
        else:
            words = f"↑ {label}"
        parts.append(el("text", words, x=RIGHT + 6, y=place, class_=f"label name-{name}"))
    return parts


def _wedge(data: BurnUp, x: scales.Scale, y: scales.Scale) -> list[SafeString]:
    """The reserved money, which running sessions may spend."""
    if not data.held:
        return []
    where, wide = x(data.now.timestamp()), 28
    shape = [(where, y(data.spent)), (where + wide, y(data.spent)), (where + wide, y(data.spent + data.held))]
    low = y(data.spent) + LINE + 2
    return [
        el("path", d=path(shape, closed=True), fill=fill("held"), class_="held"),
        el("text", f"Reserved {amounts.format_usd(data.held)}", x=where + 6, y=min(low, BOTTOM - 4), class_="label halo"),
    ]


def _names(data: BurnUp, x: scales.Scale, y: scales.Scale) -> list[SafeString]:
    """The layers' labels, in their order: above the upper edge, left of now; or inside where there is no space."""
    named, where = _named(data), x(data.now.timestamp()) - 10
    foot, high = _foot(data, y), LINE * len(named)
    parts = [el("rect", x=where - 150, y=foot - high - 2, width=152, height=high + 6, class_="plate")] if named else []
    for n, (name, text) in enumerate(named):
        place = foot - LINE * n
        parts.append(el("rect", x=where - 10, y=place - 10, width=10, height=10, fill=fill(name), class_="swatch"))
        parts.append(el("text", f"{LABELS[name]} {text}", x=where - 16, y=place - 1, class_="label halo", text_anchor="end"))
    return parts


def _named(data: BurnUp) -> list[tuple[str, str]]:
    spent = data.points[-1].spent
    rows = zip(CATEGORIES, spent, columns.texts(spent)[0], strict=True)
    return [(name, text) for name, amount, text in rows if amount]


def _foot(data: BurnUp, y: scales.Scale) -> float:
    """The y of the lowest label."""
    high = LINE * len(_named(data))
    foot = y(data.spent) - 10
    return foot if foot - high >= TOP else min(y(data.spent) + high + 10, BOTTOM - 4)


def _outlook(data: BurnUp, x: scales.Scale, y: scales.Scale) -> list[SafeString]:
    top = _foot(data, y) - LINE * len(_named(data))
    return outlook.draw(
        data.outlook,
        x,
        y,
        now=data.now,
        until=data.until,
        spent=data.spent,
        held=data.held,
        cap=data.cap,
        above=top,
        zone=data.zone,
    )


def _marks(data: BurnUp, x: scales.Scale) -> list[SafeString]:
    seen = [mark for mark in data.marks if data.since <= mark.at <= data.now]
    return [
        join([el("path", d=SHAPES[mark.kind], transform=f"translate({x(mark.at.timestamp()):.1f} {BOTTOM + 7})", class_="mark")])
        for mark in seen
    ]
