"""The charts: pure, so they are asked for their geometry, their words and their sums."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget import amounts
from budget.amounts import columns, usd
from budget.charts import bullet, burnup, categories, outlook, patterns, rounds, scales, sparkline
from budget.charts.burnup import BurnUp, Mark, Point
from budget.charts.svg import el
from budget.forecast import Forecast
from tests.budget.charts.by_category import micro

NOW = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
CERTAIN = Forecast(
    enough=True,
    why_not="",
    rate=usd(10),
    low_rate=usd(7),
    high_rate=usd(14),
    cap_at=NOW + timedelta(hours=4),
    cap_from=NOW + timedelta(hours=3),
    cap_until=NOW + timedelta(hours=5),
    method="median of the last 2 h",
)


def a_burnup(**more: object) -> BurnUp:
    points = [
        Point(NOW - timedelta(hours=12 - n), micro(entry=usd(n), orchestrator=usd("0.5") * n // 2, interceptor=usd("0.1") * n))
        for n in range(13)
    ]
    default = BurnUp(points, NOW + timedelta(hours=6), usd(60), usd(70), usd(50), usd(3), CERTAIN)
    return replace(default, **more)  # type: ignore[arg-type]


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def of_class(svg: str, name: str) -> list[ElementTree.Element]:
    return [element for element in drawn(svg).iter() if name in element.get("class", "").split()]


def words(svg: str) -> str:
    return " | ".join("".join(element.itertext()) for element in drawn(svg).iter("text"))


def test_text_and_attributes_are_escaped() -> None:
    shown = el("text", "<b>&", el("tspan", "x"), class_='"><script>')
    assert shown == '<text class="&quot;&gt;&lt;script&gt;">&lt;b&gt;&amp;<tspan>x</tspan></text>'


def test_no_chart_brings_styles_or_colours_of_its_own() -> None:
    every = [burnup.draw(a_burnup()), patterns.definitions(), bullet.draw(bullet.Use(5, 5, 8)), sparkline.draw([1, 0, 3])]
    every += [rounds.draw([rounds.Round(1, 0.5, 5, "kept")]), categories.draw(categories.Spend({"entry": 5}, 1, 20))]
    for svg in every:
        assert "style" not in svg and not re.search(r"#[0-9a-fA-F]{3,6}\b", svg)


def test_a_picture_has_a_title_and_a_description() -> None:
    root = drawn(burnup.draw(a_burnup()))
    assert root.get("role") == "img" and root.get("viewBox") == "0 0 960 280"
    assert [child.tag for child in list(root)[:2]] == ["title", "desc"]
    assert "of the cap $60.00" in (root[1].text or "")


def test_the_burnup_is_stacked_in_the_order_of_the_categories() -> None:
    areas = of_class(burnup.draw(a_burnup()), "area")
    assert [area.get("fill") for area in areas] == [f"url(#paint-{name})" for name in ("entry", "orchestrator", "interceptor")]


def test_every_line_of_the_burnup_is_named_at_its_end() -> None:
    seen = words(burnup.draw(a_burnup()))
    for name in ("Cap $60.00", "Total budget $70.00", "Allocated $50.00", "now 13:00", "Reserved $3.00", "Entries $12.00"):
        assert name in seen


def test_labels_at_the_right_do_not_cover_each_other() -> None:
    svg = burnup.draw(a_burnup(total_budget=usd(60), allocated=usd("59.9")))
    places = sorted(
        float(element.get("y", 0))
        for name in ("cap", "budget", "plan")
        for element in of_class(svg, f"name-{name}")
        if element.get("x") == "798"
    )
    assert len(places) == 3 and all(b - a >= burnup.LINE for a, b in pairwise(places))


def test_the_forecast_crosses_the_cap_where_it_is_reached() -> None:
    svg = burnup.draw(a_burnup())
    assert "≈ 24 Nov 17:00 UTC (16:00–18:00)" in words(svg) and "dispatch would stop here" in words(svg)
    (diamond,) = of_class(svg, "crossing")
    (cap,) = of_class(svg, "line-cap")
    where = scales.Scale((NOW - timedelta(hours=12)).timestamp(), (NOW + timedelta(hours=6)).timestamp(), 64, 792)
    x, y = re.findall(r"[\d.]+", diamond.get("transform", ""))
    assert float(x) == pytest.approx(where((NOW + timedelta(hours=4)).timestamp()), abs=0.1)
    assert float(y) == pytest.approx(float(cap.get("y1", 0)), abs=0.1)


@given(st.integers(0, 80), st.integers(0, 40), st.integers(1, 30))
def test_no_line_is_drawn_above_the_cap(cap: int, rate: int, hours: int) -> None:
    seen = replace(
        CERTAIN, rate=usd(rate), low_rate=usd(rate) // 2, high_rate=usd(rate) * 2, cap_at=None, cap_from=None, cap_until=None
    )
    svg = burnup.draw(a_burnup(cap=usd(cap), outlook=seen, until=NOW + timedelta(hours=hours), held=0))
    caps = of_class(svg, "line-cap")
    limit = min(float(caps[0].get("y1", 0)), _top_of(svg, "total")) if caps else 0  # it is far away: the data fill the chart
    assert _top_of(svg, "band") >= limit - 0.11 and _top_of(svg, "forecast") >= limit - 0.11


def _top_of(svg: str, name: str) -> float:
    numbers = re.findall(r"[\d.]+", of_class(svg, name)[0].get("d", ""))
    return min(float(number) for number in numbers[1::2])


def test_thin_data_is_named_and_gives_no_forecast() -> None:
    svg = burnup.draw(a_burnup(outlook=Forecast(enough=False, why_not="Not enough data yet (2 of 10 rounds)")))
    assert "Not enough data yet (2 of 10 rounds)" in words(svg) and not of_class(svg, "forecast") and not of_class(svg, "band")


def test_a_paused_project_has_a_flat_line() -> None:
    svg = burnup.draw(a_burnup(outlook=replace(CERTAIN, paused=True)))
    (line,) = of_class(svg, "forecast")
    assert line.get("y1") == line.get("y2") and "paused: no projected spend" in words(svg)


def test_changes_are_ticks_at_the_foot() -> None:
    marks = [Mark(NOW - timedelta(hours=2), "change", "x"), Mark(NOW - timedelta(days=9), "stop", "too old to be seen")]
    assert len(of_class(burnup.draw(a_burnup(marks=marks)), "mark")) == 1


def test_the_table_has_the_values_of_the_burnup() -> None:
    data = a_burnup()
    table = burnup.table(data)
    assert len(table.rows) == len(data.points) and table.rows[-1][-1] == amounts.format_usd(data.spent)
    assert [row[-1] for row in table.exact] == [point.total for point in data.points]
    points = re.findall(r"[ML]", of_class(burnup.draw(data), "total")[0].get("d", ""))
    assert len(points) == len(table.rows)


def test_a_line_above_the_picture_is_named_at_its_edge() -> None:
    svg = burnup.draw(a_burnup(total_budget=usd(900)))
    assert "↑ Total budget $900.00" in words(svg) and not of_class(svg, "line-budget")


def test_a_project_without_any_spend_is_drawn_too() -> None:
    svg = burnup.draw(
        BurnUp([Point(NOW, micro()), Point(NOW, micro())], NOW + timedelta(hours=1), 0, 0, 0, 0, Forecast(False, "x"))
    )
    assert drawn(svg).tag == "svg" and "nan" not in svg


@given(st.integers(0, 10**15))
def test_gridlines_are_few_and_reach_the_top(highest: int) -> None:
    steps = scales.money_steps(highest)
    assert steps[0] == 0 and steps[-1] >= highest and 2 <= len(steps) <= scales.MAX_LINES


@given(st.lists(st.floats(0, 200), max_size=8))
def test_labels_do_not_overlap_when_there_is_space(targets: list[float]) -> None:
    placed = sorted(scales.spread(targets, 14, 0, 200))
    assert all(b - a >= 13.999 for a, b in pairwise(placed))
    assert all(-0.001 <= place <= 200.001 for place in placed)


def test_times_are_round_hours_or_days() -> None:
    assert [f"{at:%H:%M}" for at in scales.time_steps(NOW - timedelta(hours=7), NOW)][:2] == ["06:00", "07:00"]
    week = scales.time_steps(NOW - timedelta(days=7), NOW)
    assert len(week) == 7 and all(at.hour == 0 for at in week)


def test_the_bar_shows_parts_of_the_cap_and_what_is_left() -> None:
    svg = categories.draw(categories.Spend({"entry": usd(300), "interceptor": usd("0.0032")}, held=usd(20), cap=usd(500)))
    assert [element.get("fill") for element in of_class(svg, "area")] == [
        "url(#paint-entry)",
        "url(#paint-interceptor)",
        "url(#paint-held)",
    ]
    assert "Left $180.00" in words(svg) and "Interceptor $0.0032" in words(svg)
    assert float(of_class(svg, "area")[0].get("width", 0)) == pytest.approx(0.6 * 958, abs=2)


def test_a_bar_past_the_cap_marks_where_the_cap_was() -> None:
    svg = categories.draw(categories.Spend({"entry": usd(12)}, held=0, cap=usd(10)))
    assert of_class(svg, "line-cap") and "Left" not in words(svg)


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=6))
def test_what_a_column_shows_adds_up(parts: list[int]) -> None:
    shown, total = columns.texts(parts)
    raw = [round(float(text.replace("$", "").replace(",", "")) * 1e6) for text in (*shown, total)]
    assert sum(raw[:-1]) == raw[-1]
    assert all(text.strip("$0.,") for text, part in zip(shown, parts, strict=True) if part)


def test_a_column_of_whole_cents_has_two_decimals() -> None:
    assert columns.texts([1_004_999, 2_005_000, 3_000_001]) == (["$1.00", "$2.01", "$3.00"], "$6.01")
    assert columns.texts([3_200, 1_000_000])[0] == ["$0.0032", "$1.0000"]


def test_shares_add_up_to_a_hundred() -> None:
    assert columns.shares([1, 1, 1]) == ["34 %", "33 %", "33 %"]
    assert columns.shares([0, 0]) == ["—", "—"] and columns.shares([1, 10_000])[0] == "< 1 %"


def test_a_bullet_warns_from_80_percent_and_shows_over_beyond_100() -> None:
    assert [bullet.Use(spent, 0, 100).tone for spent in (79, 80, 100, 130)] == ["", "warn", "over", "over"]
    assert bullet.words(bullet.Use(usd(6), 0, usd(10))) == "60 %"
    assert bullet.words(bullet.Use(usd("13.2"), 0, usd(10))) == "+$3.20 over"
    assert bullet.words(bullet.Use(usd(1), 0, None)) == "none"


def test_a_bullet_ends_at_125_percent() -> None:
    svg = bullet.draw(bullet.Use(usd(50), usd(5), usd(10)))
    (beyond,) = of_class(svg, "beyond")
    assert float(beyond.get("x", 0)) + float(beyond.get("width", 0)) == pytest.approx(120)
    assert "paint-held" in bullet.draw(bullet.Use(usd(5), usd(2), usd(10)))


def test_rounds_are_two_panels_over_the_same_rounds() -> None:
    drawings = [
        rounds.Round(1, 0.4, usd("0.31"), "kept"),
        rounds.Round(2, 0.3, usd("0.2"), "level", estimated=True),
        rounds.Round(3, None, 0, "failed"),
    ]
    svg = rounds.draw(drawings)
    points, bars = of_class(svg, "point"), [*of_class(svg, "bar"), *of_class(svg, "area")]
    middle = [float(bar.get("x", 0)) + float(bar.get("width", 0)) / 2 for bar in bars]
    assert [float(point.get("cx", 0)) for point in points] == pytest.approx(sorted(middle)[:2], abs=0.2)
    assert "hollow" in points[1].get("class", "") and len(of_class(svg, "cross")) == 1 and of_class(svg, "median")


def test_no_best_score_is_drawn_before_there_is_any() -> None:
    svg = rounds.draw([rounds.Round(1, None, usd("0.74"), "open")])
    assert not of_class(svg, "best") and "Best" not in words(svg) and of_class(svg, "bar")


def test_the_table_of_rounds_has_gain_and_sum() -> None:
    table = rounds.table(
        [
            rounds.Round(1, 0.4, usd("0.31"), "level", base=0.5),
            rounds.Round(2, 0.9, usd("0.2"), "kept", estimated=True, base=0.5),
        ]
    )
    assert [row[2] for row in table.rows] == ["-0.10", "+0.40"] and table.foot[-1] == "$0.51"
    assert table.rows[1][-1] == "≈ $0.20"


def test_zero_is_a_dot_in_a_sparkline() -> None:
    bars = drawn(sparkline.draw([0, 5, 10]))
    assert [bar.get("height") for bar in bars] == ["1", "12", "24"] and bars[0].get("width") == "1"


def test_words_of_the_outlook_stand_clear_of_the_names_of_the_layers() -> None:
    svg = burnup.draw(a_burnup(outlook=Forecast(enough=False, why_not="Not enough data yet (2 of 10 rounds)"), held=0))
    (text,) = [element for element in of_class(svg, "halo") if "Not enough" in (element.text or "")]
    named = [float(element.get("y", 0)) for element in of_class(svg, "swatch")]
    assert float(text.get("y", 0)) < min(named) and "No forecast: not enough data yet" in svg


@pytest.mark.parametrize(
    "seen",
    [
        CERTAIN,
        replace(
            CERTAIN, cap_at=NOW + timedelta(hours=1), cap_from=NOW + timedelta(minutes=40), cap_until=NOW + timedelta(hours=2)
        ),
        Forecast(enough=False, why_not="Not enough data yet (3 of 10 rounds, 0 of 30 active minutes: either is enough)"),
        replace(CERTAIN, paused=True),
    ],
    ids=["certain", "soon", "thin", "paused"],
)
@pytest.mark.parametrize("ahead", [3, 6, 24])
def test_the_line_of_now_crosses_no_words(seen: Forecast, ahead: int) -> None:
    svg = burnup.draw(a_burnup(outlook=seen, until=NOW + timedelta(hours=ahead)))
    (line,) = [element for element in of_class(svg, "now") if element.tag == "line"]
    now = float(line.get("x1", 0))
    for element in drawn(svg).iter("text"):
        wide, anchor = outlook.LETTER * len(element.text or ""), element.get("text-anchor", "start")
        left = float(element.get("x", 0)) - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
        under_it = float(element.get("y", 0)) < burnup.TOP or float(element.get("y", 0)) > burnup.BOTTOM
        assert under_it or now <= left or left + wide <= now, element.text


@pytest.mark.parametrize(
    ("end", "high", "text"),
    [
        (50, 58, "≈ $50.00 ($40.00–$58.00); the cap is enough."),
        (55, 70, "≈ $55.00 ($40.00–$70.00); at the upper end the cap is not enough."),
        (72, 90, "≈ $72.00 ($40.00–$90.00): ≈ $12.00 more than the cap."),
    ],
)
def test_the_outlook_reports_the_cost_of_the_backlog(end: int, high: int, text: str) -> None:
    seen = replace(CERTAIN, end_spend=usd(end), end_low=usd(40), end_high=usd(high))
    assert outlook.end_sentence(seen, usd(60)) == f"When the open backlog is done, all will have cost {text}"
    assert outlook.end_sentence(CERTAIN, usd(60)) == "" and text in burnup.describe(a_burnup(outlook=seen))


def test_the_bar_names_the_amounts_as_its_table_rounds_them() -> None:
    spend = categories.Spend(
        {"entry": 1_550_000, "orchestrator": 35_000, "expansion": 35_000, "interceptor": 140_000}, 0, 5_000_000
    )
    svg = categories.draw(spend)
    for label, amount, _ in categories.table(spend).rows:
        assert f"{label} {amount}" in svg
