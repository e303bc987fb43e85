"""A provider's CSV beside the ledger: real exports are read as they come, and each difference is booked once."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from budget import ledger, limits
from budget.amounts import usd
from budget.ledger import rebuild, reconciliation, usage_files
from budget.ledger.usage_files import same_model
from budget.limits import caps
from budget.models import DaySpend, LedgerEntry
from tests.factories import ANA, a_workspace, project
from workspaces.errors import Invalid
from workspaces.models import Event, Workspace

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


def test_a_column_of_tokens_that_is_missing_or_empty_counts_nothing() -> None:
    head = "usage_date_utc,model_version,usage_input_tokens_no_cache,usage_input_tokens_cache_read,usage_output_tokens\n"
    assert read(f"{head}2026-08-04,m,100,,40\n2026-08-04,m,,7,\n", "anthropic") == [("2026-08-04", "m", None, 147)]


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
    at = datetime.combine(day, time(12), UTC)
    source = LedgerEntry.PriceSource.COMPUTED
    what = ledger.Charge(f"{day}{model}{amount}", usd(amount), source, category="orchestrator", model=model, at=at)  # type: ignore[arg-type]
    ledger.charge(project(workspace), what, actor="agent")


def usages(day: date, model: str, cost: str) -> list[usage_files.ReportedUsage]:
    return [usage_files.ReportedUsage(day, model, Decimal(cost), None)]


DAY = date(2026, 8, 4)
COMPUTED = LedgerEntry.PriceSource.COMPUTED


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
    assert LedgerEntry.objects.get().at <= datetime.now(UTC)


def test_a_day_in_the_future_is_shown_and_never_booked() -> None:
    workspace = a_workspace()
    tomorrow = usages(limits.today() + timedelta(days=1), "gpt-5", "1")
    [line] = reconciliation.compare(workspace.pk, tomorrow)
    assert (line.difference, line.to_book, line.note) == (usd(1), 0, "a day in the future: not booked")
    assert reconciliation.apply(workspace.pk, tomorrow, provider="openai", by=ANA) == [] and not LedgerEntry.objects.exists()


def test_an_empty_file_is_compared_with_nothing() -> None:
    assert reconciliation.compare(a_workspace().pk, []) == []


def test_whole_utc_days_are_compared_from_the_files_first_to_its_last_and_of_this_workspace_alone() -> None:
    workspace, other = a_workspace(), a_workspace(name="Other")
    for where in (workspace, other):
        for number, (day, clock) in enumerate([(3, time.max), (4, time()), (5, time.max), (6, time())]):
            at = datetime.combine(DAY.replace(day=day), clock, UTC)
            item = ledger.Charge(f"{where.pk}{number}", 10**number, COMPUTED, category="orchestrator", model="gpt-5", at=at)  # type: ignore[arg-type]
            ledger.charge(project(where), item, actor="agent")
    with timezone.override("Pacific/Auckland"):
        lines = reconciliation.compare(workspace.pk, usages(DAY, "gpt-5", "0") + usages(DAY.replace(day=5), "gpt-5", "0"))
    assert [(line.day.day, line.ledger) for line in lines] == [(4, 10), (5, 100)]


def test_names_and_tokens_of_one_model_are_added_up_on_both_sides() -> None:
    workspace = a_workspace()
    names = ("claude-haiku-4-5-20251001", "claude-haiku-4-5", "")  # what names no model is in no provider's file
    for n, name in enumerate(names):
        at = datetime.combine(DAY, time(n), UTC)
        counts = {
            "input_tokens": 1,
            "output_tokens": 20,
            "cache_read_tokens": 300,
            "cache_write_tokens": 4000,
            "cache_write_1h_tokens": 3000,
        }
        item = ledger.Charge(f"k{n}", usd(1), COMPUTED, category="orchestrator", model=name, at=at, **counts)  # type: ignore[arg-type]
        ledger.charge(project(workspace), item, actor="agent")
    file = [
        usage_files.ReportedUsage(DAY, "Claude Haiku 4.5", Decimal("1.5"), 4000),
        usage_files.ReportedUsage(DAY, "claude-haiku-4-5", None, 4642),
        usage_files.ReportedUsage(DAY, "Haiku Claude 4.5", Decimal("0.75"), None),
    ]
    [line] = reconciliation.compare(workspace.pk, file)
    assert (line.ledger, line.provider, line.ledger_tokens, line.provider_tokens) == (usd(2), usd("2.25"), 8642, 8642)


def test_what_only_one_side_has_is_compared_with_nothing_of_the_other() -> None:
    workspace = a_workspace()
    booked_on(workspace, DAY, "claude-opus-4-5", "7")
    lines = reconciliation.compare(workspace.pk, [usage_files.ReportedUsage(DAY, "gpt-5", None, 12)])
    assert [reconciliation.as_dict(line) for line in lines] == [
        {"day": DAY, "model": "claude-opus-4-5", "provider_usd": None, "ledger_usd": 7, "provider_tokens": None,
         "ledger_tokens": 0, "difference_usd": None, "note": reconciliation.NOT_THERE},
        {"day": DAY, "model": "gpt-5", "provider_usd": None, "ledger_usd": 0, "provider_tokens": 12,
         "ledger_tokens": 0, "difference_usd": None, "note": reconciliation.NO_COST},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "theirs", "note"),
    [
        ("2", "2", ""),
        ("2.009999", "2", "rounding: not booked"),
        ("2.000001", "2", "rounding: not booked"),
        ("2", "2.009999", "rounding: not booked"),
        ("2.01", "2", ""),
    ],
)
def test_less_than_a_cent_is_rounding(ours: str, theirs: str, note: str) -> None:
    workspace = a_workspace()
    booked_on(workspace, DAY, "gpt-5", ours)
    [line] = reconciliation.compare(workspace.pk, usages(DAY, "gpt-5", theirs))
    assert (line.note, line.to_book) == (note, 0 if note else usd(theirs) - usd(ours))


def test_what_was_booked_is_on_record_and_at_the_end_of_its_day(django_capture_on_commit_callbacks: Any) -> None:
    workspace, received = a_workspace(), []
    file = usages(DAY, "gpt-5", "1") + usages(DAY, "claude-opus-4-5", "0.5")
    receiver = lambda **message: received.append(message["workspace_id"])  # noqa: E731
    caps.changed.connect(receiver, weak=False)
    with django_capture_on_commit_callbacks(execute=True):
        reconciliation.apply(workspace.pk, file, provider="openai", by=ANA)
        reconciliation.apply(workspace.pk, file, provider="openai", by=ANA)
    caps.changed.disconnect(receiver)
    rows = LedgerEntry.objects.order_by("model")
    assert [(row.model, row.amount, row.category, row.actor) for row in rows] == [
        ("claude-opus-4-5", usd("0.5"), "orchestrator", "ana"),
        ("gpt-5", usd(1), "orchestrator", "ana"),
    ]
    assert {row.at for row in rows} == {datetime(2026, 8, 4, 23, 59, 59, tzinfo=UTC)}
    [event] = Event.objects.filter(verb="spend.reconciled")
    assert (event.object_id, event.actor, event.workspace_id) == (workspace.pk, "ana", workspace.pk)
    assert event.data == {"provider": "openai", "lines": 2, "amount_usd": 1.5} and received == [workspace.pk]


def test_the_files_days_are_found_in_any_order_and_with_names_in_any_form() -> None:
    workspace = a_workspace()
    for day in (4, 5, 6):
        booked_on(workspace, DAY.replace(day=day), "gpt-5", "1")
    lines = reconciliation.compare(workspace.pk, usages(DAY.replace(day=6), "openai/GPT 5", "3") + usages(DAY, "gpt-5", "0"))
    assert [(line.day.day, line.model, line.provider, line.ledger, line.to_book) for line in lines] == [
        (4, "gpt-5", 0, usd(1), -usd(1)),
        (5, "gpt-5", None, usd(1), 0),
        (6, "openai/GPT 5", usd(3), usd(1), usd(2)),
    ]


def test_the_same_difference_can_come_again_after_other_charges() -> None:
    workspace = a_workspace()
    for n, provider in enumerate(("1", "0", "1", "0"), start=1):
        reconciliation.apply(workspace.pk, usages(DAY, "gpt-5", provider), provider="openai", by=ANA)
        assert LedgerEntry.objects.count() == n and project(workspace).total_spent == usd(provider)
    other = a_workspace(name="Other")
    assert len(reconciliation.apply(other.pk, usages(DAY, "gpt-5", "1"), provider="openai", by=ANA)) == 1


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("2000-01-01,m,1", "out of bounds"),
        ("2000-01-02,m,1", ""),
        ("2998-12-31,m,1", ""),
        ("2999-12-31,m,1", "out of bounds"),
        ("2026-08-04,m,1000000000000", "more on 2026-08-04 than can be booked"),
        ("2026-08-04,m,-1000000001", "more on 2026-08-04 than can be booked"),
        ("2026-08-04,m,1000000000", ""),
        ("2026-08-04,m,-1000000000", ""),
        ("2026-08-04,m,1000000000001", "out of bounds"),
        ("2026-08-04,m,-1000000000001", "out of bounds"),
        ('2026-08-04,m,"0,05"', "is not a number"),
        ("2026-08-04,m,$1.5", ""),
        ("2026-08-04,m,1e2", ""),
        ("2026-08-04,m,inf", "out of bounds"),
        ("123456789,m,1", "is not a date"),
        ("1785844800,m,1", ""),
    ],
)
def test_days_and_amounts_have_bounds(row: str, problem: str) -> None:
    text = f"d,m,c\n{row}\n"
    if not problem:
        assert len(read(text, "generic", date="d", model="m", cost="c")) == 1
        return
    with pytest.raises(Invalid, match=problem):
        read(text, "generic", date="d", model="m", cost="c")


@pytest.mark.parametrize(
    ("missing", "fits"), [("date", False), ("model", False), ("cost", True), ("input", True), ("output", True)]
)
def test_a_file_of_ones_own_needs_a_date_a_model_and_something_to_count(missing: str, fits: bool) -> None:
    columns = {name: name for name in ("date", "model", "cost", "input", "output") if name != missing}
    text = ",".join(columns) + "\n" + ",".join({"date": "2026-08-04", "model": "gpt-5"}.get(name, "3") for name in columns) + "\n"
    if fits:
        [(_, _, cost, tokens)] = read(text, "generic", **columns)
        assert (cost, tokens) == (None if missing == "cost" else 3, 3 if missing in ("input", "output") else 6)
    else:
        with pytest.raises(Invalid, match="Name the file's columns"):
            read(text, "generic", **columns)
    with pytest.raises(Invalid, match="Name the file's columns"):
        read("date,model\n", "generic", date="date", model="model")


def test_times_are_of_utc_days_and_lines_may_be_longer_than_their_header() -> None:
    assert read(f"d,m,c\n2026-08-04,{'x' * 201},1\n", "generic", date="d", model="m", cost="c")[0][1] == "x" * 200
    text = "d,m,c\n2026-08-04T23:30:00-02:00,gpt-5,1,more\n1785844800,gpt-5,2\n,,\n2026-08-06,gpt-5,\n"
    assert read(text, "generic", date="d", model="m", cost="c") == [
        ("2026-08-04", "gpt-5", Decimal(2), None),
        ("2026-08-05", "gpt-5", Decimal(1), None),
    ]
    with pytest.raises(Invalid, match="NUL"):
        read("d,m,c\x00\n", "generic", date="d", model="m", cost="c")
