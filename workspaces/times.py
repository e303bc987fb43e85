"""Formats moments in a zone, and finds where days and hours start there. Pure.

A day has 23 or 25 hours twice a year in most zones, and an hour may start at :30 of another zone's.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAY = timedelta(days=1)
_MONDAY = date(2024, 1, 1)
_MINUTE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}Z?)?", re.ASCII)


def zone_name(zone: tzinfo) -> str:
    """`Europe/Berlin`, which holds all year, unlike CET."""
    return getattr(zone, "key", None) or str(zone)


def abbreviation(at: datetime, zone: tzinfo) -> str:
    """`CET`; `UTC+05:45` where the zone has a number for a name."""
    name = at.astimezone(zone).tzname() or ""
    if name[:1] not in "+-":
        return name
    digits = name[1:].ljust(4, "0")
    return f"UTC{'−' if name[0] == '-' else '+'}{digits[:2]}:{digits[2:4]}"


def iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def minute(at: datetime) -> str:
    """`2026-11-25T12:04Z`, for URLs."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def parse_minute(text: str) -> datetime | None:
    """A minute as above, or the start of a day in UTC. None: it is neither, or so far away that a zone would overflow."""
    if not _MINUTE.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        return None
    return at if 1970 <= at.year < 9000 else None


def full(at: datetime, zone: tzinfo) -> str:
    """`Wed 25 Nov 2026, 13:04:21 CET (12:04:21 UTC)`."""
    here, there = at.astimezone(zone), at.astimezone(UTC)
    named = f"{here:%a %d %b %Y, %H:%M:%S} {abbreviation(at, zone)}"
    if named.endswith(" UTC"):
        return named
    day = "" if here.date() == there.date() else f"{there:%d %b} "
    return f"{named} ({day}{there:%H:%M:%S} UTC)"


def stamp(at: datetime, zone: tzinfo) -> str:
    """`25 Nov 2026, 13:04 CET`."""
    here = at.astimezone(zone)
    return f"{here.day} {here:%b %Y, %H:%M} {abbreviation(at, zone)}"


def brief(at: datetime, zone: tzinfo, *, seconds: bool = False) -> str:
    """`25 Nov 13:04`, for columns whose head names the zone."""
    here = at.astimezone(zone)
    return f"{here.day} {here:%b} {here:%H:%M:%S}" if seconds else f"{here.day} {here:%b} {here:%H:%M}"


def clock(at: datetime, zone: tzinfo, now: datetime) -> str:
    """`13:04:21 CET` today, `26 Nov 13:04 CET` on any other day: for sentences."""
    here = at.astimezone(zone)
    shown = f"{here:%H:%M:%S}" if here.date() == now.astimezone(zone).date() else brief(at, zone)
    return f"{shown} {abbreviation(at, zone)}"


def soon(at: datetime, zone: tzinfo, now: datetime) -> str:
    """`20:40` today, `26 Nov 13:04` on any other day."""
    here = at.astimezone(zone)
    return f"{here:%H:%M}" if here.date() == now.astimezone(zone).date() else brief(at, zone)


def with_local(text: str, zone: tzinfo, now: datetime) -> str:
    """Adds the local time to `00:00 UTC` in a sentence, the start of the budget's day."""
    if "00:00 UTC" not in text:
        return text
    at = datetime.combine(now.astimezone(UTC).date() + DAY, time.min, UTC)
    name = abbreviation(at, zone)
    return text if name == "UTC" else text.replace("00:00 UTC", f"00:00 UTC ({at.astimezone(zone):%H:%M} {name})")


def midnight(day: date, zone: tzinfo) -> datetime:
    """The start of a day in the zone. Later than 00:00 where the clocks skip midnight. At the ends of the calendar, UTC's."""
    try:
        return datetime.combine(day, time.min, zone).astimezone(UTC)
    except OverflowError:
        return datetime.combine(day, time.min, UTC)


def end_of(day: date, zone: tzinfo) -> datetime:
    """The last moment of a day in the zone."""
    return midnight(day + DAY, zone) - timedelta(microseconds=1) if day < date.max else datetime.max.replace(tzinfo=UTC)


def hour_of(at: datetime, zone: tzinfo) -> datetime:
    """The start of the hour of `at` in the zone."""
    here = at.astimezone(zone)
    return at - timedelta(minutes=here.minute, seconds=here.second, microseconds=here.microsecond)


def hours_are_whole(zone: tzinfo, *moments: datetime) -> bool:
    """True if hours in the zone start with those of UTC, at these moments and half a year before each."""
    checked = [at - half for at in moments for half in (timedelta(0), 182 * DAY)]
    return all(
        (at.utcoffset() or timedelta(0)) % timedelta(hours=1) == timedelta(0) for at in (a.astimezone(zone) for a in checked)
    )


def steps(since: datetime, until: datetime, step: timedelta, zone: tzinfo) -> list[datetime]:
    """Round moments of the zone between the two, in order: each quarter of an hour, each midnight, each Monday. `step` divides a day or is
    a multiple of one; multiples of days are counted from a Monday."""
    days = max(step // DAY, 1)
    first = since.astimezone(zone).date() - DAY
    day = _MONDAY + timedelta(days=(first - _MONDAY).days // days * days)
    moments: list[datetime] = []
    while (start := midnight(day, zone)) <= until:
        moments += [start] if step >= DAY else _within(day, step, zone)
        day += timedelta(days=days)
    return [at.astimezone(zone) for at in sorted(set(moments)) if since <= at <= until]


def _within(day: date, step: timedelta, zone: tzinfo) -> Iterator[datetime]:
    """By local time: skipped times are left out, and an hour that occurs twice has both if the step is at most an hour."""
    for n in range(DAY // step):
        wall = datetime.combine(day, time.min) + n * step
        for fold in (0, 1) if step <= timedelta(hours=1) else (0,):
            at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
            if at.astimezone(zone).replace(tzinfo=None) == wall:
                yield at
