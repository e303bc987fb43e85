"""Insight draws, links, sorts and exports exact figures, of one workspace and one span of time."""

import itertools
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from budget import ledger
from budget.amounts import usd
from budget.charts.patterns import fill
from budget.models import LedgerEntry
from dashboard.insight import days, reading, views
from dashboard.insight.bars import Bar
from dashboard.insight.figures import BY_NAME, METRICS, Figures, Row, Waits, ordered, share
from dashboard.shared.lists.span import Span
from orchestration.models import Entry, Round, Session
from tests.dashboard.page_requests import page_request
from tests.dashboard.seeds import entries as seed
from tests.factories import CLOSED, a_workspace, an_entry, project
from workspaces import times
from workspaces.models import Workspace

NOW = datetime(2026, 8, 4, 12, tzinfo=UTC)
DAY = Span("24h", NOW - timedelta(days=1), NOW, NOW)


def attributes(svg: str, name: str) -> list[float]:
    return [float(value) for value in re.findall(rf' {name}="([0-9.]+)"', svg)]


# Bars


@pytest.mark.parametrize(
    ("cost", "wasted", "most", "widths"),
    [(50, 20, 100, [24, 36]), (100, 0, 100, [0, 120]), (50, 80, 100, [60, 0]), (0, 0, 0, [0, 0]), (-5, -1, 100, [0, 0])],
)
def test_a_bar_is_as_long_as_its_part_of_the_largest_with_its_waste_first(
    cost: int, wasted: int, most: int, widths: list[float]
) -> None:
    svg = str(Bar(cost, wasted, most).draw())
    lost, useful = re.findall(r"<rect[^>]*>", svg)
    assert [attributes(part, "width")[0] for part in (lost, useful)] == widths
    assert attributes(useful, "x") == [widths[0]] and fill("held") in lost and fill("held") not in useful


def test_a_day_is_drawn_with_its_waste_at_the_bottom_and_the_rest_above_it() -> None:
    first = (date(2026, 8, 3), Figures(cost=usd(4), wasted=usd(1), landed=2))
    last = (date(2026, 8, 4), Figures(cost=usd(2), wasted=0))
    svg = str(days.draw([first, last], UTC))
    bars = re.findall(r"<rect[^>]*>", svg)
    assert len(bars) == 3 and fill("held") in bars[0] and fill("held") not in bars[1] + bars[2]
    low, y_low, high, y_high = (
        attributes(bars[0], "height")[0],
        attributes(bars[0], "y")[0],
        attributes(bars[1], "height")[0],
        attributes(bars[1], "y")[0],
    )
    assert high == pytest.approx(3 * low, abs=0.2) and y_low == pytest.approx(y_high + high, abs=0.1)
    assert y_low + low == pytest.approx(days.BOTTOM, abs=0.1)
    assert "2 days with rounds: $6.00 spent, $1.00 of it wasted." in svg
    readings = re.findall(r'data-readings="([^"]+)"', svg)[0].split("|")
    assert readings == ["Mon 3 Aug;Spent $4.00;Wasted $1.00;Landed 2", "Tue 4 Aug;Spent $2.00;Wasted $0.00;Landed 0"]
    assert "1 day with rounds" in str(days.draw([last], UTC))


# Figures


def test_figures_add_up_each_by_itself() -> None:
    assert Figures(1, 2, 3, 4, 5, 6, 7, 8) + Figures(10, 20, 30, 40, 50, 60, 70, 80) == Figures(11, 22, 33, 44, 55, 66, 77, 88)
    assert (share(1, 4), share(1, 0)) == (0.25, None)


ROW = Row(
    "m",
    Figures(rounds=4, landed=2, first=4, first_passed=1, cost=usd(5), wasted=usd(3), input_tokens=200, cached_tokens=50),
    Figures(rounds=4, landed=4, first=2, first_passed=1, cost=usd(2), wasted=usd(3), input_tokens=100, cached_tokens=50),
    Waits(timedelta(minutes=2), timedelta(hours=2)),
    Waits(timedelta(minutes=1), timedelta(hours=3)),
)


@pytest.mark.parametrize(
    ("name", "value", "text", "difference"),
    [
        ("landed", 2, "2", "▼ −2"),
        ("first", 0.25, "25 %", "▼ −25 points"),
        ("rounds", 4, "4", "="),
        ("spent", usd(5), "$5.00", "▲ +$3.00"),
        ("each", usd("2.5"), "$2.50", "▲ +$2.00"),
        ("wasted", usd(3), "$3.00", "="),
        ("cache", 0.25, "25 %", "▼ −25 points"),
    ],
)
def test_each_figure_has_its_value_and_its_difference(name: str, value: float, text: str, difference: str) -> None:
    metric = BY_NAME[name]
    assert (metric.value(ROW), metric.text(value), metric.difference(ROW)) == (value, text, difference)


def test_waits_are_compared_with_the_waits_before() -> None:
    assert (BY_NAME["p50"].value(ROW), BY_NAME["p95"].value(ROW)) == (120, 7200)
    assert BY_NAME["p50"].difference(ROW).startswith("▲ +1") and BY_NAME["p95"].difference(ROW).startswith("▼ −1")


def test_a_difference_that_its_text_would_hide_is_none() -> None:
    assert (
        BY_NAME["first"].difference(Row("m", Figures(1, first=1000, first_passed=500), Figures(1, first=1000, first_passed=501)))
        == "="
    )


def test_rows_of_equal_value_are_by_name() -> None:
    rows = [Row(key, Figures(cost=cost)) for key, cost in (("b", 1), ("c", 2), ("a", 1))]
    assert [row.key for row in ordered(rows, "spent")] == ["a", "b", "c"]
    assert [row.key for row in ordered(rows, "-spent")] == ["c", "a", "b"]
    assert [row.key for row in ordered(rows, "name")] == ["a", "b", "c"] == [row.key for row in ordered(rows, "-name")][::-1]


# Rows of the database


def ended(shop: Workspace, at: datetime, *, cost: int = 1, model: str = "m", attempt: int = 1, status: str = "ended") -> Entry:
    entry = an_entry(shop, budget="9")
    over = {"status": "ended", "outcome": "failed", "ended_at": at} if status == "ended" else {"status": status}
    session = Session.objects.create(
        id=f"sess_{Session.objects.count():020}", workspace=shop, entry=entry, attempt=attempt, model=model, agent="codex", **over
    )
    Session.objects.filter(pk=session.pk).update(claimed_at=at)
    Entry.objects.filter(pk=entry.pk).update(created_at=at - timedelta(hours=1))
    entry.rounds.create(session=session, number=1, verdict="failed")
    item = ledger.Charge(session.pk, cost, LedgerEntry.PriceSource.REPORTED)
    ledger.charge(project(shop), item, account=entry.account, session_ref=session.pk, round_number=1, actor="agent")
    return entry


def costs(shop: Workspace, shown: Span = DAY, by: str = "model", zone: Any = UTC) -> dict[Any, tuple[int, int | None]]:
    rows, _ = reading.rows(shop.pk, shown, by, zone)
    return {row.key: (row.now.cost, None if row.before is None else row.before.cost) for row in rows}


def test_a_span_includes_its_first_moment_and_not_its_last(shop: Workspace) -> None:
    for cost, hours in ((1, 0), (10, 24), (100, 48), (1000, 1)):
        ended(shop, NOW - timedelta(hours=hours), cost=cost)
    ended(shop, NOW - timedelta(hours=24, seconds=1), cost=10_000)
    ended(shop, NOW - timedelta(hours=48, seconds=1), cost=100_000)
    ended(a_workspace(name="Other"), NOW - timedelta(hours=1), cost=1_000_000)
    assert costs(shop) == {"m": (1010, 10_100)}
    _, every = reading.rows(shop.pk, DAY, "model", UTC)
    assert (every.now.rounds, every.before and every.before.rounds) == (2, 2)


def test_days_are_compared_with_those_of_the_period_before_in_the_readers_zone(shop: Workspace) -> None:
    week = Span("7d", NOW - timedelta(days=7), NOW, NOW)
    ended(shop, NOW - timedelta(hours=1), cost=1)
    ended(shop, NOW - timedelta(days=7, hours=1), cost=10)
    assert costs(shop, week, "day") == {date(2026, 8, 4): (1, 10)}
    assert costs(shop, week, "day", ZoneInfo("Pacific/Auckland")) == {date(2026, 8, 4): (1, 10)}
    late = ended(shop, NOW - timedelta(minutes=1), cost=5)
    Session.objects.filter(entry=late).update(ended_at=datetime(2026, 8, 4, 11, 59, 59, tzinfo=UTC))
    kiribati = costs(shop, week, "day", ZoneInfo("Pacific/Kiritimati"))
    assert kiribati == {date(2026, 8, 5): (6, 10)}


def test_only_first_sessions_that_ended_show_how_long_entries_waited(shop: Workspace) -> None:
    ended(shop, NOW - timedelta(hours=1))
    for more in ({"attempt": 2}, {"status": "running"}):
        entry = ended(shop, NOW - timedelta(hours=1), **more)  # type: ignore[arg-type]
        Entry.objects.filter(pk=entry.pk).update(created_at=NOW - timedelta(days=9))
    other = ended(a_workspace(name="Other"), NOW - timedelta(hours=1))
    Entry.objects.filter(pk=other.pk).update(created_at=NOW - timedelta(days=9))
    before = ended(shop, NOW - timedelta(hours=30))
    Entry.objects.filter(pk=before.pk).update(created_at=NOW - timedelta(hours=32))
    [row], every = reading.rows(shop.pk, DAY, "model", UTC)
    hour = timedelta(hours=1)
    assert row.waits == every.waits == Waits(hour, hour) and row.waits_before == every.waits_before == Waits(2 * hour, 2 * hour)


# The page


def test_the_table_names_what_landed_for_least_and_counts_rows_that_are_not_shown(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, model in enumerate(("a", "b", "c"), start=1):
        ended(shop, timezone.now() - timedelta(hours=1), cost=n, model=model)
    monkeypatch.setattr(views, "SHOWN", 2)
    Entry.objects.filter(workspace=shop).exclude(account__spent=3).update(**CLOSED)
    Round.objects.exclude(entry__account__spent=3).update(verdict="passed")
    shown = views.table(page_request(shop))
    assert ([row["name"] for row in shown["rows"]], shown["more"], shown["cheapest"]["name"]) == (["a", "b"], 1, "a")
    assert [row["bar"] for row in shown["rows"]] == [Bar(1, 0, 3), Bar(2, 0, 3)] and shown["chart"] == "" and shown["each"] == 3
    assert [(word, chosen) for word, _, chosen in shown["tabs"]][:2] == [("Model", True), ("Agent", False)]
    by_day = views.table(page_request(shop, by="day", range="7d"))
    assert by_day["word"] == "Day" and "<svg" in by_day["chart"] and by_day["cheapest"]["each"] == 3
    assert views.table(page_request(a_workspace(name="Empty")))["cheapest"] is None


def test_the_page_has_the_days_of_its_reader_and_each_leads_to_the_same_hours(shop: Workspace) -> None:
    """On Kiritimati a day begins ten hours before it ends in UTC: one round before its midnight, two after it."""
    zone = ZoneInfo("Pacific/Kiritimati")
    midnight = timezone.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    for cost, at in (
        (1, midnight - timedelta(minutes=30)),
        (2, midnight + timedelta(minutes=30)),
        (4, midnight + timedelta(hours=20)),
    ):
        ended(shop, at, cost=cost)
    with timezone.override(zone):
        shown = views.table(page_request(shop, by="day", range="7d"))
        _, _, listed, _ = views._read(page_request(shop, by="day", range="7d"))
    begin, end, other = (times.minute(midnight + timedelta(days=n)) for n in (0, 1, -1))
    assert [row["bar"].cost for row in shown["rows"]] == [6, 1] == [row.now.cost for row in listed]
    assert [row["name"].split()[1] for row in shown["rows"]] == [str(midnight.day), str((midnight - timedelta(days=1)).day)]
    links = [parse_qs(row["url"].partition("?")[2])["q"][0] for row in shown["rows"]]
    assert links == [f"worked:{begin}..{end}", f"worked:{other}..{begin}"]
    since, until = (midnight - timedelta(days=1)).timestamp(), (midnight + timedelta(days=1)).timestamp()
    assert f'data-time="{since:.0f} {until:.0f}"' in shown["chart"].replace(".0", "")


@pytest.mark.parametrize(
    ("sort", "column", "now", "link"),
    [
        ("", "each", "ascending", "sort=-each"),
        ("", "spent", "", "sort=-spent"),
        ("", "name", "", "sort=name"),
        ("-spent", "spent", "descending", "sort=spent"),
        ("spent", "spent", "ascending", "sort=-spent"),
        ("name", "name", "ascending", "sort=-name"),
        ("-name", "name", "descending", "sort=name"),
        ("-each", "each", "descending", ""),
    ],
)
def test_a_click_on_a_head_sorts_by_it_and_then_the_other_way(
    shop: Workspace, sort: str, column: str, now: str, link: str
) -> None:
    shown = views.table(page_request(shop, **({"sort": sort} if sort else {})))
    names = [*(metric.name for metric in METRICS), "name"]
    head = dict(zip(names, [*shown["heads"], shown["name_head"]], strict=True))[column]
    assert (head["now"], head["query"].lstrip("?")) == (now, link)


ZOOM = Span("", NOW - timedelta(hours=3), NOW - timedelta(hours=2), NOW)


@pytest.mark.parametrize(
    ("by", "key", "shown", "query"),
    [
        ("model", "gpt-5", DAY, {"q": 'model:"gpt-5" worked:24h'}),
        ("model", 'a"b', DAY, {"q": 'model:"ab" worked:24h'}),
        ("agent", "", DAY, {"q": 'agent:"none" worked:24h'}),
        ("person", "ana", DAY, {"q": 'by:"ana" worked:24h'}),
        ("group", "Tax", DAY, {"q": "worked:24h", "group": "Tax"}),
        ("group", "", DAY, {"q": "worked:24h"}),
        ("model", "m", Span("all", None, NOW, NOW), {"q": 'model:"m"'}),
        ("model", "m", ZOOM, {"q": 'model:"m" worked:2026-08-04T09:00Z..2026-08-04T10:00Z'}),
        ("day", date(2026, 8, 4), DAY, {"q": "worked:2026-08-04T00:00Z..2026-08-04T12:00Z"}),
        ("day", date(2026, 8, 3), DAY, {"q": "worked:2026-08-03T12:00Z..2026-08-04T00:00Z"}),
        ("day", date(2026, 8, 3), Span("all", None, NOW, NOW), {"q": "worked:2026-08-03T00:00Z..2026-08-04T00:00Z"}),
    ],
)
def test_a_row_leads_to_its_entries(by: str, key: Any, shown: Span, query: dict[str, str]) -> None:
    with timezone.override(UTC):
        assert views._entries(by, key, shown) == query


def test_a_line_of_the_csv_has_raw_figures_in_the_order_of_its_head() -> None:
    line = dict(zip(views._head("model"), views._line(ROW), strict=True))
    assert line == {
        "model": "m", "landed": 2, "first_rounds": 4, "first_rounds_passed": 1, "rounds": 4, "spent_usd": 5, "usd_per_landed": 2.5,
        "wasted_usd": 3, "in_queue_p50_s": 120, "in_queue_p95_s": 7200, "input_tokens": 200, "cached_tokens": 50}  # fmt: skip
    assert views._line(Row("m", Figures()))[6:10] == [None, 0, None, None]


# The range


# Days


def test_as_many_days_are_labelled_as_there_is_room_for_and_the_last_one_always() -> None:
    month = [(date(2026, 7, 4) + timedelta(days=n), Figures(cost=usd(n % 5))) for n in range(32)]
    svg = str(days.draw(month, UTC))
    labels = re.findall(r'x="([0-9.]+)"[^>]*text-anchor="middle"[^>]*>([^<]+)<', svg) or [
        (x, words) for words, x in re.findall(r">(\d+ [A-Z][a-z]+)</text>()", svg)
    ]
    assert labels[0][1] == "4 Aug" and len(labels) >= 10
    places = [float(x) for x, _ in labels]
    assert all(later - earlier >= 64 for later, earlier in itertools.pairwise(places))
    assert places[-1] - 64 < days.LEFT + (days.RIGHT - days.LEFT) / 32 * 3


def test_the_axis_reaches_the_largest_day_and_the_end_of_the_last_one() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    some = [(date(2026, 8, 3), Figures(cost=usd(100), wasted=usd(130))), (date(2026, 8, 4), Figures(cost=usd(1)))]
    svg = str(days.draw(some, berlin))
    bars = re.findall(r"<rect[^>]*>", svg)
    assert len(bars) == 2 and all(attributes(bar, "y")[0] >= days.TOP for bar in bars)
    since, until = datetime(2026, 8, 2, 22, tzinfo=UTC).timestamp(), datetime(2026, 8, 4, 22, tzinfo=UTC).timestamp()
    assert re.findall(r'data-time="([^"]+)"', svg)[0].split() == [f"{since:.0f}", f"{until:.0f}"]
    assert "2 days with rounds: $101.00 spent" in svg and "1 day with rounds" in str(days.draw(some[:1], berlin))


def test_the_csv_has_all_rows_and_the_page_a_hundred(shop: Workspace, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        ended(shop, timezone.now() - timedelta(hours=1), cost=n + 1, model=f"m{n}")
    ended(shop, timezone.now() - timedelta(hours=1), cost=9, model="")
    monkeypatch.setattr(views, "SHOWN", 2)
    client.force_login(seed.user("ana"))
    response = client.get(f"/w/{shop.pk}/money/insight/", {"format": "csv"})
    content = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    assert [line.split(",")[0] for line in content.lstrip("\ufeff").split()] == ["model", "", "m0", "m1", "m2"]
    shown = views.table(page_request(shop, sort="-spent"))
    assert ([row["name"] for row in shown["rows"]], shown["more"]) == (["no model named", "m2"], 2)
    cost = views.table(page_request(shop, sort="spent"))
    assert [row["bar"] for row in cost["rows"]] == [Bar(1, 1, 9), Bar(2, 2, 9)]
