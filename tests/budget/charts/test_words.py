"""Charts have exact words and places: sentences of a forecast, labels of axes, and the bounds at which a colour or a word changes."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from budget.amounts import usd
from budget.charts import bullet, meter, outlook, scales, sparkline
from budget.charts.bullet import Use
from budget.charts.scales import Scale
from budget.charts.table import Table
from budget.forecast import Forecast

AT = datetime(2026, 11, 26, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)


def seen(**more: Any) -> Forecast:
    return Forecast(**{"enough": True, "why_not": "", "rate": usd(4)} | more)


@pytest.mark.parametrize(
    ("forecast", "words"),
    [
        (seen(paused=True, enough=False), "Paused: no projected spend."),
        (seen(enough=False, why_not="Not enough data yet"), "No forecast: not enough data yet."),
        (seen(), "Forecast ~$4.00 an active hour; the cap is not reached."),
        (seen(cap_at=AT, cap_from=AT - HOUR, cap_until=AT + 2 * HOUR), "At ~$4.00 an active hour the cap is reached about 26 Nov 13:00 UTC (12:00–15:00)."),
        (seen(cap_at=AT, cap_from=AT - 20 * HOUR), "At ~$4.00 an active hour the cap is reached about 26 Nov 13:00 UTC (25 Nov 17:00–open)."),
    ],
)  # fmt: skip
def test_a_forecast_is_a_sentence(forecast: Forecast, words: str) -> None:
    assert outlook.sentence(forecast).replace("about $", "~$").replace("≈ ", "~").replace("~ ", "~") == words


def test_the_time_of_the_cap_is_in_the_readers_zone() -> None:
    forecast = seen(cap_at=AT, cap_from=AT, cap_until=AT + 11 * HOUR)
    assert outlook.crossing_time(forecast, ZoneInfo("Europe/Berlin")) == "26 Nov 14:00 CET (14:00–27 Nov 01:00)"
    assert outlook.crossing_time(seen()) == ""


@pytest.mark.parametrize(
    ("end", "low", "high", "ending"),
    [
        (9, 8, 10, "; the cap is enough."),
        (9, 8, 11, "; at the upper end the cap is not enough."),
        (10, None, None, "; the cap is enough."),
        (12, 11, 14, "$2.00 more than the cap."),
    ],
)
def test_the_end_is_compared_with_the_cap(end: int, low: int | None, high: int | None, ending: str) -> None:
    amounts = {name: None if value is None else usd(value) for name, value in (("end_low", low), ("end_high", high))}
    words = outlook.end_sentence(seen(end_spend=usd(end), **amounts), usd(10))
    assert words.endswith(ending) and ("–" in words) is (low is not None)
    assert outlook.end_sentence(seen(), usd(10)) == ""


@pytest.mark.parametrize(
    ("spent", "tone"), [(799_999, ""), (800_000, "warn"), (999_999, "warn"), (1_000_000, "over"), (1_000_001, "over")]
)
def test_a_bar_warns_from_80_percent_and_is_over_at_100(spent: int, tone: str) -> None:
    assert meter.tone(spent, 1_000_000) == Use(spent, 0, 1_000_000).tone == tone


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (Use(5, 0, None), "none"), (Use(5, 0, 0), "none"), (Use(0, 5, usd(1)), "0 %"), (Use(1, 0, usd(1)), "< 1 %"), (Use(5000, 0, usd(1)), "0 %"),
        (Use(10_000, 0, usd(1)), "1 %"), (Use(800_000, 0, usd(1)), "80 %, near"), (Use(usd(1), 0, usd(1)), "100 %, used up"),
        (Use(usd(3), 0, usd(1)), "+$2.00 over"),
    ],
)  # fmt: skip
def test_a_use_is_in_words(use: Use, words: str) -> None:
    assert bullet.words(use) == words
    assert (Use(5, 0, None).share, Use(5, 0, None).over, Use(5, 0, None).tone, Use(1, 0, 4).share) == (0.0, 0, "", 0.25)


def widths(svg: str) -> list[float]:
    return [float(width) for rect in re.findall(r"<rect[^>]*>", svg) for width in re.findall(r' width="([0-9.]+)"', rect)]


@pytest.mark.parametrize(
    ("use", "parts"),
    [
        (Use(0, 0, 100), []),
        (Use(50, 0, 100), [48]),
        (Use(50, 25, 100), [24, 48]),
        (Use(100, 0, 100), [96]),
        (Use(101, 0, 100), [96, 2]),
        (Use(125, 0, 100), [96, 24]),
        (Use(500, 50, 100), [96, 24]),
    ],
)
def test_a_bullet_has_what_is_reserved_what_is_spent_and_what_is_beyond(use: Use, parts: list[float]) -> None:
    assert widths(str(bullet.draw(use))) == parts


@pytest.mark.parametrize(
    ("highest", "steps"),
    [(0, [0, 1]), (1, [0, 1]), (4, [0, 1, 2, 3, 4]), (5, [0, 2, 4, 6]), (100, [0, 25, 50, 75, 100]), (101, [0, 50, 100, 150])],
)
def test_gridlines_are_round_and_few(highest: int, steps: list[int]) -> None:
    assert scales.money_steps(highest) == steps


@pytest.mark.parametrize(
    ("dollars", "label"),
    [("1.5", "$1.50"), ("25", "$25"), ("9999", "$9,999"), ("10000", "$10k"), ("12500", "$12.5k"), ("0", "$0")],
)
def test_a_label_of_money_is_short(dollars: str, label: str) -> None:
    assert scales.money_label(usd(dollars)) == label


@pytest.mark.parametrize(
    ("at", "span", "label"),
    [
        (AT, 36 * HOUR, "13:00"),
        (AT, 37 * HOUR, "26 Nov 13:00"),
        (AT.replace(hour=0), 37 * HOUR, "26 Nov"),
        (AT, timedelta(days=14), "26 Nov 13:00"),
        (AT, timedelta(days=15), "26 Nov"),
    ],
)
def test_a_label_of_time_has_what_the_span_needs(at: datetime, span: timedelta, label: str) -> None:
    assert scales.time_label(at, span) == label


def test_steps_of_time_are_round_and_at_most_eight() -> None:
    steps = scales.time_steps(AT, AT + 8 * HOUR)
    assert steps[0].minute == 0 and len(steps) in (8, 9) and steps[1] - steps[0] == HOUR
    assert scales.time_steps(AT, AT + 9 * HOUR)[1].hour % 2 == 0


def test_values_are_placed_between_their_bounds_and_labels_apart() -> None:
    scale = Scale(0, 10, 100, 200)
    assert (scale(0), scale(5), scale(10), Scale(3, 3, 100, 200)(3)) == (100, 150, 200, 100)
    assert scales.spread([10, 11, 50], 5, 0, 100) == [10, 15, 50]
    assert scales.spread([98, 99], 5, 0, 100) == [95, 100] and scales.spread([-5, 3], 5, 0, 100) == [0, 5]
    assert scales.spread([50, 10], 5, 0, 100) == [50, 10]


def test_a_sparkline_has_a_bar_for_each_hour_with_its_reading() -> None:
    svg = str(sparkline.by_hour([0, 2, 4], AT, ZoneInfo("Europe/Berlin"), lambda n: f"{n} landed", "By hour"))
    assert "12:00 0 landed|13:00 2 landed|14:00 4 landed" in svg and 'aria-label="By hour: 12:00 0 landed, 13:00' in svg
    bars = re.findall(r"<rect[^>]*>", svg)
    heights = [float(height) for bar in bars for height in re.findall(r' height="([0-9.]+)"', bar)]
    assert heights == [1, 12, 24] and ["zero" in bar for bar in bars] == [True, False, False]
    assert "data-chart" not in str(sparkline.draw([1, -2]))


def test_the_cells_of_a_table_have_their_exact_values() -> None:
    plain = Table("c", ("a", "b"), [("x", "1")])
    assert plain.cells() == [[("x", None), ("1", None)]]
    assert Table("c", ("a", "b"), [("x", "1")], exact=[(None, 1_000_000)]).cells() == [[("x", None), ("1", 1_000_000)]]
