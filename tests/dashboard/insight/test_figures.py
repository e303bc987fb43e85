"""The figures of insight, to the micro-dollar, from rounds as sessions leave them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from budget import ledger
from budget.amounts import usd
from budget.models import Category, LedgerEntry
from dashboard.insight import reading
from dashboard.insight.figures import BY_NAME, Figures, Row, Waits, ordered
from dashboard.shared.lists import span
from orchestration.models import Entry, Round, Session
from orchestration.sessions import metering
from orchestration.sessions.metering import Usage
from tests.factories import CLOSED, a_session, an_entry, ended, project
from workspaces.models import Workspace
from workspaces.values import ids

CHARGE = {"input_tokens": 100, "cache_read_tokens": 300, "cache_write_tokens": 0}

FAILED = {
    "status": "failed",
    "reason_code": "rounds_exhausted",
    "done_way": "",
    "done_by": "",
    "done_commit": "",
    "done_round": None,
}


def worked(
    shop: Workspace, model: str, cost: str, outcome: str = "failed", *, entry: Entry | None = None, hours: float = 1
) -> Session:
    """A round that ended some hours ago, of an entry that waited for an hour."""
    entry = entry or an_entry(shop, budget="20")
    session = a_session(entry)
    charge = ledger.Charge(ids.session(), usd(cost), LedgerEntry.PriceSource.REPORTED, model=model, **CHARGE)
    number = session.round_number
    ledger.charge(
        project(shop),
        charge,
        account=entry.account,
        reservation=session.hold,
        session_ref=session.pk,
        round_number=number,
        actor="agent",
    )
    if outcome == "at work":
        Session.objects.filter(pk=session.pk).update(model=model)
        return session
    session = ended(session, outcome=outcome)
    at = now() - timedelta(hours=hours)
    Session.objects.filter(pk=session.pk).update(model=model, agent="codex", ended_at=at, claimed_at=at)
    Entry.objects.filter(pk=entry.pk).update(created_at=at - timedelta(hours=1))
    return session


def rows(shop: Workspace, by: str = "model", name: str = "24h") -> tuple[dict[object, Row], Row]:
    listed, every = reading.rows(shop.pk, span.read({"range": name}, now()), by, UTC)
    return {row.key: row for row in listed}, every


def test_what_did_not_pass_is_wasted_and_what_landed_has_its_price(shop: Workspace) -> None:
    lost = worked(shop, "large", "2", "failed")
    passed = worked(shop, "large", "1", "passed")
    worked(shop, "small", "0.5", "passed")
    Entry.objects.filter(pk=passed.entry_id).update(**CLOSED)
    by_model, every = rows(shop)
    large = by_model["large"]
    assert large.now == Figures(2, 1, 2, 1, usd("3"), usd("2"), 800, 600, passed=1, gained=1000)
    assert BY_NAME["each"].value(large) == usd("3") and BY_NAME["cache"].value(large) == 0.75
    assert every.now.cost == usd("3.5") and every.now.wasted == usd("2") and lost.entry_id
    assert large.waits == Waits(timedelta(hours=1), timedelta(hours=1)) == every.waits


def test_all_of_an_entry_that_failed_or_was_removed_is_wasted(shop: Workspace) -> None:
    failed, removed = worked(shop, "m", "1", "passed"), worked(shop, "m", "2", "passed")
    Entry.objects.filter(pk=failed.entry_id).update(**FAILED)
    Entry.objects.filter(pk=removed.entry_id).update(deleted_at=now())
    assert rows(shop)[1].now.wasted == usd("3")


@pytest.mark.parametrize("outcome", ["asked", "stopped"])
def test_a_round_that_ended_with_a_question_or_by_a_person_is_not_wasted(shop: Workspace, outcome: str) -> None:
    session = worked(shop, "m", "1")
    Session.objects.filter(pk=session.pk).update(outcome=outcome)
    session.rounds.update(verdict="unverified")
    assert rows(shop)[1].now.wasted == 0


def test_the_money_of_what_is_at_work_counts_for_its_model_and_nothing_else_of_it(shop: Workspace) -> None:
    worked(shop, "m", "2", "at work")
    by_model, every = rows(shop)
    assert by_model["m"].now.cost == usd("2") and (every.now.rounds, every.now.wasted, every.now.first) == (0, 0, 0)
    assert rows(shop, name="all")[1].now.cost == usd("2") == rows(shop, "day")[1].now.cost


def test_named_agents_of_one_kind_have_a_row_each(shop: Workspace) -> None:
    for name in ("cheap", "clever", ""):
        Session.objects.filter(pk=worked(shop, "m", "1").pk).update(agent_name=name)
    assert set(rows(shop, "agent")[0]) == {"cheap", "clever", "codex"}


def test_the_period_before_is_of_equal_length_and_all_has_none(shop: Workspace) -> None:
    worked(shop, "m", "1", hours=2)
    worked(shop, "m", "3", hours=30)
    worked(shop, "m", "5", hours=50)
    row = rows(shop)[0]["m"]
    assert (row.now.cost, row.before and row.before.cost) == (usd("1"), usd("3"))
    assert BY_NAME["spent"].difference(row) == "▼ −$2.00"
    all_time = rows(shop, name="all")[0]["m"]
    assert all_time.now.cost == usd("9") and BY_NAME["spent"].difference(all_time) == ""


@pytest.mark.parametrize(("by", "keys"), [("agent", {"codex"}), ("group", {"", "Tax"}), ("person", {"ana"})])
def test_rounds_are_grouped_by_what_is_asked(shop: Workspace, by: str, keys: set[str]) -> None:
    worked(shop, "m", "1")
    session = worked(shop, "m", "1")
    Entry.objects.filter(pk=session.entry_id).update(group="Tax")
    Entry.objects.exclude(pk=session.entry_id).update(parallel_group="docs", requires=["gpu"])
    assert set(rows(shop, by)[0]) == keys


def test_the_queue_has_the_nearest_ranks_of_first_sessions_only(shop: Workspace) -> None:
    for hours in range(1, 21):
        session = worked(shop, "m", "0.01", "passed")
        Entry.objects.filter(pk=session.entry_id).update(created_at=session_claim(session) - timedelta(hours=hours))
    Session.objects.filter(pk=session.pk).update(attempt=2)
    assert rows(shop)[0]["m"].waits == Waits(timedelta(hours=10), timedelta(hours=19))


def session_claim(session: Session) -> datetime:
    return Session.objects.get(pk=session.pk).claimed_at


def test_a_difference_is_in_words_and_nothing_where_nothing_is_known() -> None:
    row = Row("m", Figures(rounds=4, landed=2, cost=usd("2")), Figures(rounds=1, cost=usd("2")))
    assert (BY_NAME["rounds"].difference(row), BY_NAME["spent"].difference(row)) == ("▲ +3", "=")
    assert BY_NAME["each"].difference(row) == "" == BY_NAME["p50"].difference(row)


def test_rows_without_a_value_come_last_in_both_orders() -> None:
    some = [Row("a", Figures(landed=1, cost=5)), Row("b", Figures()), Row("c", Figures(landed=1, cost=9))]
    assert [row.key for row in ordered(some, "each")] == ["a", "c", "b"]
    assert [row.key for row in ordered(some, "-each")] == ["c", "a", "b"] and ordered(some, "-name")[0].key == "c"


def test_money_and_tokens_count_for_each_model_and_the_round_for_the_one_with_most_of_it(shop: Workspace) -> None:
    entry = an_entry(shop, budget="20")
    session = a_session(entry)
    Session.objects.filter(pk=session.pk).update(model="opus")  # an alias, as the config has it
    for model, cost in (("claude-opus-4-5", "0.30"), ("claude-haiku-4-5", "0.20"), ("claude-opus-4-5", "0.10")):
        usage = Usage(ids.session(), usd(cost), model=model, input_tokens=10)
        assert metering.record(session, usage)
    assert metering.record(session, Usage("review", usd("2"), model="gpt-5"), Category.INTERCEPTOR, role="intercept")
    ended(session)
    by_model, every = rows(shop)
    large, small = by_model["claude-opus-4-5"].now, by_model["claude-haiku-4-5"].now
    assert set(by_model) == {"claude-opus-4-5", "claude-haiku-4-5"} and every.now.cost == usd("0.60")
    assert (large.cost, large.wasted, large.input_tokens, large.rounds, large.first) == (usd("0.40"), usd("0.40"), 20, 1, 1)
    assert (small.cost, small.wasted, small.input_tokens, small.rounds, small.first) == (usd("0.20"), usd("0.20"), 10, 0, 0)


def test_a_request_without_a_model_counts_for_the_one_of_its_session(shop: Workspace) -> None:
    session = a_session(an_entry(shop, budget="20"))
    for model, cost in (("gpt-5", "0.30"), ("", "0.05")):
        assert metering.record(session, Usage(ids.session(), usd(cost), model=model))
    ended(session)
    assert {key: row.now.cost for key, row in rows(shop)[0].items()} == {"gpt-5": usd("0.35")}


def test_a_correction_takes_back_from_the_model_of_its_row(shop: Workspace) -> None:
    session = a_session(an_entry(shop, budget="20"))
    for model in ("gpt-5", "gpt-5-mini"):
        assert metering.record(session, Usage(ids.session(), usd("0.30"), model=model))
    row = LedgerEntry.objects.get(session_ref=session.pk, model="gpt-5-mini")
    assert ledger.adjust(row, -usd("0.10"), reason="billed twice", actor="ana", key="k")
    ended(session)
    assert {key: row.now.cost for key, row in rows(shop)[0].items()} == {"gpt-5": usd("0.30"), "gpt-5-mini": usd("0.20")}


def test_a_session_that_booked_nothing_keeps_its_configured_model(shop: Workspace) -> None:
    session = a_session(an_entry(shop))
    Session.objects.filter(pk=session.pk).update(model="opus")
    ended(session)
    assert set(rows(shop)[0]) == {"opus"}


def test_an_entry_that_passed_twice_landed_once(shop: Workspace) -> None:
    entry = an_entry(shop, budget="20")
    worked(shop, "m", "1", "passed", entry=entry)
    Entry.objects.filter(pk=entry.pk).update(status="pending", done_way="", done_by="")
    worked(shop, "m", "1", "passed", entry=entry)
    Entry.objects.filter(pk=entry.pk).update(**CLOSED)
    assert rows(shop)[1].now.landed == 1


def test_a_first_round_without_a_verdict_is_no_first_round_that_failed(shop: Workspace) -> None:
    worked(shop, "m", "1", "passed")
    unjudged = worked(shop, "m", "1")
    unjudged.rounds.update(verdict="unverified")
    figures = rows(shop)[1].now
    assert (figures.first, figures.first_passed) == (1, 1)


def test_a_second_round_is_no_first_one(shop: Workspace) -> None:
    entry = an_entry(shop, budget="20")
    worked(shop, "m", "1", entry=entry)
    worked(shop, "m", "1", "passed", entry=entry)
    figures = rows(shop)[1].now
    assert (figures.rounds, figures.first, figures.first_passed) == (2, 1, 0)
    assert (figures.cost, figures.wasted, figures.input_tokens, figures.cached_tokens) == (usd("2"), usd("1"), 800, 600)


@pytest.mark.parametrize("by", ["model", "agent"])
def test_two_queries_read_no_account_and_call_no_python_for_each_row(shop: Workspace, by: str) -> None:
    worked(shop, "m", "1")
    with CaptureQueriesContext(connection) as queries:
        rows(shop, by)
    assert len(queries) == 2
    assert not any("budget_account" in query["sql"] or "django_" in query["sql"] for query in queries.captured_queries)


def test_a_round_that_was_ended_early_is_a_false_alarm_once_its_work_passes_as_it_was(shop: Workspace) -> None:
    at_once, later, never = (worked(shop, "m", "1", verdict) for verdict in ("passed", "doomed", "doomed"))
    Round.objects.filter(session__in=[at_once, later, never]).update(ended_early="ended early: no progress", commit="c1")
    assert (rows(shop)[1].now.ended_early, rows(shop)[1].now.false_alarms) == (3, 1)
    for session, commit in ((later, "c1"), (never, "c2")):
        Round.objects.create(entry=session.entry, session=session, number=9, verdict="passed", commit=commit)
    assert (rows(shop)[1].now.ended_early, rows(shop)[1].now.false_alarms) == (3, 2)
    by_model, _ = rows(shop)
    assert (by_model["m"].now.ended_early, by_model["m"].now.false_alarms) == (3, 2)
