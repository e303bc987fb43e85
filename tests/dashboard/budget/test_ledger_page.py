"""The page of the ledger and that of rounds: what is filtered, counted, unknown and exported."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from budget import ledger
from budget.amounts import usd
from budget.ledger import corrections
from budget.models import LedgerEntry, RoundSpend
from dashboard.budget import ledger as ledger_page
from dashboard.budget import most_expensive
from dashboard.shared import counts
from orchestration.backlog import deletion
from orchestration.models import Round, Session
from tests.dashboard.conftest import client_of
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    a_charge(an_entry(a_workspace(name="Other")), "99")
    return a_workspace()


def shown(shop: Workspace, **query: str) -> tuple[list[int], int, str]:
    """The amounts of the rows in micro-USD, their sum, and how many they are."""
    seen = ledger_page.ledger_rows(page_request(shop, **query))
    return [row["row"].amount for row in seen["rows"]], seen["totals"]["amount"], seen["totals"]["counted"]


def test_filters_and_their_sums_agree(shop: Workspace) -> None:
    entry, other = an_entry(shop, budget="9"), an_entry(shop, budget="9")
    days = [datetime(2026, 8, 3, tzinfo=UTC), datetime(2026, 8, 4, tzinfo=UTC), datetime(2026, 8, 4, 23, 59, 59, tzinfo=UTC)]
    for n, (at, account) in enumerate(zip(days, (entry.account, entry.account, other.account), strict=True)):
        item = ledger.Charge(f"k{n}", 10**n, LedgerEntry.PriceSource.REPORTED, at=at)
        ledger.charge(project(shop), item, account=account, session_ref=f"sess_{n}", round_number=1, actor="agent")
    a_charge(None, "0.001", category="expansion", in_=shop)
    with timezone.override(UTC):
        for query, matches in (
            ({}, [1000, 100, 10, 1]), ({"category": "entry"}, [100, 10, 1]), ({"category": "expansion"}, [1000]),
            ({"entry": "#1"}, [10, 1]), ({"entry": other.pk}, [100]), ({"session": "sess_1"}, [10]),
            ({"from": "2026-08-04", "to": "2026-08-04"}, [100, 10]), ({"to": "2026-08-03"}, [1]), ({"from": "2026-08-05"}, [1000]),
            ({"category": "entry", "from": "2026-08-04"}, [100, 10]),
        ):  # fmt: skip
            assert shown(shop, **query) == (matches, sum(matches), str(len(matches))), query  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("zone", "matches"), [("UTC", [2, 1]), ("Asia/Kathmandu", [1]), ("Pacific/Honolulu", [3, 2]), ("Pacific/Auckland", [1])]
)
def test_days_are_those_of_the_person_who_looks(shop: Workspace, zone: str, matches: list[int]) -> None:
    for n, (day, hour) in enumerate(((4, 5), (4, 20), (5, 5)), start=1):
        a_charge(None, f"0.00000{n}", category="expansion", in_=shop, at=datetime(2026, 8, day, hour, tzinfo=UTC))
    with timezone.override(zone):
        assert shown(shop, **{"from": "2026-08-04", "to": "2026-08-04"}) == (matches, sum(matches), str(len(matches)))


def test_amounts_of_a_page_have_the_decimals_that_none_of_them_loses(shop: Workspace) -> None:
    for amount in ("1", "0.0025"):
        a_charge(None, amount, category="expansion", in_=shop)
    assert [row["amount"] for row in ledger_page.ledger_rows(page_request(shop))["rows"]] == ["$0.0025", "$1.0000"]


def test_counting_stops_and_the_sum_does_not(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(1, 4):
        a_charge(None, f"0.00000{n}", category="expansion", in_=shop)
    monkeypatch.setattr(counts, "COUNTED_TO", 2)
    assert shown(shop)[1:] == (6, "2+")


def test_a_cost_is_unknown_where_neither_agent_nor_table_knew_it_and_no_one_corrected(shop: Workspace) -> None:
    entry = an_entry(shop, budget="9")
    for n, more in enumerate(({}, {"reported": 1}, {"computed": 1})):
        item = ledger.Charge(f"k{n}", 1, LedgerEntry.PriceSource.COMPUTED, **more)  # type: ignore[arg-type]
        ledger.charge(project(shop), item, account=entry.account, round_number=1, actor="agent")
    corrections.correct(LedgerEntry.objects.get(event_key="k0"), 1, by=ANA, reason="r", key="fix")
    rows = ledger_page.ledger_rows(page_request(shop))["rows"]
    assert [row["unknown"] for row in rows] == [False, False, False, True] and {row["entry"].pk for row in rows} == {entry.pk}


def test_a_line_of_the_csv_has_what_its_head_shows(shop: Workspace) -> None:
    entry = an_entry(shop, budget="9")
    tokens = {"input_tokens": 1, "output_tokens": 2, "cache_read_tokens": 3, "cache_write_tokens": 5, "cache_write_1h_tokens": 4}
    more: dict[str, Any] = {"reported": usd(1), "computed": usd(2), "price_version": "v1", "model": "m", "reason": "work"}
    item = ledger.Charge("k", usd("0.5"), LedgerEntry.PriceSource.REPORTED, **more | tokens)
    ledger.charge(project(shop), item, account=entry.account, session_ref="s", round_number=7, actor="agent")
    row = LedgerEntry.objects.get(event_key="k")
    corrections.correct(row, -1, by=ANA, reason="r", key="fix")
    line = dict(zip(ledger_page.HEAD, ledger_page._line(row), strict=True))
    values = list(line.values())
    assert values[2:] == ["entry", entry.pk, "s", 7, 0.5, "reported", 1, 2, "v1", "m", 1, 2, 3, 5, 4, None, "agent", "work"]
    assert list(ledger_page._line(LedgerEntry.objects.get(event_key="fix")))[-3] == row.pk


def test_rounds_are_listed_by_cost_while_their_entry_is_on_the_backlog(shop: Workspace) -> None:
    single, two, gone = (an_entry(shop, budget="9") for _ in range(3))
    theirs = an_entry(a_workspace(name="Elsewhere"))
    for n, (entry, cost) in enumerate(((single, "1"), (two, "3"), (gone, "5"), (theirs, "9"))):
        session = Session.objects.create(
            id=f"sess_{n:020}", workspace=entry.workspace, entry=entry, attempt=1, status="ended", outcome="failed",
            ended_at=timezone.now() - timedelta(hours=1),
        )  # fmt: skip
        for number, insertions in ((1, 5), (2, 8)):
            stat = {"insertions": insertions, "deletions": 2}
            verdict = "failed" if number == 1 else "passed"
            Round.objects.create(entry=entry, session=session, number=number, verdict=verdict, diffstat=stat)
        a_charge(entry, cost, round=1)
    a_charge(two, "2", round=2)
    a_charge(single, "7", round=3)  # of no round that has begun
    RoundSpend.objects.filter(account_id=two.pk, number=1).update(improvement_score=0.25)
    deletion.delete_all([gone], by=ANA)
    rows = most_expensive.round_list(page_request(shop))["rounds"]
    assert [(row.account_id, row.number) for row in rows] == [(two.pk, 1), (two.pk, 2), (single.pk, 1)]
    page = client_of("vera", "viewer", shop).get(reverse("budget-rounds", args=[shop.pk]), {"format": "csv"})
    lines = list(csv.DictReader(io.StringIO(b"".join(page.streaming_content).decode())))  # type: ignore[attr-defined]
    assert [(line["cost_usd"], line["verdict"], line["insertions"]) for line in lines] == [
        ("3", "failed", "5"),
        ("2", "passed", "8"),
        ("1", "failed", "5"),
    ]
    line = dict(zip(most_expensive.HEAD, most_expensive._line(rows[0]), strict=True))
    assert line == {"entry_id": two.pk, "number": 2, "title": "Do it", "round": 1, "verdict": "failed", "cost_usd": 3, "gain": 0.25,
                    "insertions": 5, "deletions": 2}  # fmt: skip
