"""The filters and tags of templates: amounts, scores, times and bars at their bounds, in the time zone of the reader."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from budget.charts.bullet import Use
from dashboard.templatetags import charts, muster
from tests.dashboard.page_text import words

NOW = datetime(2026, 8, 4, 20, 30, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muster, "now", lambda: NOW)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "—"), (0, "0.00"), (1, "1.00"), (0.5, "0.50"), (0.996, "0.996"), (0.995, "0.99"), (0.004, "0.004"), (0.006, "0.01"), (0.9999, "1.000")],
)  # fmt: skip
def test_a_score_reads_as_whole_only_where_it_is(value: float | None, shown: str) -> None:
    assert muster.score(value) == shown


def test_numbers_and_their_signs() -> None:
    assert [muster.gain(value) for value in (None, 0, 0.256, -0.5)] == ["—", "+0.00", "+0.26", "−0.50"]
    assert [muster.grouped(value) for value in (0, 12345)] == ["—", "12,345"]
    assert [muster.percent(part, whole) for part, whole in ((1, 3), (3, 3), (1, 0))] == ["33 %", "100 %", "—"]
    assert [muster.signed_usd(value) for value in (1_000_000, 0, -1_000_000)] == ["+$1.00", "$0.00", "−$1.00"]
    assert [muster.signed_percent(value) for value in (5.4, 0, -5.6)] == ["+5 %", "0 %", "−6 %"]
    assert [muster.usd(value) for value in (None, 0, 1_500_000)] == ["—", "$0.00", "$1.50"]
    assert [muster.duration(value) for value in (None, 0, timedelta(hours=2))] == ["—", "0s", "2h 00m"]


def test_a_moment_is_counted_for_a_day_and_then_dated() -> None:
    assert words(muster.ago(NOW - timedelta(minutes=5))) == "5m ago" and "data-ago" in muster.ago(NOW)
    assert words(muster.ago(NOW - timedelta(hours=23, minutes=59))) == "23h ago"
    dated = muster.ago(NOW - timedelta(days=1))
    assert words(dated) == "3 Aug 20:30" and "data-ago" not in dated
    assert (words(muster.ago(None)), words(muster.ago(None, "not yet")), words(muster.since(None))) == ("never", "not yet", "—")


def test_a_duration_grows_until_its_end() -> None:
    began = NOW - timedelta(minutes=90)
    assert words(muster.since(began)) == "1h 30m" and "data-since" in muster.since(began)
    ended = muster.since(began, NOW - timedelta(minutes=60))
    assert words(ended) == "30m 00s" and "data-since" not in ended


@pytest.mark.parametrize(
    ("zone", "ago", "shown"),
    [
        ("UTC", timedelta(hours=20), "00:30:15"),
        ("UTC", timedelta(hours=21), "3 Aug 23:30"),
        ("Asia/Kathmandu", timedelta(hours=2), "00:15:15"),
        ("Asia/Kathmandu", timedelta(hours=3), "4 Aug 23:15"),
    ],
)
def test_a_moment_of_today_is_a_time_and_today_is_the_readers(zone: str, ago: timedelta, shown: str) -> None:
    with timezone.override(zone):
        assert words(muster.moment(NOW - ago)) == shown
    assert words(muster.moment(None)) == "—"


def test_each_form_of_a_moment_is_in_the_zone_of_the_reader() -> None:
    at = datetime(2026, 8, 3, 22, 5, 9, tzinfo=UTC)
    forms = ("stamp", "brief", "exact", "clock", "soon")
    with timezone.override("Asia/Kathmandu"):
        shown = [words(muster.when(at, form)) for form in forms]
        assert (words(muster.as_of()), muster.zone(), muster.line_clock(0)) == (
            "5 Aug 2026, 02:15 UTC+05:45",
            "Asia/Kathmandu",
            "05:30:00",
        )
    assert shown[:3] == ["4 Aug 2026, 03:50 UTC+05:45", "4 Aug 03:50", "4 Aug 03:50:09"] and all(
        "03:50" in each for each in shown
    )
    assert words(muster.when(None)) == "—" and 'datetime="2026-08-03T22:05:09' in muster.when(at)


def test_bars_have_the_share_of_their_whole() -> None:
    assert 'width="25.00"' in muster.progress(1, 4) and 'width="0.00"' in muster.progress(0, 0)
    within = muster.meter(20, 100, 30)
    assert 'x="20.00" width="30.00"' in within and 'class="used" width="20.00"' in within and "limit" not in within
    assert "limit" not in muster.meter(70, 100, 30)
    beyond = muster.meter(150, 100, 50)
    assert 'class="limit" x="50.00"' in beyond and 'class="used" width="75.00"' in beyond and 'x="75.00" width="25.00"' in beyond


def test_a_use_has_words_and_a_tone() -> None:
    assert [charts.use_tone(Use(spent, 0, 100)) for spent in (10, 101)] == ["", "tone bad"] and charts.plus(2, 3) == 5


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ([("a <b> ", ""), ("#1", "/x?a=1&b=2")], 'a &lt;b&gt; <a href="/x?a=1&amp;b=2">#1</a>'),
        ([("at 00:00 UTC", "/x")], '<a href="/x">at 00:00 UTC</a>'),
        ([], ""),
    ],
)
def test_pieces_are_text_and_links(parts: Any, shown: str) -> None:
    assert muster.pieces(parts) == shown


def test_a_region_names_its_topics_and_how_often() -> None:
    assert muster.live("nav", "entries locks") == 'id="nav" data-live="entries locks"'
    assert muster.live("nav", "entries", 30) == 'id="nav" data-live="entries" data-every="30"'
    assert (
        words(muster.badge("held")) == "On hold"
        and muster.status_word("held") == "on hold"
        and 'class="badge warn"' in muster.badge("held")
    )


def test_what_stands_between_backticks_is_code_and_nothing_else_is_markup() -> None:
    assert muster.code("Fix `a < b` in `parse`") == "Fix <code>a &lt; b</code> in <code>parse</code>"
    assert muster.code("a ` lone tick, <b>") == "a ` lone tick, &lt;b&gt;"
    assert muster.code("``") == "``"
