"""The times of schedules by a simulated clock: months, and both changes of the clock."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestration.triggers import schedules
from orchestration.triggers.schedules import BadSchedule

BERLIN = "Europe/Berlin"


def local_times(schedule: str, after: datetime, until: datetime) -> list[str]:
    """Each time until a moment, on Berlin's clock."""
    clock = schedules.zone(BERLIN)
    times = schedules.upcoming(schedule, BERLIN, after, 10_000)
    return [f"{time.astimezone(clock):%d %H:%M}" for time in times if time <= until]


def test_a_nightly_schedule_comes_once_each_day_of_a_month() -> None:
    times = local_times("0 3 * * *", datetime(2026, 11, 30, 23, tzinfo=UTC), datetime(2026, 12, 31, 22, 59, tzinfo=UTC))
    assert times == [f"{day:02} 03:00" for day in range(1, 32)]


def test_a_time_that_the_clock_skips_comes_when_it_goes_on() -> None:
    night = datetime(2026, 3, 27, 23, tzinfo=UTC), datetime(2026, 3, 30, 21, tzinfo=UTC)
    assert local_times("30 2 * * *", *night) == ["28 02:30", "29 03:00", "30 02:30"]
    assert local_times("0,30 2,3 * * *", *night)[4:7] == ["29 03:00", "29 03:30", "30 02:00"]


def test_a_time_that_the_clock_has_twice_comes_once() -> None:
    night = datetime(2026, 10, 23, 22, tzinfo=UTC), datetime(2026, 10, 26, 22, tzinfo=UTC)
    assert local_times("30 2 * * *", *night) == ["24 02:30", "25 02:30", "26 02:30"]
    second = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 for the second time
    assert local_times("30 2 * * *", second, night[1]) == ["26 02:30"]


def test_an_hourly_schedule_follows_the_hours_that_pass() -> None:
    longest = datetime(2026, 10, 24, 22, tzinfo=UTC) - timedelta(seconds=1)
    times = schedules.upcoming("0 * * * *", BERLIN, longest, 25)
    assert times == [longest + timedelta(hours=n, seconds=1) for n in range(25)]


@pytest.mark.parametrize(
    "away", [timedelta(minutes=3), timedelta(hours=5), timedelta(days=3), timedelta(days=90), timedelta(days=800)]
)
@pytest.mark.parametrize("schedule", ["* * * * *", "0 3 * * *", "0 3 1 * *", "0 3 1 1 *", "0 0 29 2 *"])
def test_the_latest_time_is_the_last_one_before_now(schedule: str, away: timedelta) -> None:
    start = datetime(2026, 5, 4, tzinfo=UTC)
    since = schedules.upcoming(schedule, BERLIN, start, 1)[0]
    now = since + away
    newest = schedules.latest(schedule, BERLIN, since, now)
    assert since <= newest <= now < schedules.upcoming(schedule, BERLIN, newest, 1)[0]


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "0 3 * *",
        "0 0 3 * * *",
        "61 * * * *",
        "0 3 30 2 *",
        "*/0 * * * *",
        "a b c d e",
        "@daily",
        "L L L L L",
        "1#2/2 * * * *",
    ],
)
def test_what_is_no_schedule_is_refused_in_a_sentence(schedule: str) -> None:
    with pytest.raises(BadSchedule, match="schedule"):
        schedules.check(schedule, BERLIN, datetime(2026, 5, 4, tzinfo=UTC))


@pytest.mark.parametrize("name", ["Mars", "", "../../etc/passwd", "/etc/passwd", "Europe"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(BadSchedule, match="time zone"):
        schedules.zone(name)


def test_a_schedule_is_a_sentence() -> None:
    assert schedules.sentence("0 3 * * *", BERLIN) == "At 03:00 every day (Europe/Berlin)"


def test_the_month_is_the_time_zones() -> None:
    moment = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    assert schedules.month(moment, BERLIN) == "2026-12" and schedules.month(moment, "UTC") == "2026-11"
