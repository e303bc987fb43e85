"""On whose money a request goes where its reservation does not cover it."""

import asyncio

import pytest
from aiohttp import web

from budget.amounts import usd
from budget.models import Account, GatewayRequest, Hold
from orchestration.gateway import admission
from tests.factories import a_session, a_workspace, an_entry
from tests.orchestration.gateway.stage import ANSWER, Provider, Stage, an_access, play, rows, token

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
