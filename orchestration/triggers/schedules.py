"""The times of schedules, in UTC. A time that the clock skips comes when the clock goes on; one that the clock has twice comes once, unless the hour is a star."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=366))


class BadSchedule(ValueError):
    """The message is a sentence for the person who wrote the schedule."""


def zone(name: str) -> ZoneInfo:
    """Raises BadSchedule for a name that no time zone has."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise BadSchedule(f"There is no time zone {name!r}: write one such as Europe/Berlin") from None


def check(schedule: str, time_zone: str, now: datetime) -> None:
    """Raises BadSchedule for one that is not cron's, or never comes."""
    if not upcoming(schedule, time_zone, now, 1):
        raise BadSchedule("The schedule never comes")


def upcoming(schedule: str, time_zone: str, after: datetime, count: int) -> list[datetime]:
    """The next times after a moment. Fewer, where it comes no more in fifty years."""
    return list(islice(_times(schedule, time_zone, after), count))


def latest(schedule: str, time_zone: str, since: datetime, now: datetime) -> datetime:
    """The last time until now. `since`: a time of the schedule, from which on none is handled yet."""
    for window in WINDOWS:
        newest = None
        for time in _times(schedule, time_zone, max(since - timedelta(seconds=1), now - window)):
            if time > now:
                break
            newest = time
        if newest is not None:
            return newest
    return since


def sentence(schedule: str, time_zone: str) -> str:
    """In English, such as "At 03:00 every day (Europe/Berlin)"."""
    from cronsim import CronSim

    try:
        words = CronSim(schedule, datetime(2026, 1, 1, tzinfo=UTC)).explain()
    except Exception:  # its explanations are younger than its times, and words are no reason to fail
        words = schedule
    return f"{words} ({time_zone})"


def month(moment: datetime, time_zone: str) -> str:
    """The month of a moment in a time zone, as 2026-12."""
    return moment.astimezone(zone(time_zone)).strftime("%Y-%m")


def _times(schedule: str, time_zone: str, after: datetime) -> Iterator[datetime]:
    """Each later than the one before: where the clock changes, the library may repeat a time, or begin before `after`."""
    from cronsim import CronSim, CronSimError  # a server without triggers does not load it

    if len(schedule.split()) != 5:
        raise BadSchedule("A schedule has five fields: minute, hour, day of the month, month, day of the week")
    try:
        times = CronSim(schedule, after.astimezone(zone(time_zone)))
    except (CronSimError, ValueError, TypeError, AssertionError) as problem:
        raise BadSchedule(f"The schedule cannot be read: {str(problem)[:100] or 'it is not cron'}") from None
    last = after.astimezone(UTC)
    for local in times:
        time = local.astimezone(UTC)
        if time > last:
            last = time
            yield time
