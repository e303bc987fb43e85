"""Times in zones: words, days of 23 and 25 hours, and hours that begin at another's :30. Pure."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from workspaces import times

BERLIN, KATHMANDU, CAIRO = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("Africa/Cairo")
AT = datetime(2026, 11, 25, 12, 4, 21, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_moment_is_shown_in_the_zone_and_in_utc() -> None:
    assert times.full(AT, BERLIN) == "Wed 25 Nov 2026, 13:04:21 CET (12:04:21 UTC)"
    assert times.full(AT, ZoneInfo("Pacific/Auckland")) == "Thu 26 Nov 2026, 01:04:21 NZDT (25 Nov 12:04:21 UTC)"
    assert times.full(AT, UTC) == "Wed 25 Nov 2026, 12:04:21 UTC"
    assert times.stamp(AT, KATHMANDU) == "25 Nov 2026, 17:49 UTC+05:45"


def test_the_clock_names_the_day_only_of_another_day() -> None:
    assert times.clock(AT, BERLIN, now=AT + HOUR) == "13:04:21 CET"
    assert times.clock(AT, BERLIN, now=AT + 20 * HOUR) == "25 Nov 13:04 CET"


def test_the_start_of_the_budgets_day_is_shown_with_the_local_time() -> None:
    sentence = "It goes on at 00:00 UTC, or raise it"
    assert times.with_local(sentence, BERLIN, AT) == "It goes on at 00:00 UTC (01:00 CET), or raise it"
    assert times.with_local(sentence, UTC, AT) == sentence


def test_a_day_has_23_or_25_hours_when_the_clocks_change() -> None:
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 25), 24)):
        begin, end = times.midnight(day, BERLIN), times.end_of(day, BERLIN)
        assert end - begin == timedelta(hours=hours) - timedelta(microseconds=1)
        ticks = times.steps(begin, end, HOUR, BERLIN)
        assert len(ticks) == hours and ticks[0].hour == 0 and all(at.minute == 0 for at in ticks)


def test_days_begin_at_local_midnight_on_both_sides_of_a_change() -> None:
    ticks = times.steps(datetime(2026, 10, 23, tzinfo=UTC), datetime(2026, 10, 28, tzinfo=UTC), times.DAY, BERLIN)
    assert [(at.day, at.hour) for at in ticks] == [(24, 0), (25, 0), (26, 0), (27, 0), (28, 0)]
    assert {at.utcoffset() for at in ticks} == {HOUR, 2 * HOUR}


def test_where_the_clocks_skip_midnight_the_day_begins_later() -> None:
    begin = times.midnight(date(2026, 4, 24), CAIRO).astimezone(CAIRO)
    assert (begin.day, begin.hour) == (24, 1)


def test_hours_of_a_zone_with_a_quarter_begin_at_its_own() -> None:
    assert not times.hours_are_whole(KATHMANDU, AT) and times.hours_are_whole(BERLIN, AT)
    assert times.hour_of(AT, KATHMANDU) == datetime(2026, 11, 25, 11, 15, tzinfo=UTC)
    assert [f"{at:%H:%M}" for at in times.steps(AT, AT + 3 * HOUR, HOUR, KATHMANDU)] == ["18:00", "19:00", "20:00"]


def test_weeks_are_counted_from_a_monday() -> None:
    ticks = times.steps(AT, AT + timedelta(days=40), timedelta(days=7), BERLIN)
    assert all(at.weekday() == 0 and at.hour == 0 for at in ticks) and len(ticks) == 6


def test_the_ends_of_the_calendar_are_days_too() -> None:
    for zone in (BERLIN, ZoneInfo("America/New_York"), UTC):
        assert times.midnight(date.min, zone) < times.end_of(date.max, zone)


def test_today_is_the_day_of_the_zone_and_not_of_utc() -> None:
    late, later = datetime(2026, 11, 25, 22, 30, tzinfo=UTC), datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
    assert (times.clock(late, BERLIN, late), times.soon(late, BERLIN, late)) == ("23:30:00 CET", "23:30")
    assert (times.clock(later, BERLIN, late), times.soon(later, BERLIN, late)) == ("26 Nov 00:30 CET", "26 Nov 00:30")
    over = later + HOUR  # another day of UTC, and the same one in Berlin
    assert (times.clock(later, BERLIN, over), times.soon(over, BERLIN, later)) == ("00:30:00 CET", "01:30")


def test_a_zone_without_letters_has_a_number_for_a_name_east_and_west() -> None:
    names = [times.abbreviation(AT, ZoneInfo(name)) for name in ("America/Sao_Paulo", "Asia/Kolkata", "Asia/Dubai")]
    assert names == ["UTC−03:00", "IST", "UTC+04:00"]
    assert [times.zone_name(zone) for zone in (BERLIN, UTC)] == ["Europe/Berlin", "UTC"]
    assert times.brief(AT, BERLIN) == "25 Nov 13:04" and times.brief(AT, BERLIN, seconds=True) == "25 Nov 13:04:21"
    assert (times.iso(AT.astimezone(BERLIN)), times.minute(AT.astimezone(BERLIN))) == (
        "2026-11-25T12:04:21Z",
        "2026-11-25T12:04Z",
    )


def test_the_next_day_of_the_budget_has_the_offset_of_that_day() -> None:
    eve = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # in Berlin an hour before the clocks change
    assert times.with_local("at 00:00 UTC", BERLIN, eve) == "at 00:00 UTC (02:00 CEST)"
    assert times.with_local("at 00:00 UTC", ZoneInfo("Pacific/Auckland"), AT) == "at 00:00 UTC (13:00 NZDT)"
    assert times.with_local("at noon", BERLIN, eve) == "at noon"
    before = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)  # in Berlin the next day already, whose evening is after the change
    assert times.with_local("at 00:00 UTC", BERLIN, before) == "at 00:00 UTC (02:00 CEST)"


def test_hours_are_whole_only_if_they_are_in_summer_and_in_winter() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")  # half an hour of summer time
    summer, winter = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    assert not times.hours_are_whole(lord_howe, summer) and not times.hours_are_whole(lord_howe, winter)
    assert times.hours_are_whole(BERLIN, summer, winter) and not times.hours_are_whole(lord_howe, summer, winter)


def test_steps_include_both_ends_and_an_hour_that_occurs_twice() -> None:
    begin, end = datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 25, 3, tzinfo=UTC)
    assert [f"{at:%H:%M %Z}" for at in times.steps(begin, end, HOUR, BERLIN)] == [
        "02:00 CEST", "02:00 CET", "03:00 CET", "04:00 CET"]  # fmt: skip


def test_a_minute_of_an_address_is_read_between_1970_and_9000() -> None:
    assert times.parse_minute("2026-11-25T12:04Z") == times.parse_minute("2026-11-25T12:04") == AT.replace(second=0)
    assert times.parse_minute("2026-11-25") == datetime(2026, 11, 25, tzinfo=UTC)
    assert times.parse_minute("1970-01-01") == datetime(1970, 1, 1, tzinfo=UTC)
    assert times.parse_minute("8999-12-31") == datetime(8999, 12, 31, tzinfo=UTC)
    for odd in ("1969-12-31", "9000-01-01", "2026-02-30", "2026-11-25T12:04:21Z", "2026-11-25 12:04", "", "now"):
        assert times.parse_minute(odd) is None
