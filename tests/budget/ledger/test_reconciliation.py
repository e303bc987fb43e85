"""A provider's CSV beside the ledger: real exports are read as they come, and each difference is booked once."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from budget import ledger, limits
from budget.amounts import usd
from budget.ledger import rebuild, reconciliation, usage_files
from budget.ledger.usage_files import same_model
from budget.models import DaySpend, LedgerEntry
from tests.factories import ANA, a_workspace, project
from workspaces.errors import Invalid
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db

ANTHROPIC_COST = """\ufeffusage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd\r
2026-08-04,Claude Haiku 4.5,Default,key,message,≤ 200k,input_no_cache,0.05,0.05\r
2026-08-04,Claude Haiku 4.5,Default,key,message,≤ 200k,output,0.02,0.02\r
\r
2026-08-05,Claude Opus 4.5,Default,key,message,≤ 200k,output,0.30,0.30\r
"""
ANTHROPIC_USAGE = """usage_date_utc,model_version,api_key,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,\
usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens
2026-08-04 13:00,claude-haiku-4-5-20251001,key,100,20,0,3000,40
2026-08-04 14:00,claude-haiku-4-5-20251001,key,1,0,0,0,2
"""
OPENAI_COST = """start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id
1790467200,1790553600,2026-09-27T00:00:00+00:00,2026-09-28T00:00:00+00:00,,,,
1790553600,1790640000,2026-09-28T00:00:00+00:00,2026-09-29T00:00:00+00:00,0.50383598000000000000,usd,"gpt-5-nano, input_tokens",p
1790553600,1790640000,2026-09-28T00:00:00+00:00,2026-09-29T00:00:00+00:00,0.1,usd,"gpt-5-nano, output_tokens",p
"""


def read(text: str, provider: str, **columns: str) -> list[tuple[str, str, Decimal | None, int | None]]:
    usages = usage_files.read(text, provider=provider, columns=columns)
    return [(usage.day.isoformat(), usage.model, usage.cost, usage.tokens) for usage in usages]


def test_the_cost_export_of_anthropic_is_read_by_day_and_model() -> None:
    assert read(ANTHROPIC_COST, "anthropic") == [
        ("2026-08-04", "Claude Haiku 4.5", Decimal("0.07"), None),
        ("2026-08-05", "Claude Opus 4.5", Decimal("0.30"), None),
    ]


def test_its_usage_export_has_tokens_only() -> None:
    assert read(ANTHROPIC_USAGE, "anthropic") == [("2026-08-04", "claude-haiku-4-5-20251001", None, 3163)]


def test_the_cost_export_of_openai_is_read_by_line_item() -> None:
    assert read(OPENAI_COST, "openai") == [("2026-09-28", "gpt-5-nano", Decimal("0.60383598"), None)]


def test_any_other_file_is_read_with_its_columns_named() -> None:
    text = "Day;x\n"
    with pytest.raises(Invalid, match="has no column 'Datum'"):
        read(text, "generic", date="Datum", model="m", cost="c")
    assert read('Datum,m,$\n2026-08-04,gpt-5,"$1,200.5"\n', "generic", date="Datum", model="m", cost="$") == [
        ("2026-08-04", "gpt-5", Decimal("1200.5"), None)
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("foo,bar\n1,2\n", "it has: foo, bar"),
        ("", "not the columns"),
        ("usage_date_utc,model,cost_usd\nAugust,x,1\n", "Line 2: 'August' is not a date"),
        ("usage_date_utc,model,cost_usd\n2026-08-04,x,much\n", "Line 2: 'much' is not a number"),
        ("usage_date_utc,model,cost_usd\n2026-08-04,x,NaN\n", "out of bounds"),
        ("usage_date_utc,model,cost_usd\n2026-08-04,,1\n", "names no model"),
        ("usage_date_utc,model,cost_usd\n2026-08-04," + "x" * 200_000 + ",1\n", "Line"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        read(text, "anthropic")


@pytest.mark.parametrize(
    ("usage", "other"),
    [
        ("Claude Haiku 4.5", "claude-haiku-4-5-20251001"),
        ("Claude Sonnet 3.5", "anthropic/claude-3-5-sonnet-20241022"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
    ],
)
def test_two_names_of_one_model_are_one(usage: str, other: str) -> None:
    assert same_model(usage) == same_model(other) != same_model("gpt-5")


def booked_on(workspace: Workspace, day: date, model: str, amount: str) -> None:
    at = reconciliation.datetime.combine(day, reconciliation.time(12), reconciliation.UTC)
    source = LedgerEntry.PriceSource.COMPUTED
    what = ledger.Charge(f"{day}{model}{amount}", usd(amount), source, category="orchestrator", model=model, at=at)  # type: ignore[arg-type]
    ledger.charge(project(workspace), what, actor="agent")


def usages(day: date, model: str, cost: str) -> list[usage_files.ReportedUsage]:
    return [usage_files.ReportedUsage(day, model, Decimal(cost), None)]


DAY = date(2026, 8, 4)


def test_a_difference_is_booked_once_on_its_own_day() -> None:
    workspace = a_workspace()
    booked_on(workspace, DAY, "claude-haiku-4-5-20251001", "1")
    file = usages(DAY, "Claude Haiku 4.5", "1.5")
    assert [line.difference for line in reconciliation.compare(workspace.pk, file)] == [usd("0.5")]
    assert len(reconciliation.apply(workspace.pk, file, provider="anthropic", by=ANA)) == 1
    assert reconciliation.apply(workspace.pk, file, provider="anthropic", by=ANA) == []
    assert project(workspace).total_spent == usd("1.5") and rebuild.find(workspace.pk) == []
    assert DaySpend.objects.get().day == DAY  # today's limits are not touched by an old day
    row = LedgerEntry.objects.latest("id")
    assert row.reason == "anthropic says $1.50 for 2026-08-04, the ledger said $1.00" and row.price_source == "manual"


def test_a_difference_may_be_a_refund() -> None:
    workspace = a_workspace()
    booked_on(workspace, DAY, "gpt-5", "2")
    reconciliation.apply(workspace.pk, usages(DAY, "gpt-5", "1.2"), provider="openai", by=ANA)
    assert project(workspace).total_spent == usd("1.2")


def test_rounding_and_what_is_not_in_the_file_are_never_booked() -> None:
    workspace = a_workspace()
    booked_on(workspace, DAY, "gpt-5", "2.000123")
    booked_on(workspace, DAY, "claude-opus-4-5", "7")
    booked_on(workspace, DAY - timedelta(days=1), "gpt-5", "1")
    lines = reconciliation.compare(workspace.pk, usages(DAY, "gpt-5", "2"))
    assert [(line.model, line.to_book, line.note[:8]) for line in lines] == [
        ("claude-opus-4-5", 0, "not in t"),
        ("gpt-5", 0, "rounding"),
    ]
    assert reconciliation.apply(workspace.pk, usages(DAY, "gpt-5", "2"), provider="openai", by=ANA) == []


def test_an_adjustment_of_today_is_not_of_tomorrow() -> None:
    workspace = a_workspace()
    reconciliation.apply(workspace.pk, usages(limits.today(), "gpt-5", "1"), provider="openai", by=ANA)
    assert LedgerEntry.objects.get().at <= reconciliation.datetime.now(reconciliation.UTC)


def test_a_day_in_the_future_is_shown_and_never_booked() -> None:
    workspace = a_workspace()
    tomorrow = usages(limits.today() + timedelta(days=1), "gpt-5", "1")
    [line] = reconciliation.compare(workspace.pk, tomorrow)
    assert (line.difference, line.to_book, line.note) == (usd(1), 0, "a day in the future: not booked")
    assert reconciliation.apply(workspace.pk, tomorrow, provider="openai", by=ANA) == [] and not LedgerEntry.objects.exists()
