"""The range of time that a page shows."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.shared.lists import span

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(("name", "length"), [("24h", 24), ("7d", 168), ("", 24), ("century", 24)])
def test_a_range_ends_now_and_is_compared_with_as_much_before(name: str, length: int) -> None:
    shown = span.read({"range": name}, NOW)
    assert (shown.until - (shown.since or NOW), shown.until) == (timedelta(hours=length), NOW)
    assert shown.before == NOW - 2 * timedelta(hours=length)


def test_all_has_no_period_before_it() -> None:
    shown = span.read({"range": "all"}, NOW)
    assert (shown.since, shown.before, shown.words(UTC)) == (None, None, "since the beginning")


def test_a_zoom_is_in_utc_and_ends_now_at_the_latest() -> None:
    shown = span.read({"from": "2026-11-24T10:00Z", "to": "2026-11-25"}, NOW)
    assert shown.is_zoomed and (shown.since, shown.until) == (NOW.replace(hour=10, minute=0), NOW)
    assert shown.before == NOW.replace(hour=7, minute=30)
    assert shown.words(UTC) == "from 24 Nov 10:00 to 24 Nov 12:30"


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2026-11-24T10:00Z", ""),
        ("2026-11-25", "2026-11-26"),
        ("2026-11-24", "2026-11-24"),
        ("0001-01-01", "9999-12-31"),
        ("x", "y"),
    ],
)
def test_what_is_no_zoom_is_the_usual_range(since: str, until: str) -> None:
    assert span.read({"from": since, "to": until, "range": "7d"}, NOW).name == "7d"
