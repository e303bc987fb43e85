"""A running agent's reservation grows in time, and not too often; its conversation and its questions are looked after."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from budget import ledger
from budget.amounts import usd
from budget.models import Category, Hold, LedgerEntry
from orchestration.models import Session
from orchestration.sessions import conversations, metering, preemption, reservations, supervise
from orchestration.sessions.metering import Usage
from orchestration.sessions.reservations import Growth
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker.agent_run.usage_listener import UsageListener
from orchestration.worker.agents.shared.events import Finished, Started
from orchestration.worker.agents.shared.interface import Thread
from tests.factories import a_session, a_workspace, an_entry
from tests.orchestration.worker.agent_run.test_usage_listener import Clock, Scripted, clock, reads, spent
from tests.orchestration.worker.agents.recorded import a_task

__all__ = ["clock"]
pytestmark = pytest.mark.django_db
STEPS = Growth(ceiling=usd(5), step=usd(1))
SHORT = Growth(ceiling=usd(5), step=usd(1), is_short=True)


@pytest.fixture
def session() -> Session:
    """It has reserved $1."""
    return a_session(an_entry(a_workspace(hold_slice_usd=1, agent={"kind": "codex"}), budget="9"))


Make = Callable[..., UsageListener]


@pytest.fixture
def make(session: Session, tmp_path: Path, clock: Clock) -> Make:
    def listener(*, growth: Growth | None = None, mailbox: Any = None, **task: Any) -> UsageListener:
        of = replace(a_task(tmp_path, kind="codex"), **task)
        flags = StopFlags(session.pk, session.attempt)
        return UsageListener(session, flags, Scripted(), of, Category.ENTRY, growth=growth, mailbox=mailbox)

    return listener


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """The calls for more money, of which there is none, and for room, which another session makes at the second call alone."""
    calls: dict[str, list[Any]] = {"extend": [], "room": []}
    monkeypatch.setattr(reservations, "extend", lambda _, by: calls["extend"].append(by) or 0)
    monkeypatch.setattr(preemption, "make_room", lambda _: calls["room"].append(1) or len(calls["room"]) == 2)
    return calls


def test_a_refused_growth_is_asked_for_at_growing_intervals_up_to_half_a_minute(
    make: Make, asked: dict[str, list[Any]], clock: Clock
) -> None:
    listener, times = make(growth=STEPS), []
    spent(listener, "a", "0.6")
    for _ in range(1500):
        clock.now += 0.1
        before = len(asked["extend"])
        listener.tick()
        times += [clock.now] if len(asked["extend"]) > before else []
    pauses = [round(later - earlier) for earlier, later in pairwise(times)]
    assert round(times[0] - 1000) == 2 and pauses == [4, 8, 16, 30, 30, 30]
    assert asked["room"] == [], "it is not urgent"


def test_one_whose_money_is_used_up_asks_soon_and_waits_for_the_room_that_others_make(
    make: Make, asked: dict[str, list[Any]], clock: Clock
) -> None:
    listener = make(growth=STEPS)
    spent(listener, "a", "0.8")
    assert asked == {"extend": [usd(1)], "room": [1]}
    clock.now += 3
    listener.tick()
    assert asked["room"] == [1, 1], "now one gives way"
    spent(listener, "b", "0.2")
    for seconds in (0.3, 0.3, 4.0):
        clock.now += seconds
        listener.tick()
        assert listener.reason == ""
    clock.now += 0.6
    listener.tick()
    assert listener.reason == "out_of_money" and len(asked["extend"]) == 6


@pytest.mark.parametrize("growth", [replace(SHORT, is_fixed=True), replace(STEPS, step=usd("0.1"))])
def test_none_gives_way_for_a_process_that_keeps_its_limit_or_has_enough(
    make: Make, asked: dict[str, list[Any]], clock: Clock, growth: Growth
) -> None:
    listener = make(growth=growth)
    spent(listener, "a", "0.96")
    clock.now += 5
    listener.tick()
    assert len(asked["extend"]) == 2 and asked["room"] == []


def test_none_gives_way_for_one_that_may_just_have_finished(make: Make, asked: dict[str, list[Any]], clock: Clock) -> None:
    listener = make(growth=SHORT)
    spent(listener, "a", "1")
    assert len(asked["extend"]) == 1 and asked["room"] == []
    clock.now += 0.4
    listener.tick()
    assert asked["room"] == []
    clock.now += 0.2
    listener.tick()
    assert asked["room"] == [1]


def test_a_cost_without_a_price_reserves_what_is_left_up_to_the_ceiling(make: Make, asked: dict[str, list[Any]]) -> None:
    listener = make(growth=STEPS)
    reads(listener, Usage("1", None, "no-such-model-9", 10, 10))
    assert asked["extend"] == [usd(4)]


def test_nothing_is_asked_for_past_the_ceiling_or_with_plenty_left(make: Make, asked: dict[str, list[Any]]) -> None:
    for growth, amount in ((STEPS, "0.3"), (replace(STEPS, ceiling=usd(1)), "0.3"), (None, "0.1")):
        spent(make(growth=growth), f"{amount} {growth}", amount)
    assert asked == {"extend": [], "room": []}


def test_a_grown_reservation_is_read_at_once(make: Make, session: Session) -> None:
    listener = make(growth=STEPS)
    spent(listener, "a", "0.6")
    assert Hold.objects.get(session_ref=session.pk).amount == usd(2) and listener.stop_flags.money_left == usd("1.4")
    assert session.hold_id is not None
    ledger.extend(session.hold_id, usd(1))
    spent(listener, "b", "0.1")
    assert listener.stop_flags.money_left == usd("2.3")


@pytest.mark.parametrize("role", ["review", "verify", "plan"])
def test_the_limit_of_a_role_counts_what_muster_prices_itself(make: Make, session: Session, role: Any) -> None:
    """A request that is read again does not count again."""
    cost = metering.price(Usage("1", None, "gpt-5", 1000, 100))
    assert cost
    for name, limit, reason in (("1", cost + 1, ""), ("2", cost - 1, "out_of_money")):
        listener = make(role=role, limit=limit)
        for _ in range(2):
            reads(listener, Usage(name, None, "gpt-5", 1000, 100))
        assert listener.reason == reason


def test_each_turn_has_requests_of_its_own(make: Make) -> None:
    for turn in (1, 2, 2):
        spent(make(turn=turn), "1", "0.1")
    assert LedgerEntry.objects.count() == 2


def test_one_that_has_failed_gets_no_time_to_leave(make: Make) -> None:
    listener = make()
    reads(listener, Finished(False, "No"))
    spent(listener, "a", "1.1")
    assert listener.reason == "out_of_money"


def test_a_session_that_knows_its_model_keeps_it(make: Make, session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(model="first")
    session.refresh_from_db()
    reads(make(), Started("t", "second"))
    assert Session.objects.get(pk=session.pk).model == "first"


def kept(session: Session, role: str = "implement") -> Any:
    return conversations.find(session.owner_id, role, "codex")


def test_a_conversation_is_kept_as_it_begins_and_as_it_ends(
    make: Make, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = make()
    reader: Any = listener._reader
    writes: list[Any] = []
    keep, there = conversations.keep, supervise.try_database
    monkeypatch.setattr(conversations, "keep", lambda *values: writes.append(values) or keep(*values))
    reads(listener, Started("t"))
    assert kept(session) is None and writes == []
    reader.thread = Thread("t", {"input": 1})
    for _ in range(3):
        reads(listener, Started("t"))
    assert kept(session) == ("t", {"input": 1}) and len(writes) == 1 and kept(session, "review") is None
    reader.thread = Thread("t", {"input": 2})
    monkeypatch.setattr(supervise, "try_database", lambda _: False)
    reads(listener, Started("t"))
    monkeypatch.setattr(supervise, "try_database", there)
    assert kept(session) == ("t", {"input": 1})

    def end(exit_code: int | None) -> list[Any]:
        reader.thread = Thread("t", {"input": 3})
        return []

    reader.end = end
    listener.end(0)
    assert kept(session) == ("t", {"input": 3}) and len(writes) == 2


@pytest.mark.parametrize(("goes_on", "reason"), [(False, ""), (True, "asked")])
def test_one_that_asked_is_stopped_where_it_goes_on(make: Make, goes_on: bool, reason: str) -> None:
    calls: list[Any] = []
    box = SimpleNamespace(asked=True, goes_on=goes_on, collect=lambda: calls.append("collect"), read_event=calls.append)
    listener = make(mailbox=box)
    usage = Usage("a", usd("0.1"))
    reads(listener, usage)
    listener.tick()
    assert listener.reason == reason and calls == [usage, "collect"]
