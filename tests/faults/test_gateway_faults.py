"""A real gateway process is killed, frozen and ended in its streams, its database goes away, and clients stop half-way: no money is lost or booked
twice, and no request is left without an end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest
from aiohttp import web
from django.db import connection

from budget import ledger
from budget.models import Account, GatewayAccess, GatewayRequest, Hold, LedgerEntry
from orchestration.models import Worker
from tests.faults import unreachable
from tests.faults.gateway_trial import Gateway
from tests.faults.unreachable import Passage
from tests.orchestration.gateway.stage import (
    ANSWER,
    COST,
    STOPS,
    Provider,
    Stage,
    an_access,
    begins,
    counts,
    lead_to,
    rows,
    serving,
    sse,
    text_of,
    token,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]
STREAMS = 5
AWAY_S = {"refuses": 8.0, "hangs": 20.0}
HALF_OPEN = 500


class Held:
    """Streams that begin and end when they are asked to."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_go_on, self.may_end = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: web.Request, response: web.StreamResponse) -> None:
        if request.path.endswith("count_tokens"):
            await response.write(b'{"input_tokens": 100}')
            return
        self.begun += 1
        await response.write(sse(begins()))
        await self.may_go_on.wait()
        await response.write(sse(text_of("Hello")))
        await self.may_end.wait()
        await response.write(sse(counts(10), STOPS))


@asynccontextmanager
async def stages(
    folder: Path,
    answer: bytes | Callable[[web.Request, web.StreamResponse], Awaitable[None]],
    count: int = 1,
    extra: Mapping[str, str] = {},
) -> AsyncIterator[tuple[list[Stage], list[Gateway]]]:
    """So many gateways on one database, and a stage for each. Every access leads to the same provider."""
    provider = Provider([answer])
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", provider.answer)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        url = await stack.enter_async_context(serving(web.AppRunner(app, access_log=None, shutdown_timeout=1)))
        await asyncio.to_thread(lead_to, url)
        gateways = [Gateway(folder, **extra) for _ in range(count)]
        for gateway in gateways:
            stack.push_async_callback(partial(asyncio.to_thread, gateway.close))
        for gateway in gateways:
            async with client.get(f"{gateway.url}/healthz") as alive:
                assert alive.status == 200
        yield [Stage(provider, gateway.url, client) for gateway in gateways], gateways


async def until(look: Callable[[], Any], condition: Callable[[Any], object]) -> None:
    """Wait until the database says so."""
    while not condition(await asyncio.to_thread(_closing, look)):
        await asyncio.sleep(0.05)


def _closing(look: Callable[[], object]) -> object:
    try:
        return look()
    finally:
        connection.close()


def states() -> list[str]:
    return [state for state, _ in rows()]


def booked() -> int:
    return sum(int(amount) for amount in LedgerEntry.objects.values_list("amount", flat=True))


async def end_session(access: GatewayAccess) -> None:
    await asyncio.to_thread(_closing, lambda: ledger.settle(access.hold_id))


async def outcome(asked: Awaitable[tuple[int, bytes]]) -> object:
    """The answer, or the class of what its client met."""
    try:
        return await asked
    except (aiohttp.ClientError, OSError):
        return "broken"


def test_a_gateway_that_is_killed_in_its_streams_loses_no_money(tmp_path: Path) -> None:
    access = an_access("1")

    async def steps() -> None:
        held = Held()
        async with stages(tmp_path, held) as ([stage], [gateway]):
            asked = [asyncio.create_task(outcome(stage.ask(token(access)))) for _ in range(STREAMS)]
            await until(states, lambda now: now == ["sent"] * STREAMS and held.begun == STREAMS)
            await asyncio.to_thread(gateway.kill)
            assert await asyncio.gather(*asked) == ["broken"] * STREAMS
            await until(states, lambda now: now == ["unknown"] * STREAMS)
            held.may_go_on.set()
            held.may_end.set()
            assert (await stage.ask(token(access)))[0] == 200
            await end_session(access)

    asyncio.run(steps())
    hold, bounds = Hold.objects.get(), [int(row.bound) for row in GatewayRequest.objects.order_by("pk")[:STREAMS]]
    assert (hold.in_flight, booked()) == (sum(bounds), COST), "the answers are not known: their money stays reserved"
    assert hold.drawn == booked() and hold.amount == hold.drawn + hold.in_flight


@pytest.mark.parametrize("has_ended", [False, True])
def test_a_gateway_that_was_frozen_books_once_what_another_one_took_for_lost(tmp_path: Path, has_ended: bool) -> None:
    access = an_access("1")

    async def steps() -> None:
        held = Held()
        async with stages(tmp_path, held, count=2) as ([stage, other], [frozen, _]):
            asked = asyncio.create_task(stage.ask(token(access)))
            await until(states, lambda now: now == ["sent"] and held.begun == 1)
            frozen.freeze()
            await until(states, lambda now: now == ["unknown"])
            if has_ended:
                await end_session(access)
                assert await asyncio.to_thread(lambda: Hold.objects.get().remainder) > COST
            held.may_go_on.set()
            held.may_end.set()
            assert (await other.ask(token(access)))[0] == (401 if has_ended else 200)
            gone = await asyncio.to_thread(lambda: Worker.objects.earliest("seen_at").pk)
            await asyncio.to_thread(lambda: Worker.objects.filter(pk=gone).delete())
            frozen.thaw()
            assert await asked == (200, ANSWER)
            await until(states, lambda now: now[0] == "settled")
            await until(lambda: Worker.objects.filter(pk=gone).exists(), bool)

    asyncio.run(steps())
    served = 1 if has_ended else 2
    assert booked() == served * COST
    assert Account.objects.get().spent == served * COST
    assert Hold.objects.get().in_flight == 0


def test_what_waited_in_a_gateway_that_was_frozen_may_be_sent_again(tmp_path: Path) -> None:
    access = an_access("0.1")

    async def steps() -> None:
        held = Held()
        async with stages(tmp_path, held, count=2) as ([stage, _], [frozen, _]):
            first = asyncio.create_task(stage.ask(token(access), max_tokens=5_000))
            await until(states, lambda now: now == ["sent"])
            second = asyncio.create_task(stage.ask(token(access), max_tokens=5_000))
            await until(states, lambda now: now == ["sent", "waiting"])
            frozen.freeze()
            await until(states, lambda now: now == ["unknown", "refused"])
            held.may_go_on.set()
            held.may_end.set()
            frozen.thaw()
            answers = await asyncio.gather(first, second)
            assert [status for status, _ in answers] == [200, 503]
            assert (await stage.ask(token(access), max_tokens=5_000))[0] == 200

    asyncio.run(steps())
    assert booked() == 2 * COST


def test_two_gateways_keep_one_reservation_to_the_last_micro_dollar(tmp_path: Path) -> None:
    access = an_access("0.02")

    async def steps() -> None:
        async with stages(tmp_path, ANSWER, count=2, extra={"MUSTER_LEASE_S": "30"}) as (both, _):
            asked = [both[n % 2].ask(token(access), max_tokens=200 + n) for n in range(60)]
            answers = await asyncio.gather(*asked)
            assert {status for status, _ in answers} == {200, 402}
            served = sum(status == 200 for status, _ in answers)
            assert await asyncio.to_thread(booked) == served * COST

    asyncio.run(steps())
    hold = Hold.objects.get()
    assert (hold.in_flight, hold.drawn) == (0, booked())
    assert 0.8 * hold.amount < hold.drawn <= hold.amount


async def _is_alive(stage: Stage) -> None:
    async with stage.client.get(f"{stage.url}/healthz") as alive:
        assert alive.status == 200


@asynccontextmanager
async def _with_database(folder: Path, held: Held) -> AsyncIterator[tuple[Stage, Passage | None]]:
    async with AsyncExitStack() as stack:
        passage, extra = None, dict[str, str]()
        if connection.vendor == "postgresql":
            passage, extra = await stack.enter_async_context(unreachable.passage())
        [stage], _ = await stack.enter_async_context(stages(folder, held, extra=extra))
        yield stage, passage


@asynccontextmanager
async def _away(passage: Passage | None, how: unreachable.State) -> AsyncIterator[None]:
    if passage is None:
        async with unreachable.locked():
            yield
        return
    await passage.become(how)
    yield
    await passage.become("there")


@pytest.mark.parametrize("how", ["refuses", "hangs"] if connection.vendor == "postgresql" else ["hangs"])
def test_while_the_database_is_away_streams_go_on_and_new_requests_wait(tmp_path: Path, how: unreachable.State) -> None:
    access = an_access("5")
    late = 20  # more than the gateway has threads for statements

    async def steps() -> None:
        held = Held()
        async with _with_database(tmp_path, held) as (stage, passage), stage.posting(token(access)) as running:
            assert b"message_start" in await running.content.readany()
            async with _away(passage, how):
                asked = [asyncio.create_task(stage.ask(token(access))) for _ in range(late)]
                await asyncio.sleep(AWAY_S[how] / 2)
                await _is_alive(stage)
                held.may_go_on.set()
                assert b"Hello" in await running.content.readany()
                held.may_end.set()
                await asyncio.sleep(AWAY_S[how] / 2)
                await _is_alive(stage)
                assert not any(task.done() for task in asked)
            assert b"message_stop" in await running.content.read()
            assert await asyncio.gather(*asked) == [(200, ANSWER)] * late

    asyncio.run(steps())
    assert rows() == [("settled", COST)] * (late + 1)
    assert Hold.objects.get().drawn == booked() == (late + 1) * COST


def test_a_commit_whose_acknowledgement_is_lost_makes_no_second_request(tmp_path: Path) -> None:
    access = an_access("1")

    async def steps() -> None:
        held = Held()
        held.may_go_on.set()
        held.may_end.set()
        async with _with_database(tmp_path, held) as (stage, passage):
            if passage is not None:  # SQLite has no acknowledgement to lose
                passage.loses_commit = True
            assert await stage.ask(token(access)) == (200, ANSWER)
            assert held.begun == 1 and (passage is None or passage.lost == 1)

    asyncio.run(steps())
    assert rows() == [("settled", COST)]
    assert Hold.objects.get().in_flight == 0


def test_half_open_connections_do_no_harm(tmp_path: Path) -> None:
    access = an_access("1")
    head = f"POST /v1/messages HTTP/1.1\r\nHost: gateway\r\nx-api-key: {token(access)}\r\n".encode()
    parts = (b"", head, head + b"Content-Length: 500\r\n\r\n{")

    async def steps() -> None:
        async with stages(tmp_path, ANSWER) as ([stage], [gateway]):
            place, process = urlsplit(stage.url), psutil.Process(gateway.pid)
            assert (await stage.ask(token(access)))[0] == 200
            before = process.num_fds()
            writers = []
            for n in range(HALF_OPEN):
                _, writer = await asyncio.open_connection(place.hostname, place.port)
                writer.write(parts[n % len(parts)])
                writers.append(writer)
            await until(process.num_fds, lambda now: now >= before + HALF_OPEN)
            assert await stage.ask(token(access)) == (200, ANSWER)
            for writer in writers:
                writer.close()
            await until(process.num_fds, lambda now: now < before + 20)
            assert await stage.ask(token(access)) == (200, ANSWER)

    asyncio.run(steps())
    assert rows() == [("settled", COST)] * 3


def test_a_gateway_that_is_ended_finishes_its_streams_and_takes_no_more(tmp_path: Path) -> None:
    access = an_access("1")

    async def steps() -> None:
        held = Held()
        async with stages(tmp_path, held, extra={"MUSTER_DRAIN_S": "60"}) as ([stage], [gateway]):
            asked = asyncio.create_task(stage.ask(token(access)))
            await until(states, lambda now: now == ["sent"] and held.begun == 1)
            gateway.end()
            async with aiohttp.ClientSession() as fresh:
                new = Stage(stage.provider, stage.url, fresh)
                while await outcome(new.ask("no token")) != "broken":
                    await asyncio.sleep(0.05)
            held.may_go_on.set()
            held.may_end.set()
            assert await asked == (200, ANSWER)
            assert await asyncio.to_thread(gateway.status) == 0

    asyncio.run(steps())
    assert rows() == [("settled", COST)]
    assert not Worker.objects.exists()


def test_a_stream_that_outlasts_the_end_of_its_gateway_is_cut_off_and_booked(tmp_path: Path) -> None:
    access = an_access("1")

    async def steps() -> None:
        held = Held()
        async with stages(tmp_path, held, extra={"MUSTER_DRAIN_S": "1"}) as ([stage], [gateway]):
            asked = asyncio.create_task(outcome(stage.ask(token(access))))
            await until(states, lambda now: now == ["sent"] and held.begun == 1)
            gateway.end()
            assert await asked == "broken"
            assert await asyncio.to_thread(gateway.status) == 0
            held.may_go_on.set()

    asyncio.run(steps())
    row = GatewayRequest.objects.get()
    assert (row.state, Hold.objects.get().in_flight) == ("unknown", row.bound - row.amount)
