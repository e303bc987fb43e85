"""The part of the burn-up right of now: the likely line, its range, and where they reach the cap."""

from datetime import UTC, datetime, tzinfo

from django.utils.safestring import SafeString

from budget import amounts
from budget.charts.scales import Scale
from budget.charts.svg import el, path
from budget.forecast import Forecast
from workspaces import times

STOPS = "dispatch would stop here"
PAUSED = "paused: no projected spend"
LETTER, BOLD = 6.4, 7.4  # the approximate width of a letter, to decide whether text fits


def sentence(seen: Forecast, zone: tzinfo = UTC) -> str:
    if seen.paused:
        return PAUSED.capitalize() + "."
    if not seen.enough:
        return f"No forecast: {seen.why_not[:1].lower()}{seen.why_not[1:]}."
    if seen.cap_at is None:
        return f"Forecast {amounts.format_usd(seen.rate, estimate=True)} an active hour; the cap is not reached."
    return (
        f"At {amounts.format_usd(seen.rate, estimate=True)} an active hour the cap is reached about {crossing_time(seen, zone)}."
    )


def end_sentence(seen: Forecast, cap: int) -> str:
    """The total cost once the open backlog is done, and whether the cap covers it. Empty: not known."""
    if seen.end_spend is None:
        return ""
    text = f"When the open backlog is done, all will have cost {amounts.format_usd(seen.end_spend, estimate=True)}"
    if seen.end_low is not None and seen.end_high is not None:
        text += f" ({amounts.format_usd(seen.end_low)}–{amounts.format_usd(seen.end_high)})"
    return f"{text}{':' if seen.end_spend > cap else ';'} {against_cap(seen, cap)}."


def against_cap(seen: Forecast, cap: int) -> str:
    """Compare the cost of the open backlog with the cap: `the cap is enough`. Empty: not known."""
    if seen.end_spend is None:
        return ""
    if seen.end_spend > cap:
        return f"{amounts.format_usd(seen.end_spend - cap, estimate=True)} more than the cap"
    return "at the upper end the cap is not enough" if (seen.end_high or 0) > cap else "the cap is enough"


def crossing_time(seen: Forecast, zone: tzinfo = UTC) -> str:
    """`26 Nov 14:00 CET (11:00–19:30)`: the range repeats the day only where it differs."""
    if seen.cap_at is None:
        return ""
    middle = seen.cap_at.astimezone(zone)
    ends = [_short(end, middle) for end in (seen.cap_from, seen.cap_until)]
    return f"{middle.day} {middle:%b %H:%M} {times.abbreviation(middle, zone)} ({ends[0]}–{ends[1]})"


def _short(end: datetime | None, middle: datetime) -> str:
    if end is None:
        return "open"
    end = end.astimezone(middle.tzinfo)
    return f"{end:%H:%M}" if end.date() == middle.date() else f"{end.day} {end:%b %H:%M}"


def draw(
    seen: Forecast,
    x: Scale,
    y: Scale,
    *,
    now: datetime,
    until: datetime,
    spent: int,
    held: int,
    cap: int,
    above: float,
    zone: tzinfo = UTC,
) -> list[SafeString]:
    """`above`: the y above which text does not overlap the labels of the layers."""
    if seen.paused:
        flat = el("line", x1=x(now.timestamp()), x2=x.end, y1=y(spent), y2=y(spent), class_="forecast")
        return [flat, _words(PAUSED, x, y, min(y(spent + held), above), cap, now)]
    if not seen.enough:
        return [_words(seen.why_not, x, y, min(y(spent + held), above), cap, now)]
    lines = [
        _projected_line(now, until, spent, cap, reached, rate)
        for reached, rate in ((seen.cap_at, seen.rate), (seen.cap_from, seen.high_rate), (seen.cap_until, seen.low_rate))
    ]
    likely, high, low = ([(x(at), y(amount)) for at, amount in line] for line in lines)
    edge = [*high, *([(x.end, y(cap))] if _stops(lines[1], cap, until) else []), *low[::-1]]
    if _stops(lines[1], cap, until) and _stops(lines[2], cap, until):
        edge = [*high, *low[::-1]]
    parts = [
        el("path", d=path(edge, closed=True), class_="band"),
        el("path", d=path(likely), class_="forecast"),
    ]
    if _stops(lines[1], cap, until):
        known = _stops(lines[0], cap, until)
        parts += _crossing(f"≈ {crossing_time(seen, zone)}" if known else "", x, y, likely if known else high, cap, now)
    return parts


_Line = list[tuple[float, float]]
"""(seconds since the epoch, micro-USD) of a line's two ends."""


def _projected_line(now: datetime, until: datetime, spent: int, cap: int, reached: datetime | None, rate: int) -> _Line:
    """From the present spend to the cap, or to the right edge. Never above the cap."""
    start, end = now.timestamp(), until.timestamp()
    if spent >= cap:
        return [(start, spent), (end, spent)]
    known = reached is not None and reached > now
    slope = (cap - spent) / (reached.timestamp() - start) if known and reached else rate / 3600
    if spent + slope * (end - start) <= cap:
        return [(start, spent), (end, spent + slope * (end - start))]
    return [(start, spent), (start + (cap - spent) / slope, cap)]


def _stops(line: _Line, cap: int, until: datetime) -> bool:
    return line[1][1] >= cap and line[1][0] < until.timestamp()


def _crossing(words: str, x: Scale, y: Scale, line: _Line, cap: int, now: datetime) -> list[SafeString]:
    """`words`: the time of the crossing; empty where only the upper end of the range reaches the cap."""
    where, high = line[1][0], y(cap)
    half = BOLD * max(len(words), len(STOPS)) / 2 + 4
    middle = min(max(where, x.start + half), x.end - half)
    today = x(now.timestamp())
    if abs(middle - today) < half:  # next to the line of now, on the side with enough space
        middle = today + half if today + 2 * half <= x.end else today - half
    parts = [el("text", STOPS, x=middle, y=high - 9, class_="label halo name-cap", text_anchor="middle")]
    if words:
        parts.append(el("path", d="M0 -6 6 0 0 6 -6 0Z", transform=f"translate({where:.1f} {high:.1f})", class_="crossing"))
        parts.append(el("text", words, x=middle, y=high - 23, class_="label halo strong", text_anchor="middle"))
    return parts


def _words(words: str, x: Scale, y: Scale, edge: float, cap: int, now: datetime) -> SafeString:
    """Above the edge, but not on the line of the cap: below that where there is space, else above. Right of now, or left where there is no
    space, so that the line of now crosses no text."""
    place = edge - 8
    if abs(place - y(cap)) < 16:
        place = y(cap) + 18 if y(cap) + 18 < edge - 4 else y(cap) - 8
    right, today = x.end - 6, x(now.timestamp())
    if right - LETTER * len(words) < today:
        right = today - 8
    return el("text", words, x=right, y=max(place, y.end + 10), class_="label halo", text_anchor="end")
