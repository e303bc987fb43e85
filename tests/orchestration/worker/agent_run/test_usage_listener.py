"""An agent's events change its session: usage is booked, failures and waits are noted, and money stops it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from budget.amounts import usd
from budget.ledger import prices, requests
from budget.models import Category, GatewayAccess, LedgerEntry
from orchestration.models import ProviderBreaker, Session
from orchestration.sessions.metering import Usage
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker.agent_run import meters, usage_listener
from orchestration.worker.agent_run.usage_listener import UsageListener
from orchestration.worker.agents.shared.events import Discrepancy, Failure, Finished, Started, Text, Waiting
from orchestration.worker.agents.shared.interface import Thread
from tests.dashboard.seeds import gateway
from tests.factories import a_session, a_workspace, an_entry
from tests.orchestration.worker.agents.recorded import a_task
from workspaces.secrets.masking import Mask

pytestmark = pytest.mark.django_db


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Scripted:
    """A reader whose lines are events already."""

    def __init__(self) -> None:
        self.polled: list[Any] = []
        self.last: list[Any] = []
        self.thread: Thread | None = None

    def read(self, line: Any, *, is_error: bool = False) -> list[Any]:
        return [line]

    def read_record(self, name: str, attributes: Any) -> list[Any]:
        return [attributes["event"]]

    def poll(self) -> list[Any]:
        polled, self.polled = self.polled, []
        return polled

    def end(self, exit_code: int | None) -> list[Any]:
        return self.last


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (usage_listener, meters):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def session() -> Session:
    session = a_session(an_entry(a_workspace(), budget="5"))
    assert session.hold is not None and session.hold.amount == usd("5")
    return session


@pytest.fixture
def listener(session: Session, tmp_path: Path, clock: Clock) -> UsageListener:
    return make(session, tmp_path)


def make(session: Session, tmp_path: Path, *, role: Any = "implement", limit: int = 0) -> UsageListener:
    task = replace(a_task(tmp_path, provider_patience_s=60), role=role, limit=limit)
    category = Category.ENTRY if role == "implement" else Category.INTERCEPTOR
    mask = Mask({"API_KEY": "sk-very-secret"})
    return UsageListener(session, StopFlags(session.pk, session.attempt), Scripted(), task, category, mask)


def reads(listener: UsageListener, event: Any) -> None:
    listener.read_line(event, "stdout")


def spent(listener: UsageListener, id_: str, amount: str, **more: Any) -> None:
    reads(listener, Usage(id_, usd(amount), "gpt-5", **more))


def fresh(session: Session) -> Session:
    return Session.objects.select_related("hold").get(pk=session.pk)


def test_usage_is_booked_once_from_lines_records_and_files(session: Session, listener: UsageListener) -> None:
    reader: Any = listener._reader
    ProviderBreaker.objects.create(workspace=session.workspace, credential="command default", family="usual", count=2)
    spent(listener, "a", "0.10")
    spent(listener, "a", "0.10")
    listener.queue_record("request", {"event": Usage("b", usd("0.20"), "gpt-5")})
    reader.polled = [Usage("c", usd("0.30"), "gpt-5")]
    assert LedgerEntry.objects.count() == 1
    listener.tick()
    reader.last = [Usage("d", usd("0.40"), "gpt-5")]
    listener.queue_record("request", {"event": Usage("e", usd("0.50"), "gpt-5")})
    listener.end(0)
    assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == usd("1.50")
    assert set(LedgerEntry.objects.values_list("category", flat=True)) == {"entry"}
    assert not ProviderBreaker.objects.exists(), "its provider responds"
    assert listener.stop_flags.money_left == usd("3.50") and listener.reason == ""


def test_usage_waits_while_the_database_is_away(
    session: Session, listener: UsageListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = usage_listener.supervise.try_database
    monkeypatch.setattr(usage_listener.supervise, "try_database", lambda _: False)
    spent(listener, "a", "0.10")
    spent(listener, "b", "0.20")
    assert not listener.meter.book() and not LedgerEntry.objects.exists()
    monkeypatch.setattr(usage_listener.supervise, "try_database", there)
    listener.tick()
    assert listener.meter.book() and LedgerEntry.objects.count() == 2


def test_what_is_used_up_stops_it_soon_after_and_what_is_overdrawn_at_once(listener: UsageListener, clock: Clock) -> None:
    spent(listener, "a", "4.99")
    assert listener.reason == ""
    spent(listener, "b", "0.01")
    listener.tick()
    assert listener.reason == ""
    clock.now += 0.4
    listener.tick()
    assert listener.reason == ""
    clock.now += 0.2
    listener.tick()
    assert listener.reason == "out_of_money"


def test_an_overdraft_stops_it_at_once(listener: UsageListener) -> None:
    spent(listener, "a", "5.01")
    assert listener.reason == "out_of_money"


def test_an_agent_that_has_finished_may_leave_but_not_go_on(listener: UsageListener, clock: Clock) -> None:
    reads(listener, Finished(True, "Done with sk-very-secret"))
    assert listener.finished == Finished(True, "Done with [secret API_KEY]")
    spent(listener, "a", "5.50")
    assert listener.reason == ""
    clock.now += 4.9
    listener.tick()
    assert listener.reason == ""
    clock.now += 0.2
    listener.tick()
    assert listener.reason == "out_of_money"


def test_one_that_finished_exactly_at_its_limit_is_not_stopped(listener: UsageListener, clock: Clock) -> None:
    spent(listener, "a", "5")
    reads(listener, Finished(False, ""))
    clock.now += 60
    listener.tick()
    assert listener.reason == ""


@pytest.mark.parametrize(("amount", "reason"), [("0.29", ""), ("0.31", "out_of_money")])
def test_another_role_has_a_limit_of_its_own(session: Session, tmp_path: Path, clock: Clock, amount: str, reason: str) -> None:
    listener = make(session, tmp_path, role="review", limit=usd("0.30"))
    spent(listener, "a", amount)
    assert listener.reason == reason and LedgerEntry.objects.get().category == "interceptor"
    unlimited = make(session, tmp_path, limit=usd("0.30"))
    spent(unlimited, "b", amount)
    assert unlimited.reason == ""


@pytest.mark.parametrize(
    ("code", "reason"), [("auth", "failed"), ("quota", "failed"), ("context_full", "failed"), ("overloaded", ""), ("crashed", "")]
)
def test_only_what_no_retry_can_fix_ends_the_process(listener: UsageListener, code: str, reason: str) -> None:
    reads(listener, Failure(code, "key sk-very-secret"))
    reads(listener, Failure("bad_request", "second"))
    assert listener.failure == Failure(code, "key [secret API_KEY]") and listener.reason == reason


def test_a_wait_is_shown_until_the_agent_goes_on(session: Session, listener: UsageListener, clock: Clock) -> None:
    reads(listener, Waiting("m" * 400 + " sk-very-secret", 1_800_000_000.0))
    assert fresh(session).waiting_for == "m" * 300 and fresh(session).waiting_until is not None
    reads(listener, Text("Uses sk-very-secret"))
    assert (fresh(session).waiting_for, fresh(session).waiting_until) == ("", None)
    assert fresh(session).progress == "Uses [secret API_KEY]"
    reads(listener, Waiting("again"))
    spent(listener, "a", "0.10")
    assert fresh(session).waiting_for == ""
    listener.end(0)
    assert listener.last_wait is None


@pytest.mark.parametrize(("seconds", "reason"), [(59, ""), (61, "failed")])
def test_a_provider_is_waited_for_a_while(listener: UsageListener, clock: Clock, seconds: int, reason: str) -> None:
    reads(listener, Waiting("busy", None, "overloaded"))
    clock.now += seconds - 30
    reads(listener, Waiting("still busy", 5.0, "rate_limited"))
    clock.now += 30
    listener.tick()
    assert listener.reason == reason
    assert listener.failure == (Failure("rate_limited", "still busy", 5.0) if reason else None)
    listener.end(None)
    assert listener.last_wait == Waiting("still busy", 5.0, "rate_limited")


def test_a_model_is_noted_where_none_is_known_and_a_difference_as_a_note(session: Session, listener: UsageListener) -> None:
    reads(listener, Started("t", "m" * 300))
    assert fresh(session).model == "m" * 200
    reads(listener, Started("t", ""))
    reads(listener, Discrepancy("sk-very-secret differs"))
    assert (fresh(session).model, fresh(session).cost_note) == ("m" * 200, "[secret API_KEY] differs")


def test_a_limit_of_its_own_ends_it_as_out_of_money(listener: UsageListener) -> None:
    reads(listener, Finished(False, "", out_of_money=True))
    reads(listener, Failure("auth", "later"))
    assert listener.reason == "out_of_money"


REPORTS = {
    "as the gateway counted": ("0.50", "0.50", ""),
    "rounded": ("0.504", "0.50", ""),
    "less": ("0.42", "0.51", "Claude Code reports $0.42, the gateway counted $0.51: that is booked"),
    "more": ("0.0213", "0.0113", "Claude Code reports $0.0213, the gateway counted $0.0113: that is booked"),
}


def behind_the_gateway(session: Session, tmp_path: Path, kind: str = "claude_code") -> tuple[UsageListener, GatewayAccess]:
    access = gateway.an_access(session)
    task = replace(a_task(tmp_path, kind=kind), role="implement")
    flags = StopFlags(session.pk, session.attempt)
    return UsageListener(session, flags, Scripted(), task, Category.ENTRY, access=access.pk), access


def ends(listener: UsageListener, access: GatewayAccess, counted: str, **more: Any) -> None:
    """Its one request is settled, then its process ends."""
    values = gateway.counted(counted, **more)
    requests.settle(
        requests.send(access, gateway.bounded("1"), gateway=gateway.GATEWAY), replace(values, price_version=prices.VERSION)
    )
    reads(listener, Finished(True))
    listener.end(0)
    listener.compare_reports(0)


@pytest.mark.parametrize("case", REPORTS)
def test_a_report_that_differs_from_the_gateways_count_is_noted(case: str, session: Session, tmp_path: Path) -> None:
    reported, counted, note = REPORTS[case]
    listener, access = behind_the_gateway(session, tmp_path)
    spent(listener, "a", reported)
    reads(listener, Discrepancy("At least this: the report lacks a request"))
    ends(listener, access, counted)
    assert fresh(session).cost_note == note


def test_a_report_is_compared_only_where_both_counts_are_whole(session: Session, tmp_path: Path) -> None:
    for kind, reported, more in (
        ("claude_code", {}, {"unknown": "its answer was cut off"}),
        ("claude_code", {"cost": None}, {}),
        ("opencode", {}, {}),
    ):
        listener, access = behind_the_gateway(session, tmp_path, kind)
        usage = Usage("a", usd("0.1"), "gpt-5")
        reads(listener, replace(usage, **reported, model="unheard-of") if reported else usage)
        ends(listener, access, "0.5", **more)
        assert fresh(session).cost_note == "", kind
    listener, access = behind_the_gateway(session, tmp_path)
    spent(listener, "a", "0.1")
    listener.stop("stopped")
    ends(listener, access, "0.5")
    assert fresh(session).cost_note == "", "it was stopped"
