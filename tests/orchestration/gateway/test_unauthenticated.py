"""Connections without a token, and what the gateway's log and answers never hold."""

import asyncio
import json
import logging
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from orchestration.gateway import process
from orchestration.gateway.keys import KeyMask
from orchestration.models import Session
from tests.orchestration.gateway.stage import ANSWER, KEY, Provider, Stage, an_access, play, token

pytestmark = pytest.mark.django_db(transaction=True)


async def connect(stage: Stage) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    at = urlsplit(stage.url)
    return await asyncio.open_connection(at.hostname, at.port)


def test_of_many_idle_connections_the_oldest_end_and_agents_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_UNAUTHENTICATED", 20)
    access = an_access()

    async def steps(stage: Stage) -> None:
        assert await stage.ask(token(access)) == (200, ANSWER), "its connection stays"
        idle = [await connect(stage) for _ in range(100)]
        async with asyncio.timeout(60):
            await asyncio.gather(*(reader.read() for reader, _ in idle[:80]), return_exceptions=True)
        assert not idle[-1][0].at_eof()
        assert await stage.ask(token(access)) == (200, ANSWER)
        for _, writer in idle:
            writer.close()

    play(steps)


def test_a_head_that_never_ends_ends_with_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "AUTHENTICATE_WITHIN_S", 0.2)
    slow = asyncio.Event()

    async def late(_: web.Request, response: web.StreamResponse) -> None:
        await slow.wait()
        await response.write(ANSWER)

    access = an_access()

    async def steps(stage: Stage) -> None:
        request = asyncio.create_task(stage.ask(token(access)))
        reader, writer = await connect(stage)
        writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\n")
        async with asyncio.timeout(60):
            with pytest.raises(ConnectionError):
                while await reader.read(10):
                    pass
                raise ConnectionResetError
        slow.set()
        assert await request == (200, ANSWER), "an agent's has all its time"

    play(steps, Provider([late]))


def test_the_log_of_a_malformed_request_has_none_of_its_lines(caplog: pytest.LogCaptureFixture) -> None:
    async def steps(stage: Stage) -> None:
        reader, writer = await connect(stage)
        writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key secret-token\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()

    with caplog.at_level(logging.DEBUG):
        play(steps)
    assert "gateway.malformed_request" in caplog.text and "secret-token" not in caplog.text


def _answered(body: bytes, status: int = 200, type_: str = "application/json") -> web.Response:
    return web.Response(status=status, body=body, headers={"x-echo": f"you sent {KEY}", "content-type": type_})


@pytest.mark.parametrize("status", [200, 401, 500])
def test_a_key_that_its_provider_sends_back_is_masked(status: int) -> None:
    access = an_access()
    body = json.dumps({"error": {"message": f"bad key {KEY}"}}).encode()

    async def steps(stage: Stage) -> None:
        async with stage.posting(token(access), stream=False) as answer:
            assert KEY not in str(answer.headers) and "[key]" in answer.headers["x-echo"]
            assert await answer.read() == body.replace(KEY.encode(), b"[key]")

    play(steps, Provider([_answered(body, status)]))
    assert not Session.objects.exclude(cost_note="").exists(), "a permit has no page"


def test_a_key_in_two_pieces_is_masked() -> None:
    mask = KeyMask(b"abcabd")
    pieces = [mask.feed(piece) for piece in (b"x abc", b"abca", b"bd, ab", b"c")]
    assert b"".join([*pieces, mask.feed(b"", is_last=True)]) == b"x abc[key], abc"
    assert mask.has_masked


@pytest.mark.parametrize("first", range(1, 6))
def test_a_key_is_masked_wherever_its_answer_is_cut(first: int) -> None:
    mask = KeyMask(b"abcabd")
    assert mask.feed(b"abcabd"[:first]) == b"" and mask.feed(b"abcabd"[first:]) == b"[key]"
