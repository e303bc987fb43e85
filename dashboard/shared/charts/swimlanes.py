"""Sessions as lanes of the last minutes. Pure: values in, SVG out. The right edge is now; the table holds the same as text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from django.utils.safestring import SafeString

from budget.charts.svg import el, path, picture, places
from dashboard.shared.charts import phases
from workspaces import times

WIDTH, LEFT, RIGHT, TOP = 1200.0, 64.0, 12.0, 8.0
LANE, BAR, FOOT = 26.0, 16.0, 24.0
NARROW = 22.0  # a narrower bar has no room for its two letters


@dataclass(frozen=True, slots=True)
class Bar:
    """One phase. `end`: None while the phase lasts."""

    phase: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    spans: Sequence[Bar]
    running: bool = False
    failed: bool = False


def draw(lanes: Sequence[Lane], now: datetime, window: timedelta, zone: tzinfo = UTC) -> SafeString:
    began = now - window
    height = TOP + LANE * max(len(lanes), 1) + FOOT

    def x(at: datetime) -> float:
        share = (min(max(at, began), now) - began) / window
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    parts: list[SafeString] = [*_grid(window, height)]
    for n, lane in enumerate(lanes):
        parts += _lane(lane, TOP + n * LANE, x, now)
    running = sum(lane.running for lane in lanes)
    minutes = times.steps(began, now, timedelta(minutes=1), zone)
    return picture(
        "swimlanes",
        *parts,
        width=WIDTH,
        height=height,
        title=f"Sessions of the last {int(window.total_seconds() // 60)} minutes",
        desc=f"{len(lanes)} sessions, {running} running, each with its phases. The table below holds the same as text.",
        class_="chart lanes",
        data_x=places(map(x, minutes)),
        data_readings="|".join(_reading(lanes, at) for at in minutes),
    )


def _reading(lanes: Sequence[Lane], at: datetime) -> str:
    """`13:04;#3 implementation;#5 verification`: what was going on at that minute, for the pointer."""
    phases_then = (
        f"{lane.name} {phases.WORDS.get(span.phase, span.phase)}"
        for lane in lanes
        for span in lane.spans
        if span.start <= at and (at < span.end if span.end else lane.running)
    )
    return ";".join([f"{at:%H:%M}", *phases_then])


def _grid(window: timedelta, height: float) -> list[SafeString]:
    marks: list[SafeString] = []
    minutes = int(window.total_seconds() // 60)
    step = 10 if minutes > 20 else 5 if minutes > 5 else 1
    for back in range(minutes - minutes % step, -1, -step):
        at = LEFT + (1 - back / minutes) * (WIDTH - LEFT - RIGHT)
        marks.append(el("line", x1=at, x2=at, y1=TOP, y2=height - FOOT, class_="grid" if back else "now"))
        anchor = "end" if not back else "middle"
        marks.append(el("text", f"{back}m ago" if back else "now", x=at, y=height - 7, text_anchor=anchor))
    return marks


def _lane(lane: Lane, top: float, place: Callable[[datetime], float], now: datetime) -> list[SafeString]:
    middle = top + LANE / 2
    parts = [el("text", lane.name[:9], x=LEFT - 8, y=middle + 4, text_anchor="end", class_="lane-name")]
    right = LEFT
    for span in lane.spans:
        left, right = place(span.start), place(span.end or now)
        if right - left < 0.5:
            continue
        parts.append(_bar(span, left, right, middle - BAR / 2, is_open=lane.running and span.end is None))
        if right - left >= NARROW:
            letters = phases.LETTERS.get(span.phase, span.phase[:2].upper())
            parts += _label(letters, (left + right) / 2, middle)
    if lane.failed and not lane.running:
        parts.append(_cross(right + 1, middle))
    return parts


def _bar(span: Bar, left: float, right: float, top: float, *, is_open: bool) -> SafeString:
    words = el("title", phases.WORDS.get(span.phase, span.phase))
    kind = "phase waits" if span.phase == "waiting" else "phase"
    paint = "none" if span.phase == "waiting" else phases.fill(span.phase)
    if not is_open:
        return el("rect", words, x=left, y=top, width=right - left, height=BAR, fill=paint, class_=kind)
    edge = path(
        [(right, top), (left, top), (left, top + BAR), (right, top + BAR)]
    )  # the right side stays open: the phase continues
    area = el("rect", x=left, y=top, width=right - left, height=BAR, fill=paint, class_="phase-area")
    return el("g", words, area, el("path", d=edge, class_=f"{kind} open", fill="none"))


def _label(letters: str, x: float, middle: float) -> list[SafeString]:
    plate = el("rect", x=x - 10, y=middle - 6.5, width=20, height=13, class_="plate")
    return [plate, el("text", letters, x=x, y=middle + 4, text_anchor="middle", class_="letters")]


def _cross(x: float, y: float) -> SafeString:
    arms = path([(x - 4, y - 4), (x + 4, y + 4)]) + path([(x + 4, y - 4), (x - 4, y + 4)])
    return el("path", el("title", "failed"), d=arms, class_="cross")
