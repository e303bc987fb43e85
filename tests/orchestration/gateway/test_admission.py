"""On whose money a request goes where its reservation does not cover it."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from aiohttp import web

from budget.amounts import usd
from budget.ledger.requests import Bounded
from budget.models import Account, GatewayRequest, Hold
from orchestration.gateway import admission, database
from orchestration.gateway.pacing import RateLimiter, Slot
from orchestration.models import Entry
from tests.factories import a_session, a_workspace, an_entry
from tests.orchestration.gateway.stage import ANSWER, Provider, Stage, an_access, play, rows, token
from workspaces.values import ids

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_reservation_grows_by_what_a_request_lacks() -> None:
    entry = an_entry(a_workspace(), budget="5")
    session = a_session(entry)
    assert session.hold is not None
    Hold.objects.filter(pk=session.hold.pk).update(amount=usd("0.05"))
    access = an_access(hold=session.hold, ceiling=usd("5"))

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access), max_tokens=20_000))[0] == 200

    play(steps)
    hold, row = Hold.objects.get(pk=session.hold.pk), GatewayRequest.objects.get()
    assert not row.is_clamped
    assert usd("0.05") < hold.amount == row.bound


def test_a_reservation_grows_neither_past_its_ceiling_nor_past_the_budget_of_its_entry() -> None:
    entry = an_entry(a_workspace(), budget="0.2")
    session = a_session(entry)
    assert session.hold is not None
    access = an_access(hold=session.hold, ceiling=usd("5"))

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access), max_tokens=60_000))[0] == 200

    play(steps)
    account, row = Account.objects.get(), GatewayRequest.objects.get()
    assert row.is_clamped and row.bound <= usd("0.2")
    assert account.spent + account.held <= account.budget


def test_who_has_money_of_its_own_does_not_wait_for_the_first_in_line() -> None:
    workspace = a_workspace(cap="10")
    first, second = (an_access("0.1", entry=an_entry(workspace, budget="0.1", content=name)) for name in ("first", "second"))
    sent = asyncio.Event()

    async def slow(request: web.Request, response: web.StreamResponse) -> None:
        await sent.wait()
        await response.write(ANSWER)

    async def steps(stage: Stage) -> None:
        of_first = [asyncio.create_task(stage.ask(token(first), max_tokens=5_000)) for _ in range(2)]
        while not await asyncio.to_thread(lambda: ("waiting", 0) in rows()):
            await asyncio.sleep(0.02)
        of_second = asyncio.create_task(stage.ask(token(second), max_tokens=5_000))
        while await asyncio.to_thread(lambda: [state for state, _ in rows()].count("sent")) < 2:
            await asyncio.sleep(0.02)
        sent.set()
        assert {status for status, _ in await asyncio.gather(*of_first, of_second)} == {200}

    play(steps, Provider([slow]))
    assert admission._waiting == {}


def test_a_client_that_leaves_while_it_waits_is_not_sent() -> None:
    access = an_access("0.1")
    sent = asyncio.Event()

    async def slow(request: web.Request, response: web.StreamResponse) -> None:
        await sent.wait()
        await response.write(ANSWER)

    async def steps(stage: Stage) -> None:
        working = asyncio.create_task(stage.ask(token(access), max_tokens=5_000))
        while not await asyncio.to_thread(lambda: [state for state, _ in rows()] == ["sent"]):
            await asyncio.sleep(0.02)
        waiting = asyncio.create_task(stage.ask(token(access), max_tokens=5_000))
        while not await asyncio.to_thread(lambda: ("waiting", 0) in rows()):
            await asyncio.sleep(0.02)
        waiting.cancel()
        while not await asyncio.to_thread(lambda: ("refused", 0) in rows()):
            await asyncio.sleep(0.02)
        sent.set()
        assert (await working)[0] == 200

    play(steps, Provider([slow]))
    assert GatewayRequest.objects.get(state="refused").reason == "its client has left"


def test_a_request_that_is_cut_off_while_its_row_is_written_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    access, once = an_access(), database._once
    is_written, may_go_on = threading.Event(), threading.Event()

    def slow(action: Callable[[], object]) -> object:
        result = once(action)
        is_written.set()
        may_go_on.wait(30)
        return result

    monkeypatch.setattr(database, "_once", slow)

    async def never() -> Bounded:
        raise AssertionError

    async def steps(_: Stage) -> None:
        item = Bounded("anthropic", "claude-sonnet-4-5", 1_000)
        asked = asyncio.create_task(
            admission.admit(
                access,
                item,
                Slot(RateLimiter()),
                gateway="gate_1",
                key=ids.request(),
                waiting=None,
                patience_s=1,
                tighten=never,
                lower=lambda _: item,
                is_connected=lambda: True,
            )
        )
        await asyncio.to_thread(is_written.wait, 30)
        assert asked.cancel()
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await asked
        while await asyncio.to_thread(rows) == [("sent", 0)]:
            await asyncio.sleep(0.02)

    play(steps)
    assert rows() == [("settled", 0)]
    assert Hold.objects.get().in_flight == 0


def test_requests_go_in_the_plans_order_entries_with_rounds_first() -> None:
    workspace = a_workspace(max_workers=4)
    old, urgent, begun = (an_entry(workspace, content=name) for name in ("old", "urgent", "begun"))
    Entry.objects.filter(pk=urgent.pk).update(priority=0)
    Entry.objects.filter(pk=begun.pk).update(has_rounds=True)
    accesses = {entry.content: an_access(hold=a_session(entry).hold) for entry in (old, urgent, begun)}
    assert sorted(accesses, key=lambda name: admission.order_of(accesses[name])) == ["begun", "urgent", "old"]


def test_no_request_waits_for_what_other_workspaces_have_reserved() -> None:
    an_access("5", entry=an_entry(a_workspace(name="Other"), budget="5"))
    access = an_access("0.2", entry=an_entry(a_workspace(cap="0.2"), budget="5"), ceiling=usd("5"))
    funds = admission._funds(access)
    assert (funds.now, funds.later) == (usd("0.2"), usd("0.2"))
