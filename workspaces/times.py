"""How moments are written in a zone, and where days and hours begin there. Pure: a zone in, words and moments out.

A day has 23 or 25 hours twice a year in most zones, and an hour may begin at :30 of another's.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAY = timedelta(days=1)
_MONDAY = date(2024, 1, 1)


def zone_name(zone: tzinfo) -> str:
    """`Europe/Berlin`: true of every moment, where CET is not."""
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
    """`25 Nov 13:04`, for columns whose zone stands above them."""
    here = at.astimezone(zone)
    return f"{here.day} {here:%b} {here:%H:%M:%S}" if seconds else f"{here.day} {here:%b} {here:%H:%M}"


def clock(at: datetime, zone: tzinfo, now: datetime) -> str:
    """`13:04:21 CET` today, `26 Nov 13:04 CET` on any other day: for sentences."""
    here = at.astimezone(zone)
    shown = f"{here:%H:%M:%S}" if here.date() == now.astimezone(zone).date() else brief(at, zone)
    return f"{shown} {abbreviation(at, zone)}"


def with_local(text: str, zone: tzinfo, now: datetime) -> str:
    """A sentence that says `00:00 UTC`, when the money's own day begins, with the local time of that beside it."""
    if "00:00 UTC" not in text:
        return text
    at = datetime.combine(now.astimezone(UTC).date() + DAY, time.min, UTC)
    name = abbreviation(at, zone)
    return text if name == "UTC" else text.replace("00:00 UTC", f"00:00 UTC ({at.astimezone(zone):%H:%M} {name})")


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a day begins there. Where the clocks skip midnight, that is later than 00:00. At the ends of the calendar, UTC's."""
    try:
        return datetime.combine(day, time.min, zone).astimezone(UTC)
    except OverflowError:
        return datetime.combine(day, time.min, UTC)


def end_of(day: date, zone: tzinfo) -> datetime:
    """The last moment of a day there."""
    return midnight(day + DAY, zone) - timedelta(microseconds=1) if day < date.max else datetime.max.replace(tzinfo=UTC)


def hour_of(at: datetime, zone: tzinfo) -> datetime:
    """When the hour of `at` began there."""
    here = at.astimezone(zone)
    return at - timedelta(minutes=here.minute, seconds=here.second, microseconds=here.microsecond)


def hours_are_whole(zone: tzinfo, *moments: datetime) -> bool:
    """Whether hours there begin with those of UTC, at these moments and half a year before each."""
    asked = [at - half for at in moments for half in (timedelta(0), 182 * DAY)]
    return all(
        (at.utcoffset() or timedelta(0)) % timedelta(hours=1) == timedelta(0) for at in (a.astimezone(zone) for a in asked)
    )


def steps(since: datetime, until: datetime, step: timedelta, zone: tzinfo) -> list[datetime]:
    """Round moments there between the two, in order: each quarter of an hour, each midnight, each Monday. `step` divides a day or is
    a number of them; of days, they are counted from a Monday."""
    days = max(step // DAY, 1)
    first = since.astimezone(zone).date() - DAY
    day = _MONDAY + timedelta(days=(first - _MONDAY).days // days * days)
    found: list[datetime] = []
    while (start := midnight(day, zone)) <= until:
        found += [start] if step >= DAY else _within(day, step, zone)
        day += timedelta(days=days)
    return [at.astimezone(zone) for at in sorted(set(found)) if since <= at <= until]


def _within(day: date, step: timedelta, zone: tzinfo) -> Iterator[datetime]:
    """By the clock on the wall: what it skips is left out, and of an hour that it shows twice both are there if steps are so short."""
    for n in range(DAY // step):
        wall = datetime.combine(day, time.min) + n * step
        for fold in (0, 1) if step <= timedelta(hours=1) else (0,):
            at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
            if at.astimezone(zone).replace(tzinfo=None) == wall:
                yield at
