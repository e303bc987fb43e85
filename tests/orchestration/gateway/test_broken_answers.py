"""Answers that a provider breaks off: what is booked of them, and after two of a key no third is paid."""

import asyncio
from contextlib import suppress

import pytest
from aiohttp import ClientError, web
from django.utils.timezone import now

from budget.ledger import requests
from budget.models import GatewayAccess, GatewayRequest
from orchestration.gateway import conversations, forwarding
from orchestration.models import ProviderBreaker
from tests.orchestration.gateway.stage import ANSWER, Provider, Reply, Stage, an_access, begins, play, sse, text_of, token

pytestmark = pytest.mark.django_db(transaction=True)
SEEN = sse(begins(), text_of("abcd efgh " * 40))
COST_SEEN = 100 * 3 + 100 * 15  # micro-USD: 400 bytes are about 100 tokens


async def cut(request: web.Request, response: web.StreamResponse) -> None:
    await response.write(SEEN)
    assert request.transport is not None
    request.transport.abort()


async def fails(request: web.Request, response: web.StreamResponse) -> None:
    await response.write(SEEN + sse({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}))


async def statuses(stage: Stage, access: GatewayAccess, times: int) -> list[int]:
    seen = []
    for _ in range(times):
        try:
            seen.append((await stage.ask(token(access)))[0])
        except ClientError:
            seen.append(0)
    return seen


def asked(*script: bytes | Reply, times: int) -> list[int]:
    access, seen = an_access(), []

    async def steps(stage: Stage) -> None:
        seen.extend(await statuses(stage, access, times))

    play(steps, Provider(list(script)))
    return seen


def test_what_was_seen_of_a_broken_answer_is_booked_and_the_rest_is_not_known() -> None:
    asked(cut, times=1)
    row = GatewayRequest.objects.get()
    assert (row.state, row.amount) == ("unknown", COST_SEEN) and row.bound > row.amount


@pytest.mark.parametrize("how", [cut, fails])
def test_after_two_broken_answers_no_third_is_sent_and_no_session_starts_for_it(how: Reply) -> None:
    assert asked(how, times=4)[2:] == [503, 503]
    assert list(GatewayRequest.objects.order_by("pk").values_list("state", flat=True)) == ["unknown"] * 2 + ["refused"] * 2
    assert requests.standing(GatewayAccess.objects.get().pk) == requests.BROKEN
    breaker = ProviderBreaker.objects.get()
    assert breaker.code == "overloaded" and breaker.until and breaker.until > now()


def test_one_broken_answer_among_others_stops_nothing() -> None:
    assert asked(cut, ANSWER, times=4)[1:] == [200] * 3


def test_after_a_minute_it_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "BROKEN_S", 0.0)
    assert 503 not in asked(cut, cut, ANSWER, times=3)


def test_a_client_that_leaves_is_no_trouble_of_its_provider() -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        for _ in range(2):
            async with stage.posting(token(access)) as answer:
                await answer.content.readany()
                answer.close()
        assert (await stage.ask(token(access)))[0] == 200

    play(steps)


def test_answers_that_go_on_without_their_client_are_no_broken_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "LINGER_S", 0.0)
    access, cut_off = an_access(), asyncio.Semaphore(0)

    async def goes_on(request: web.Request, response: web.StreamResponse) -> None:
        with suppress(ConnectionError):
            while True:
                await response.write(sse({"type": "ping"}))
                await asyncio.sleep(0)
        cut_off.release()

    async def steps(stage: Stage) -> None:
        for _ in range(2):
            async with stage.posting(token(access)) as answer:
                await answer.content.readany()
                answer.close()
            async with asyncio.timeout(60):
                await cut_off.acquire()
        assert (await stage.ask(token(access)))[0] == 200

    play(steps, Provider([goes_on, goes_on, ANSWER]))


@pytest.mark.parametrize(("number", "status"), [(100, 200), (5_000, 502)])
def test_informational_answers_without_end_break_the_connection(number: int, status: int) -> None:
    access, ended = an_access(), asyncio.Event()

    async def chatter(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * number)
        if number > 100:
            await ended.wait()  # it never answers
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(ANSWER)
        return response

    async def steps(stage: Stage) -> None:
        async with asyncio.timeout(60):
            assert (await stage.ask(token(access)))[0] == status
        ended.set()

    play(steps, Provider(refuses=chatter))
    expected = GatewayRequest.State.SETTLED if status == 200 else GatewayRequest.State.UNKNOWN
    assert GatewayRequest.objects.get().state == expected


def test_an_answer_with_a_long_header_is_no_broken_one() -> None:
    access = an_access()
    answer = web.Response(body=ANSWER, headers={"Content-Type": "text/event-stream", "x-trace": "t" * 40_000})

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access)))[0] == 200

    play(steps, Provider([answer]))
    assert GatewayRequest.objects.get().state == GatewayRequest.State.SETTLED
