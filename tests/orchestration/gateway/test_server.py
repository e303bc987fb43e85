"""One request through the gateway: its money, its key, its bytes, its books."""

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientPayloadError, web
from django.db import OperationalError
from yarl import URL

from budget.amounts import usd
from budget.ledger import requests
from budget.models import GatewayAccess, GatewayRequest, Hold, LedgerEntry
from orchestration.facts import waits
from orchestration.gateway import accesses, database, forwarding, pacing, refusals, server
from orchestration.models import Executor
from orchestration.protocols import PROTOCOLS
from tests.factories import a_workspace, an_entry
from tests.orchestration.gateway.stage import (
    ANSWER,
    COST,
    KEY,
    MODEL,
    STOPS,
    Provider,
    Stage,
    an_access,
    begins,
    counts,
    play,
    rows,
    sse,
    text_of,
    token,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_answer_passes_byte_for_byte_and_is_booked_at_its_count() -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        assert await stage.ask(token(access)) == (200, ANSWER)

    play(steps)
    assert rows() == [("settled", COST)]
    hold = Hold.objects.get()
    assert (hold.in_flight, hold.drawn) == (0, COST)
    assert LedgerEntry.objects.get().session_ref == access.session_ref


def test_the_provider_gets_the_key_and_not_the_token() -> None:
    access = an_access()
    provider = Provider()

    async def steps(stage: Stage) -> None:
        await stage.ask(token(access))

    play(steps, provider)
    headers = provider.seen[0].headers
    assert headers["x-api-key"] == KEY
    assert token(access) not in str(headers)


def test_a_request_is_reserved_before_it_is_sent() -> None:
    access = an_access()
    in_flight: list[int] = []

    async def look(request: web.Request, response: web.StreamResponse) -> None:
        in_flight.append(await asyncio.to_thread(lambda: int(Hold.objects.get().in_flight)))
        await response.write(ANSWER)

    async def steps(stage: Stage) -> None:
        await stage.ask(token(access))

    play(steps, Provider([look]))
    assert in_flight[0] > 100 * 15


def test_strangers_get_401_without_a_look_at_the_database() -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        for stranger in (
            "",
            "sk-ant-123",
            f"{token(access)}0",
            token(access).replace("access_", "access-"),
            token(access)[:-1] + "x",
        ):
            assert (await stage.ask(stranger))[0] == 401

    play(steps)
    assert rows() == []


def test_a_token_ends_with_its_process_and_its_reservation() -> None:
    first, second = an_access(), an_access()
    requests.end_access(first.pk)
    Hold.objects.filter(pk=second.hold_id).update(state=Hold.State.SETTLED)

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(first)))[0] == 401
        assert (await stage.ask(token(second)))[0] == 401

    play(steps)


def test_a_token_is_for_its_model_and_cheaper_ones() -> None:
    access = an_access(model="claude-sonnet-4-5")

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access), model="claude-opus-4-1"))[0] == 403
        assert (await stage.ask(token(access), model="claude-haiku-4-5"))[0] == 200

    play(steps)


def test_a_token_is_for_its_api_and_its_paths() -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        headers = {"Authorization": f"Bearer {token(access)}"}
        for path, status in (
            ("/v1/chat/completions", 403),
            ("/v1/responses", 403),
            ("/v1/files", 404),
            ("/v1/organizations/keys", 404),
        ):
            async with stage.client.post(f"{stage.url}{path}", json={"model": "gpt-5"}, headers=headers) as answer:
                assert answer.status == status, path

    play(steps)


def test_a_model_without_a_price_is_not_called() -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        status, body = await stage.ask(token(access), model="someones-own-7b")
        assert status == 400
        assert b"set one under `prices`" in body

    play(steps)


def test_a_request_beyond_the_money_is_clamped_and_then_refused_with_402() -> None:
    access = an_access("0.1")

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access), max_tokens=60_000))[0] == 200
        assert (await stage.ask(token(access), max_tokens=60_000, messages=[{"role": "user", "content": "x" * 40_000}]))[0] == 402

    provider = Provider()
    play(steps, provider)
    assert b'"max_tokens": 60000' not in provider.bodies[0]
    clamped, refused = GatewayRequest.objects.order_by("pk")
    assert (clamped.is_clamped, clamped.state) == (True, "settled")
    assert (refused.status, refused.state) == (402, "refused")
    assert int(clamped.bound) <= usd("0.1")


def test_workspaces_with_one_key_share_its_limit() -> None:
    first, second = an_access(), an_access()
    assert first.hold.project_id != second.hold.project_id

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(first)))[0] == (await stage.ask(token(second)))[0] == 200

    play(steps)
    [limiter] = pacing._limiters.values()
    assert len(limiter.taken) == 2


@pytest.mark.parametrize(("agent", "status"), [("codex", 429), ("opencode", 402), ("", 402)])
def test_without_money_each_client_gets_the_answer_that_it_does_not_repeat(agent: str, status: int) -> None:
    assert refusals.out_of_money(PROTOCOLS["openai_responses"], agent).status == status


def test_a_request_waits_for_the_money_of_another() -> None:
    entry = an_entry(a_workspace(), budget="5")
    access = an_access("0.1", entry=entry)

    async def slow(request: web.Request, response: web.StreamResponse) -> None:
        await asyncio.sleep(0.5)
        await response.write(ANSWER)

    async def steps(stage: Stage) -> None:
        both = await asyncio.gather(*(stage.ask(token(access), max_tokens=4_000) for _ in range(2)))
        assert [status for status, _ in both] == [200, 200]

    play(steps, Provider([slow]))
    assert rows() == [("settled", COST)] * 2
    assert not GatewayRequest.objects.filter(is_clamped=True).exists()


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
def test_what_the_provider_refuses_passes_as_it_is_and_costs_nothing(status: int) -> None:
    access = an_access()
    headers = {"retry-after": "3000"}

    async def steps(stage: Stage) -> None:
        assert await stage.ask(token(access)) == (status, b'{"type": "error"}')

    play(steps, Provider([web.Response(status=status, headers=headers, body=b'{"type": "error"}')]))
    assert rows() == [("settled", 0)]
    assert Hold.objects.get().in_flight == 0


def test_a_429_is_waited_for_in_silence() -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access)))[0] == 200

    play(steps, Provider([web.Response(status=429, headers={"retry-after": "0.2"}), ANSWER]))
    assert rows() == [("settled", 0), ("settled", COST)]


@pytest.mark.parametrize(
    "answer",
    [
        sse(begins(), text_of("Hel")),
        sse(begins(), text_of("Hello"), counts(10)),
        sse(text_of("Hello")),
        sse(begins(), text_of("many words " * 400), counts(10), {"type": "message_stop"}),
    ],
)
def test_without_a_count_that_can_be_true_the_rest_of_the_bound_stays_reserved(answer: bytes) -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        await stage.ask(token(access), max_tokens=2_000)

    play(steps, Provider([answer]))
    row = GatewayRequest.objects.get()
    assert row.state == "unknown" and row.reason
    assert Hold.objects.get().in_flight == row.bound - row.amount > 0


def test_a_count_that_comes_twice_is_booked_once() -> None:
    access = an_access()
    answer = sse(begins(), text_of("Hello"), counts(10), counts(10), {"type": "message_stop"})

    async def steps(stage: Stage) -> None:
        await stage.ask(token(access))

    play(steps, Provider([answer]))
    assert rows() == [("settled", COST)]


def test_an_answer_that_breaks_off_breaks_off_for_its_client() -> None:
    access = an_access()

    async def breaks(request: web.Request, response: web.StreamResponse) -> None:
        await response.write(sse(begins(), text_of("Hel")))
        assert request.transport
        request.transport.abort()

    async def steps(stage: Stage) -> None:
        with pytest.raises((ClientPayloadError, ClientConnectionError)):
            await stage.ask(token(access))

    play(steps, Provider([breaks]))
    assert rows()[0][0] == "unknown"


def test_a_client_that_leaves_is_booked_at_the_providers_late_count() -> None:
    access = an_access()
    has_left = asyncio.Event()

    async def slow(request: web.Request, response: web.StreamResponse) -> None:
        await response.write(sse(begins(), text_of("Hel")))
        await has_left.wait()
        await response.write(sse(text_of("lo")))
        await response.write(sse(counts(10), {"type": "message_stop"}))

    async def steps(stage: Stage) -> None:
        async with stage.posting(token(access)) as answer:
            assert b"message_start" in await answer.content.readany()
        has_left.set()
        while await asyncio.to_thread(lambda: rows()[0][0]) == "sent":
            await asyncio.sleep(0.05)

    play(steps, Provider([slow]))
    assert rows() == [("settled", COST)]


def test_a_provider_that_cannot_be_reached_costs_nothing() -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        await asyncio.to_thread(_lead_to, "http://127.0.0.1:9")
        status, body = await stage.ask(token(access))
        assert status == 502
        assert b"could not be reached" in body

    play(steps)
    assert rows() == [("settled", 0)]


def _lead_to(address: str, api: str = "anthropic") -> None:
    access = GatewayAccess.objects.get()
    access.upstreams[api]["base_url"] = address
    access.save()


def _with_tls() -> None:
    address = GatewayAccess.objects.get().upstreams["anthropic"]["base_url"]
    _lead_to(address.replace("http:", "https:"))


@pytest.mark.parametrize(
    "address",
    ["http://no-such-host.invalid", "https://127.0.0.1:9", "ftp://127.0.0.1", "nowhere", f"http://{'x' * 70}.org", "http://["],
)
def test_an_address_that_leads_nowhere_costs_nothing(address: str) -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        await asyncio.to_thread(_lead_to, address)
        status, body = await stage.ask(token(access))
        assert (status, json.loads(body)["type"]) == (502, "error")

    play(steps)
    assert [amount for _, amount in rows()] in ([], [0])


SHAPES: dict[str, tuple[str, Callable[[Any], object], object]] = {
    "/v1/messages": ("anthropic", lambda body: (body["type"], body["error"]["type"]), ("error", "api_error")),
    "/v1/responses": ("openai_responses", lambda body: body["error"]["code"], "api_error"),
    "/v1/chat/completions": ("openai_chat", lambda body: body["error"]["code"], "api_error"),
    "/v1beta/models/gemini-2.5-flash:generateContent": ("gemini", lambda body: body["error"]["code"], 502),
}
BODIES = {
    "/v1/messages": {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]},
    "/v1/responses": {"model": "gpt-5", "input": "Hi", "max_output_tokens": 100, "store": False},
    "/v1/chat/completions": {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}], "max_completion_tokens": 100},
    "/v1beta/models/gemini-2.5-flash:generateContent": {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {"maxOutputTokens": 100},
    },
}


@pytest.mark.parametrize("path", SHAPES)
@pytest.mark.parametrize("is_reached", [False, True])
def test_a_provider_that_is_away_is_an_error_in_the_shape_of_its_api(path: str, is_reached: bool) -> None:
    api, look, expected = SHAPES[path]
    access = an_access()
    access.upstreams = {api: access.upstreams["anthropic"]}
    access.save()

    async def resets(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.abort()
        return web.Response()

    async def steps(stage: Stage) -> None:
        if not is_reached:
            await asyncio.to_thread(_lead_to, "http://127.0.0.1:9", api)
        headers = {"Authorization": f"Bearer {token(access)}"}
        async with stage.client.post(f"{stage.url}{path}", json=BODIES[path], headers=headers) as answer:
            assert answer.status == 502
            assert look(json.loads(await answer.read())) == expected

    play(steps, Provider(refuses=resets))
    assert [state for state, _ in rows()] == ["unknown" if is_reached else "settled"]


def test_a_provider_without_tls_where_it_is_expected_costs_nothing() -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        await asyncio.to_thread(_with_tls)
        assert (await stage.ask(token(access)))[0] == 502

    play(steps)
    assert rows() == [("settled", 0)]


@pytest.mark.parametrize("begins_to_answer", [False, True])
def test_a_provider_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch, begins_to_answer: bool) -> None:
    monkeypatch.setattr(server, "READ_TIMEOUT_S", 0.3)
    access, has_ended = an_access(), asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if begins_to_answer:
            await response.prepare(request)
            await response.write(sse(begins()))
        await has_ended.wait()
        return response

    async def steps(stage: Stage) -> None:
        if begins_to_answer:
            with pytest.raises((ClientPayloadError, ClientConnectionError)):
                await stage.ask(token(access))
        else:
            assert (await stage.ask(token(access)))[0] == 502
        has_ended.set()

    play(steps, Provider(refuses=silent))
    assert rows()[0][0] == "unknown"


@pytest.mark.parametrize("how", ["stays open", "breaks off"])
def test_an_answer_whose_last_event_came_is_whole_however_its_connection_ends(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(forwarding, "LINGER_S", 0.2)
    access, has_ended = an_access(), asyncio.Event()

    async def ends(request: web.Request, response: web.StreamResponse) -> None:
        await response.write(ANSWER)
        if how == "stays open":
            await has_ended.wait()
        elif request.transport is not None:
            request.transport.abort()

    async def steps(stage: Stage) -> None:
        assert await stage.ask(token(access)) == (200, ANSWER)
        has_ended.set()

    play(steps, Provider([ends]))
    assert rows() == [("settled", COST)]


def test_an_answer_that_is_compressed_without_being_asked_for_is_passed_on_and_read() -> None:
    access = an_access()
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}

    async def steps(stage: Stage) -> None:
        assert await stage.ask(token(access)) == (200, ANSWER)  # its client decodes it

    play(steps, Provider([web.Response(body=gzip.compress(ANSWER), headers=headers)]))
    assert rows() == [("settled", COST)]


def test_a_database_that_stays_away_is_an_error_that_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "DATABASE_S", 0.5)
    access, provider = an_access(), Provider()
    is_away, once = asyncio.Event(), database._once

    def fails(action: Callable[[], object]) -> object:
        result = once(action)
        if is_away.is_set():
            raise OperationalError("the acknowledgement is lost")
        return result

    monkeypatch.setattr(database, "_once", fails)

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access)))[0] == 200
        is_away.set()
        status, body = await stage.ask(token(access))
        assert (status, json.loads(body)["error"]["type"]) == (503, "overloaded_error")
        is_away.clear()
        while await asyncio.to_thread(lambda: len([row for row in rows() if row[0] == "sent"])):
            await asyncio.sleep(0.05)

    play(steps, provider)
    assert rows() == [("settled", COST), ("settled", 0)]
    assert len(provider.bodies) == 1
    assert Hold.objects.get().in_flight == 0


def test_an_error_that_breaks_off_is_passed_on_as_far_as_it_came() -> None:
    access = an_access()

    async def breaks(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        for piece in (b'{"type": ', b'"err'):
            await response.write(piece)
            await asyncio.sleep(0.05)
        assert request.transport
        request.transport.abort()
        return response

    async def steps(stage: Stage) -> None:
        assert await stage.ask(token(access)) == (500, b'{"type": "err')

    play(steps, Provider([], refuses=breaks))
    assert rows() == [("settled", 0)]


def test_a_success_without_the_usual_status_stays_unknown() -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access)))[0] == 202

    play(steps, Provider([web.Response(status=202)]))
    assert rows()[0][0] == "unknown"


def test_a_client_that_takes_no_bytes_is_left_after_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "WRITE_TIMEOUT_S", 0.3)
    access = an_access()
    words = sse(text_of("x" * 2**16))

    async def much(request: web.Request, response: web.StreamResponse) -> None:
        await response.write(sse(begins()))
        for _ in range(400):
            await response.write(words)
        await response.write(sse(counts(10), STOPS))

    async def steps(stage: Stage) -> None:
        async with stage.posting(token(access)):
            while await asyncio.to_thread(lambda: rows()[0][0]) == "sent":
                await asyncio.sleep(0.05)

    play(steps, Provider([much]))
    assert GatewayRequest.objects.get().state != "sent"


def test_a_failure_of_the_gateway_before_it_sends_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    access = an_access()

    def fails(*_: object) -> bytes:
        raise RuntimeError

    monkeypatch.setattr(server.Exchange, "_edited", fails)

    async def steps(stage: Stage) -> None:
        status, body = await stage.ask(token(access))
        assert (status, json.loads(body)["error"]["type"]) == (500, "api_error")

    play(steps)
    assert rows() == [("settled", 0)]


def test_a_probe_for_what_is_free_passes_and_is_not_booked() -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        for method, path in (("HEAD", "/v1/models"), ("GET", "/v1/models")):
            async with stage.client.request(method, f"{stage.url}{path}", headers={"x-api-key": token(access)}) as answer:
                assert answer.status == 200
        await asyncio.to_thread(_lead_to, "http://127.0.0.1:9")
        accesses.cache.clear()
        async with stage.client.get(f"{stage.url}/v1/models", headers={"x-api-key": token(access)}) as answer:
            assert (answer.status, json.loads(await answer.read())["type"]) == (502, "error")

    play(steps, Provider([web.Response(body=b"{}")]))
    assert rows() == []


def test_what_has_no_sure_bound_passes_where_the_workspace_allows_it() -> None:
    exact, lenient = an_access(), an_access()
    Executor.objects.filter(pk=lenient.hold.project_id).update(config={"gateway": "inexact"})

    async def steps(stage: Stage) -> None:
        status, body = await stage.ask(token(exact), some_new_parameter=True)
        assert (status, b"parameter:some_new_parameter" in body) == (400, True)
        assert (await stage.ask(token(lenient), some_new_parameter=True))[0] == 200

    play(steps)
    assert [row.is_exact for row in GatewayRequest.objects.all()] == [False]


def test_a_path_that_leads_elsewhere_is_not_passed_on() -> None:
    access = an_access()
    provider = Provider([web.Response(body=b"{}")])

    async def steps(stage: Stage) -> None:
        headers = {"x-api-key": token(access)}
        for path in ("/v1/models/../files/1", "/v1/models/%2e%2e/files", "/v1/models/..%2ffiles", "/v1//models"):
            url = URL(f"{stage.url}{path}", encoded=True)
            async with stage.client.get(url, headers=headers) as answer:
                assert answer.status == 404, path
        async with stage.client.get(f"{stage.url}/v1/models", headers=headers) as answer:
            assert answer.status == 200

    play(steps, provider)
    assert [request.path for request in provider.seen] == ["/v1/models"]


@pytest.mark.parametrize(("size", "status"), [(forwarding.MAX_FREE, 200), (forwarding.MAX_FREE + 1, 502)])
def test_an_answer_that_costs_nothing_is_read_to_a_bound(size: int, status: int) -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        async with stage.client.get(f"{stage.url}/v1/models", headers={"x-api-key": token(access)}) as answer:
            assert answer.status == status and (status == 502 or len(await answer.read()) == size)

    play(steps, Provider([web.Response(body=b"x" * size)]))
