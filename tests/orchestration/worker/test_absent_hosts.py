"""A session whose host goes away: what was booked is charged, and the rest waits for what the host has counted."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from budget import ledger
from budget.amounts import usd
from budget.ledger import corrections
from budget.models import Account, DaySpend, Hold, LedgerEntry, Project
from orchestration.executor import dispatch, explain, reconcile
from orchestration.maintenance import lost_hosts
from orchestration.models import Entry, Executor, Session, Worker
from orchestration.sessions import lifecycle, metering
from orchestration.sessions.absent_hosts import settling
from orchestration.sessions.folders import session_dir
from orchestration.worker import housekeeping, reaper
from orchestration.worker.agents.shared.interface import record_name
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry, ended, project, some_entries
from tests.orchestration.worker.absent import AWAY, a_lost_session, comes_back, in_an_hour, its_time_is_over, journal, money
from workspaces.machine import hosts
from workspaces.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(reaper, "SHIM_GRACE_S", 0.1)


def test_what_was_booked_is_charged_and_the_rest_stays_reserved() -> None:
    session = a_lost_session()
    assert money(session) == (usd("0.05"), usd("1.95"))
    reconcile.run()
    reaper.reap()
    assert money(session) == (usd("0.05"), usd("1.95"))
    hold = Hold.objects.get(pk=session.hold_id)
    assert (hold.state, hold.awaits_host) == ("awaiting", AWAY)


def test_its_host_comes_back_and_books_what_was_not_read() -> None:
    session = a_lost_session()
    journal(session, ("1", "0.05"), ("2", "0.40"), ended=True)
    comes_back(session)
    assert money(session) == (usd("0.45"), 0)
    comes_back(session)
    assert money(session) == (usd("0.45"), 0)
    event = Event.objects.get(verb="hold.counted")
    assert (event.workspace_id, event.object_id, event.actor) == (session.workspace_id, session.pk, "muster")
    assert (event.data["host"], event.data["requests"]) == (AWAY, 1), "the first was booked before"


def is_late(session: Session) -> None:
    its_time_is_over(session)
    assert settling.give_up_overdue() == 1


@pytest.mark.parametrize("end", [comes_back, is_late])
def test_money_that_came_free_is_shared_out_again(end: Callable[[Session], None]) -> None:
    session = a_lost_session()
    journal(session, ("1", "0.05"), ended=True)
    Project.objects.update(allocation_due=None)
    end(session)
    assert project(session.workspace).allocation_due is not None


def test_a_host_that_counts_far_more_than_was_reserved_is_asked_about() -> None:
    session = a_lost_session()
    journal(session, *((str(n), "0.5") for n in range(40)), ended=True)
    comes_back(session)
    session.refresh_from_db()
    assert (money(session), session.doubt) == ((usd("19.55"), 0), "open")


def test_the_request_that_died_with_its_process_is_charged_like_the_most_expensive_one() -> None:
    session = a_lost_session()
    journal(session, ("1", "0.05"), ("2", "0.40"))
    comes_back(session)
    assert money(session) == (usd("0.85"), 0)
    assert LedgerEntry.objects.get(event_key__endswith=":unknown").amount == usd("0.40")


def test_what_may_be_missing_is_as_dear_as_a_request_of_others_where_it_had_reported_none_itself() -> None:
    session = a_lost_session(spent="")
    other = a_session(an_entry(session.workspace))
    metering.record(other, metering.Usage("1", cost=usd("0.30")))
    ended(other)
    journal(session, ("1", "0.02"))
    comes_back(session)
    assert LedgerEntry.objects.get(event_key__endswith=":unknown").amount == usd("0.30")


def test_an_unpriced_session_whose_host_is_late_costs_its_whole_reservation_and_money_may_come_free() -> None:
    session = a_lost_session()
    Session.objects.filter(pk=session.pk).update(unpriced_model="nobody-knows-it")
    its_time_is_over(session)
    Project.objects.update(allocation_due=None)
    assert settling.give_up_overdue() == 1
    assert money(session) == (usd("2"), 0)
    row, event = LedgerEntry.objects.get(event_key=lifecycle.unknown_key(session)), Event.objects.get(verb="hold.estimated")
    assert row.reason.endswith("its whole reservation, since it reported nothing") and event.data["amount_usd"] == 1.95
    assert Project.objects.get(pk=session.workspace_id).allocation_due is not None


def test_a_model_without_a_price_costs_the_whole_reservation() -> None:
    session = a_lost_session()
    journal(session, ("1", "0.05"), ended=True)
    record = session_dir.for_session(session.pk).record_for("implement")
    with record.journal.open("a") as file:
        file.write('{"type": "usage", "id": "2", "model": "nobody-knows-it", "input_tokens": 5}\n')
    comes_back(session)
    assert money(session) == (usd("2"), 0)


def test_a_session_that_had_used_a_model_without_a_price_costs_its_whole_reservation() -> None:
    session = a_lost_session()
    Session.objects.filter(pk=session.pk).update(unpriced_model="nobody-knows-it")
    journal(session, ("1", "0.05"), ended=True)
    comes_back(session)
    assert money(session) == (usd("2"), 0)


def test_a_request_that_muster_prices_itself_is_as_dear_as_one_that_its_agent_prices() -> None:
    session = a_lost_session(spent="")
    record = session_dir.for_session(session.pk).record_for("implement")
    record.journal.parent.mkdir(parents=True, exist_ok=True)
    usage = {"type": "usage", "id": "1", "model": "claude-opus-4-1", "input_tokens": 10_000, "output_tokens": 0}
    record.journal.write_text(f"{json.dumps(usage)}\n")
    comes_back(session)
    row = LedgerEntry.objects.get(event_key__endswith=":1")
    assert row.amount > 0 and money(session) == (2 * row.amount, 0)


def test_only_a_host_that_is_forgotten_or_late_is_given_up() -> None:
    session, other = a_lost_session(), a_lost_session()
    Session.objects.filter(pk=other.pk).update(host_id="host_4")
    assert settling.give_up_overdue() == 0
    assert settling.give_up_host("host_3", by=ANA) == 1 and settling.give_up_host("host_3", by=ANA) == 0
    states = [Hold.objects.get(pk=each.hold_id).state for each in (session, other)]
    assert states == ["settled", "awaiting"]
    its_time_is_over(other)
    assert settling.give_up_overdue() == 1
    reasons = list(Event.objects.filter(verb="hold.estimated").order_by("id").values_list("actor", "reason"))
    assert reasons == [("ana", "ana gave up its host"), ("muster", "its host did not come back in time")]
    for each in (session, other):
        row = LedgerEntry.objects.get(event_key=lifecycle.unknown_key(each))
        assert row.reason.endswith("an estimate by what it spent before") and row.round == 1
        event = Event.objects.get(verb="hold.estimated", object_id=each.pk)
        assert (event.data["host"], event.data["amount_usd"]) == (AWAY, row.amount / 1_000_000)


@pytest.mark.parametrize("kind", ["codex", ""])
def test_its_own_agents_journal_is_read_whatever_the_workspace_has_now(kind: str) -> None:
    session = a_lost_session(spent="")
    Session.objects.filter(pk=session.pk).update(agent="claude_code")
    Executor.objects.filter(pk=session.workspace_id).update(config={"agent": {"kind": kind or "command", "command": ["true"]}})
    record = session_dir.for_session(session.pk).record_for("implement")
    record.journal.parent.mkdir(parents=True, exist_ok=True)
    result = {"type": "result", "subtype": "success", "total_cost_usd": 0.3, "usage": {"input_tokens": 5, "output_tokens": 5}}
    record.journal.write_text(f'{{"type": "system", "subtype": "init", "session_id": "t"}}\n{json.dumps(result)}\n')
    record.status.write_text('{"cause": "exited", "exit_code": 0}')
    comes_back(session)
    assert money(session) == (usd("0.3"), 0)


def test_after_an_hour_an_estimate_is_charged_by_what_it_had_spent() -> None:
    session = a_lost_session()
    started, last = datetime(2026, 11, 25, 12, 0, tzinfo=UTC), LedgerEntry.objects.get().at
    assert last > started
    Session.objects.filter(pk=session.pk).update(
        started_at=last - timedelta(seconds=50), lease_until=last + timedelta(seconds=30)
    )
    in_an_hour(session)
    assert money(session) == (usd("0.05") + usd("0.03") + usd("0.05"), 0)  # $0.001 a second, and one request
    in_an_hour(session)
    assert LedgerEntry.objects.count() == 2


def test_what_was_spent_within_seconds_is_no_rate() -> None:
    """One request right after the start would make the next half minute dear."""
    session = a_lost_session()
    last = LedgerEntry.objects.get().at
    times = {"started_at": last - timedelta(seconds=1), "lease_until": last + timedelta(seconds=30)}
    Session.objects.filter(pk=session.pk).update(**times)
    in_an_hour(session)
    assert money(session) == (3 * usd("0.05"), 0)  # over half a minute as much again, and one request


def test_without_any_report_in_the_workspace_the_whole_reservation_is_charged() -> None:
    session = a_lost_session(spent="")
    in_an_hour(session)
    assert money(session) == (usd("2"), 0)


def test_an_estimate_is_never_more_than_the_rest() -> None:
    session = a_lost_session("0.06", min_round_usd=0.01)
    in_an_hour(session)
    assert money(session) == (usd("0.06"), 0)


def test_a_later_journal_corrects_the_estimate_on_the_estimates_day() -> None:
    session, yesterday = a_lost_session(spent=""), now() - timedelta(days=1)
    account, key = session.entry.account, lifecycle.unknown_key(session)
    estimate = ledger.Charge(key, usd("2"), LedgerEntry.PriceSource.COMPUTED, at=yesterday)
    ledger.charge(account.project, estimate, account=account, reservation=session.hold, round_number=1, actor="muster")
    in_an_hour(session)
    journal(session, ("1", "0.20"), ("2", "0.25"), ended=True)
    comes_back(session)
    comes_back(session)
    assert money(session) == (usd("0.45"), 0)
    assert {(day.day, day.amount) for day in DaySpend.objects.all()} == {(yesterday.date(), usd("0.45"))}
    assert LedgerEntry.objects.get(corrects__event_key=key).amount == -usd("2")


def test_what_a_person_took_back_of_the_estimate_is_not_taken_back_again() -> None:
    session = a_lost_session(spent="")
    in_an_hour(session)
    corrections.correct(LedgerEntry.objects.get(), -usd("1.9"), by=ANA, reason="it did nothing", key="k")
    journal(session, ("1", "0.25"), ended=True)
    comes_back(session)
    assert money(session) == (usd("0.25"), 0)


def test_forgetting_its_host_charges_the_estimate_at_once() -> None:
    session = a_lost_session()
    lost_hosts.forget("host_3", by=ANA)
    spent, held = money(session)
    assert held == 0 and usd("0.05") < spent < usd("2")
    assert Event.objects.get(verb="hold.estimated").actor == "ana"


def test_its_entry_goes_on_elsewhere_at_once() -> None:
    session = a_lost_session("10", round_ceiling_usd=2)
    Worker.objects.all().delete()
    a_worker()
    dispatch.cycle(session.workspace_id)
    assert Session.objects.filter(entry=session.entry_id, status="claimed").count() == 1
    assert Account.objects.get(pk=session.entry_id).held == usd("1.95") + usd("2")


def test_an_entry_whose_money_is_reserved_there_waits_for_it_by_name_and_goes_on_by_itself() -> None:
    session = a_lost_session()
    a_worker()
    reconcile.run()
    entry = Entry.objects.get(pk=session.entry_id)
    assert (entry.status, entry.reason_code) == ("pending", "")
    why = explain.reasons(session.workspace_id, [entry.pk])[entry.pk].why
    assert why is not None and why.code == "money_reserved"
    assert why.message.startswith("Waiting for $1.95 of its budget, reserved for build-3, which is away: until it says")
    journal(session, ("1", "0.05"), ended=True)
    comes_back(session)
    reconcile.run()
    assert Session.objects.filter(entry=entry, status="claimed").count() == 1


def test_without_a_budget_of_its_own_it_waits_for_what_is_reserved_under_the_cap() -> None:
    shop = a_workspace(cap="2", budget="2", round_ceiling_usd=2)
    session = a_lost_session(entry=some_entries(shop, "Sum")[0])
    a_worker()
    reconcile.run()
    entry = Entry.objects.get(pk=session.entry_id)
    why = explain.reasons(shop.pk, [entry.pk])[entry.pk].why
    assert why is not None and (entry.status, why.code) == ("pending", "money_reserved")
    assert why.message.startswith("Waiting for $1.95 reserved for build-3, which is away")


def test_what_waits_for_a_host_does_not_stand_in_the_way_of_others() -> None:
    shop = a_workspace(max_workers=1)
    lost = a_lost_session(entry=an_entry(shop, budget="2", priority=0))
    copies = Entry.objects.get(pk=lost.entry_id)
    for number in range(12):
        other = an_entry(shop, budget="2", priority=0, content=f"Waits {number}")
        Hold.objects.create(
            project_id=shop.pk,
            account_id=other.account_id,
            session_ref=f"sess_{number}",
            amount=0,
            state="awaiting",
            awaits_host=AWAY,
            awaits_until=now() + timedelta(hours=1),
        )
        Account.objects.filter(pk=other.account_id).update(budget=0)
    last = an_entry(shop, priority=4, content="Starts")
    a_worker(slots=1)
    dispatch.cycle(shop.pk)
    assert copies.status == "pending"
    assert list(Session.objects.filter(status="claimed").values_list("entry", flat=True)) == [last.pk]


def test_its_files_are_kept_until_they_were_read(settings: Any) -> None:
    session = a_lost_session()
    settings.KEEP_DAYS = -1
    housekeeping.remove_old_folders()
    assert session_dir.for_session(session.pk).folder.exists()
    journal(session, ("1", "0.05"), ended=True)
    comes_back(session)
    housekeeping.remove_old_folders()
    assert not session_dir.for_session(session.pk).folder.exists()


def test_a_host_whose_files_are_gone_settles_nothing() -> None:
    session = a_lost_session(spent="")
    comes_back(session)
    assert money(session) == (0, usd("2"))


def test_a_parallel_container_settles_its_own_sessions() -> None:
    session = a_lost_session()
    Session.objects.filter(pk=session.pk).update(host_id=hosts.host_id())
    neighbour = a_worker()
    Worker.objects.filter(pk=neighbour.pk).update(host=AWAY, host_id=hosts.host_id())
    assert reaper.ended_elsewhere() == []
    Worker.objects.filter(pk=neighbour.pk).update(seen_at=now() - timedelta(hours=1))
    assert reaper.ended_elsewhere() == [session]


def test_nothing_of_it_counts_when_it_breaks_off_half_way(monkeypatch: pytest.MonkeyPatch) -> None:
    session = a_lost_session()
    journal(session, ("1", "0.05"), ("2", "0.40"), ended=True)
    with monkeypatch.context() as patch:
        patch.setattr(settling.caps, "announce", _break)
        comes_back(session)
    assert money(session) == (usd("0.05"), usd("1.95"))
    comes_back(session)
    assert money(session) == (usd("0.45"), 0)


def _break(*_: Any) -> None:
    raise RuntimeError("killed here")


@pytest.mark.parametrize(("ended", "more"), [((True, False), "0.05"), ((False, True), "0.05"), ((True, True), "0")])
def test_a_count_is_whole_only_if_every_process_was_seen_to_end(ended: tuple[bool, bool], more: str) -> None:
    """Else a request of one of them may be missing: it is charged like the most expensive one."""
    session = a_lost_session()
    journal(session, ("1", "0.05"), ended=ended[0])
    journal(session, ("2", "0.02"), ended=ended[1], kind=record_name("implement", 2))
    comes_back(session)
    assert money(session) == (usd("0.07") + usd(more), 0)
