"""Charts with each part next to a neighbour that could be taken for it: their sentences, tables and places whole."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from budget.amounts import usd
from budget.categories import LABELS
from budget.charts import burnup, categories, outlook, rounds
from budget.charts.burnup import BurnUp, Mark, Point
from budget.charts.categories import Spend
from budget.charts.rounds import Round
from budget.charts.scales import Scale
from budget.forecast import Forecast
from tests.budget.charts.by_category import micro, of_each, sentence, shown
from tests.budget.charts.test_drawings import CERTAIN, NOW, a_burnup, of_class, words

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)

# Over time


def over_a_clock_change(**more: object) -> BurnUp:
    """From 23:30 of summer time to 03:30 of winter time: five hours."""
    since = datetime(2026, 10, 24, 21, 30, tzinfo=UTC)
    first, then = micro(entry=usd(1)), micro(entry=usd(1), expansion=usd(2))
    last = micro(entry=usd(1), expansion=usd(2), interceptor=usd("0.5"))
    points = [Point(since + n * 1.25 * HOUR, spent) for n, spent in enumerate((micro(), first, first, then, last))]
    default = BurnUp(points, since + 9 * HOUR, usd(60), usd(70), usd(50), usd(3), Forecast(False, "Not enough"), zone=BERLIN)
    return replace(default, **more)  # type: ignore[arg-type]


EACH = sentence(entry="$1.00", expansion="$2.00", interceptor="$0.50")
SPENT = f"From 24 Oct 23:30 to 25 Oct 03:30 CET: spent $3.50 of the cap $60.00 ({EACH})."


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({}, " $3.00 is held for running sessions. No forecast: not enough."),
        ({"held": 0}, " No forecast: not enough."),
        ({"outlook": replace(CERTAIN, paused=True, end_spend=usd(9))}, " $3.00 is held for running sessions. Paused: no projected spend. When the open backlog is done, all will have cost ≈ $9.00; the cap is enough."),
        ({"is_past": True}, ""),
    ],
)  # fmt: skip
def test_the_chart_is_a_sentence_in_the_readers_zone(change: dict[str, object], more: str) -> None:
    assert burnup.describe(over_a_clock_change(**change)) == SPENT + more


def test_its_table_has_the_points_at_which_the_spend_grew_with_their_zone_where_the_clock_changed() -> None:
    table = burnup.table(over_a_clock_change())
    assert (table.caption, table.head) == (
        "Spent until then, times in Europe/Berlin",
        ("Until", *LABELS.values(), "Total"),
    )
    assert [tuple(row) for row in table.rows] == [
        ("23:30 CEST", *shown(), "$0.00"),
        ("00:45 CEST", *shown(entry="$1.00"), "$1.00"),
        ("02:15 CET", *shown(entry="$1.00", expansion="$2.00"), "$3.00"),
        ("03:30 CET", *shown(entry="$1.00", expansion="$2.00", interceptor="$0.50"), "$3.50"),
    ]


@pytest.mark.parametrize(("hours", "first"), [(36, "01:00"), (37, "23 Nov 00:00")])
def test_the_day_is_in_the_table_where_there_is_more_than_one(hours: int, first: str) -> None:
    points = [Point(NOW - hours * HOUR, micro()), Point(NOW, micro(entry=1))]
    assert burnup.table(a_burnup(points=points)).rows[0][0] == first


def test_of_many_points_those_that_lie_evenly_apart_are_listed_and_the_last_always() -> None:
    points = [Point(NOW - (150 - n) * HOUR, micro(entry=n)) for n in range(151)]
    listed = [row[-1] for row in burnup.table(a_burnup(points=points)).exact]
    assert listed == list(range(0, 151, 3)) and len(listed) <= burnup.MAX_ROWS
    level = [Point(NOW - hours * HOUR, micro(entry=5)) for hours in (2, 1, 0)]
    assert [row[-1] for row in burnup.table(a_burnup(points=level)).exact] == [5, 5]


def test_marks_are_drawn_from_the_left_edge_to_now() -> None:
    since = NOW - 12 * HOUR
    at = [since - HOUR, since, NOW - HOUR, NOW, NOW + HOUR]
    svg = burnup.draw(a_burnup(marks=[Mark(moment, "change", "x") for moment in at]))
    scale = Scale(since.timestamp(), (NOW + 6 * HOUR).timestamp(), burnup.LEFT, burnup.RIGHT)
    places = [float(re.findall(r"[\d.]+", mark.get("transform", ""))[0]) for mark in of_class(svg, "mark")]
    assert places == [pytest.approx(scale(moment.timestamp()), abs=0.1) for moment in at[1:4]]


def test_a_window_in_the_past_fills_the_height_with_its_own_spend_and_shows_no_forecast() -> None:
    data = a_burnup(is_past=True, held=0)
    svg = burnup.draw(data)
    scale = Scale(0, int(data.spent * burnup.ROOM_ABOVE), burnup.BOTTOM, burnup.TOP)
    edge = re.findall(r"[\d.]+", of_class(svg, "total")[0].get("d", ""))
    assert float(edge[-1]) == pytest.approx(scale(data.spent), abs=0.1)
    assert not of_class(svg, "forecast") and not of_class(svg, "band") and "13:00" in words(svg) and "now" not in words(svg)
    assert "↑ Cap $60.00" in words(svg)


def test_each_layer_lies_on_the_one_below_it() -> None:
    earlier, later = micro(entry=usd(1), expansion=usd(1)), micro(entry=usd(2), expansion=usd(4), interceptor=usd(3))
    points = [Point(NOW - HOUR, earlier), Point(NOW, later)]
    svg = burnup.draw(a_burnup(points=points))
    y = Scale(0, int(usd(60) * burnup.ROOM_ABOVE), burnup.BOTTOM, burnup.TOP)
    edges = []
    for area in of_class(svg, "area"):
        numbers = [float(number) for number in re.findall(r"[\d.]+", area.get("d", ""))]
        edges.append([pytest.approx(numbers[n], abs=0.1) for n in (1, 3)])
    assert [[y(usd(1)), y(usd(2))], [y(usd(2)), y(usd(6))], [y(usd(2)), y(usd(9))]] == edges


# The forecast's part


def test_the_range_is_between_the_highest_rate_and_the_lowest() -> None:
    seen = Forecast(True, "", rate=usd(10), low_rate=usd(5), high_rate=usd(20))
    x, y = Scale(NOW.timestamp(), (NOW + 2 * HOUR).timestamp(), 0, 200), Scale(0, usd(100), 100, 0)
    parts = outlook.draw(seen, x, y, now=NOW, until=NOW + 2 * HOUR, spent=0, held=0, cap=usd(100), above=0)
    paths = [[float(number) for number in re.findall(r"[\d.]+", part)] for part in re.findall(r' d="([^"]+)"', "".join(parts))]
    assert paths == [[0, 100, 200, 60, 200, 90, 0, 100], [0, 100, 200, 80]]


def test_an_end_on_the_same_day_of_another_month_names_its_day() -> None:
    seen = Forecast(True, "", rate=1, cap_at=NOW, cap_from=NOW - HOUR, cap_until=datetime(2026, 12, 24, 15, tzinfo=UTC))
    assert outlook.crossing_time(seen) == "24 Nov 13:00 UTC (12:00–24 Dec 15:00)"


@pytest.mark.parametrize(("end", "ending"), [("10", "; the cap is enough."), ("10.000001", "more than the cap.")])
def test_the_cap_is_enough_for_exactly_what_all_will_have_cost(end: str, ending: str) -> None:
    assert outlook.end_sentence(Forecast(True, "", end_spend=usd(end)), usd(10)).endswith(ending)


def test_once_the_cap_is_spent_the_line_is_level() -> None:
    for spent in (usd(10), usd(11)):
        line = outlook._projected_line(NOW, NOW + HOUR, spent, usd(10), None, usd(5))
        assert line == [(NOW.timestamp(), spent), ((NOW + HOUR).timestamp(), spent)]


# By category


def test_the_bar_is_filled_from_the_left_without_a_gap_or_an_overlap() -> None:
    data = Spend({"entry": usd(300), "expansion": usd(100), "interceptor": usd(40)}, held=usd(60), cap=usd(1000))
    parts = categories._parts(data, Scale(0, usd(1000), 0, 1000))
    assert [(part.name, part.words, part.start, part.width) for part in parts] == [
        ("entry", "Entries $300.00", 0, 300),
        ("expansion", "Expansion $100.00", 300, 100),
        ("interceptor", "Interceptor $40.00", 400, 40),
        ("held", "Held $60.00", 440, 60),
        ("left", "Left $500.00", 500, 500),
    ]
    each = sentence(entry="$300.00", expansion="$100.00", interceptor="$40.00")
    assert categories.describe(data) == f"Of the cap $1,000.00: {each}, held $60.00, left $500.00."
    assert not of_class(categories.draw(data), "line-cap")


@pytest.mark.parametrize(("held", "passed"), [(2, False), (3, True)])
def test_what_is_reserved_can_pass_the_cap_too(held: int, passed: bool) -> None:
    data = Spend({"entry": usd(8)}, held=usd(held), cap=usd(10))
    svg = categories.draw(data)
    assert bool(of_class(svg, "line-cap")) is passed and "Left" not in words(svg) and data.left == usd(10 - 8 - held)


def test_the_table_of_categories_has_all_of_them_and_their_sum() -> None:
    table = categories.table(Spend({"entry": usd(3), "expansion": usd(1)}, held=usd(9), cap=usd(10)))
    shares = of_each("0 %", entry="75 %", expansion="25 %")
    assert [tuple(row) for row in table.rows] == [
        *zip(LABELS.values(), shown(entry="$3.00", expansion="$1.00"), shares, strict=True)
    ]
    assert table.foot == ("Total", "$4.00", "100 %")
    assert tuple(row[1] for row in table.exact) == micro(entry=usd(3), expansion=usd(1))
    assert categories.table(Spend({}, held=0, cap=usd(10))).foot == ("Total", "$0.00", "—")


# Rounds

MANY = [
    Round(1, 0.0, usd(1), "level"),
    Round(2, 0.5, usd(2), "kept"),
    Round(3, None, usd(9), "failed"),
    Round(4, 0.25, usd(3), "level", estimated=True),
    Round(5, 0.75, usd("0.5"), "kept"),
    Round(6, None, 0, "open"),
]


def test_rounds_in_words_have_the_best_score_the_sum_and_the_middle_cost() -> None:
    assert rounds.describe(MANY) == "6 rounds, $15.50 in all, $1.50 in the middle one; the best score is 0.75 of 1.00."
    assert rounds.describe(MANY[:1]) == "1 round, $1.00 in all, $1.00 in the middle one; the best score is 0.00 of 1.00."
    assert rounds.describe(MANY[2:3]) == "1 round, $9.00 in all, $9.00 in the middle one; none has a score."
    assert rounds.describe([]) == "No rounds yet."


def test_a_gain_is_over_the_best_round_before_it() -> None:
    table = rounds.table(MANY)
    assert [tuple(row) for row in table.rows] == [
        ("1", "0.00", "+0.00", "no gain", "$1.00"),
        ("2", "0.50", "+0.50", "better", "$2.00"),
        ("3", "—", "—", "no verdict", "$9.00"),
        ("4", "0.25", "-0.25", "no gain", "≈ $3.00"),
        ("5", "0.75", "+0.25", "better", "$0.50"),
        ("6", "—", "—", "running", "$0.00"),
    ]
    assert table.foot == ("All", "", "", "", "$15.50")
    assert [tuple(row) for row in table.exact][3] == (4, 0.25, None, None, usd(3))


def test_a_round_has_its_point_unless_it_runs_and_its_bar() -> None:
    svg = rounds.draw(MANY)
    assert [("hollow" in point.get("class", "")) for point in of_class(svg, "point")] == [True, False, True, False]
    assert len(of_class(svg, "cross")) == 1 and (len(of_class(svg, "bar")), len(of_class(svg, "area"))) == (5, 1)
    assert "Best 0.75" in words(svg) and "Median $1.50" in words(svg)
    heights = [float(bar.get("height", 0)) for bar in [*of_class(svg, "bar"), *of_class(svg, "area")]]
    assert heights[-2] == 0 and max(heights) == heights[2]


@pytest.mark.parametrize(("number", "shown"), [(3, ["1", "2", "3"]), (24, 24), (25, 13), (49, 10)])
def test_the_first_round_and_round_numbers_are_written(number: int, shown: list[str] | int) -> None:
    svg = rounds.draw([Round(n, 0.1, 1, "level") for n in range(1, number + 1)])
    numbers = [text for text in words(svg).split(" | ") if text.isdigit()]
    assert numbers == shown if isinstance(shown, list) else (numbers[0], len(numbers)) == ("1", shown)
