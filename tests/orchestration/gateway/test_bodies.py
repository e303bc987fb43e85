"""The bodies of requests: compressed, in chunks, too large, or never complete."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from importlib import import_module
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, web

from orchestration.gateway import bodies
from orchestration.protocols.streams import encodings
from tests.orchestration.gateway.stage import ANSWER, COST, MODEL, Provider, Stage, an_access, play, rows, token

pytestmark = pytest.mark.django_db(transaction=True)
REQUEST = {"model": MODEL, "max_tokens": 100, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
BODY = json.dumps(REQUEST).encode()
ENCODED = {
    "gzip": gzip.compress(BODY),
    "x-gzip": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "GZIP": gzip.compress(BODY),
}


async def post(stage: Stage, key: str, body: bytes | AsyncIterator[bytes], **headers: str) -> tuple[int, bytes]:
    sent = {"x-api-key": key, "content-type": "application/json", **headers}
    async with ClientSession() as client, client.post(f"{stage.url}/v1/messages", data=body, headers=sent) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_compressed_body_reaches_the_provider_plain(encoding: str) -> None:
    access, provider = an_access(), Provider()

    async def steps(stage: Stage) -> None:
        assert (await post(stage, token(access), ENCODED[encoding], **{"content-encoding": encoding}))[0] == 200

    play(steps, provider)
    assert provider.bodies == [BODY]
    assert "content-encoding" not in provider.seen[0].headers
    assert rows() == [("settled", COST)]


def test_a_body_in_zstd_reaches_the_provider_plain_where_python_reads_it() -> None:
    access, provider = an_access(), Provider()
    reads = "zstd" in encodings.READABLE
    body = import_module("compression.zstd").compress(BODY) if reads else b"(unreadable)"

    async def steps(stage: Stage) -> None:
        status, answer = await post(stage, token(access), body, **{"content-encoding": "zstd"})
        assert status == (200 if reads else 415)
        assert reads or b"The gateway reads gzip, deflate" in answer

    play(steps, provider)
    assert provider.bodies == ([BODY] if reads else [])


def test_a_body_in_chunks_reaches_the_provider_whole() -> None:
    access, provider = an_access(), Provider()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(BODY), 7):
            yield BODY[start : start + 7]

    async def steps(stage: Stage) -> None:
        assert (await post(stage, token(access), pieces()))[0] == 200

    play(steps, provider)
    assert provider.bodies == [BODY]


@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        (b"x", "br", 415, "invalid_request_error"),
        (b"x", "gzip, gzip", 415, "invalid_request_error"),
        (b"no gzip", "gzip", 415, "invalid_request_error"),
        (gzip.compress(b"\0" * (bodies.MAX_BYTES + 1)), "gzip", 413, "request_too_large"),
        (b" " * (bodies.MAX_BYTES + 1), "identity", 413, "request_too_large"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_in_the_providers_shape(body: bytes, encoding: str, status: int, code: str) -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        answered, text = await post(stage, token(access), body, **{"content-encoding": encoding})
        values = json.loads(text)
        assert (answered, values["type"], values["error"]["type"]) == (status, "error", code)

    play(steps)
    assert rows() == []


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "READ_TIMEOUT_S", 0.2)
    access = an_access()

    async def steps(stage: Stage) -> None:
        reader, writer = await _connect(stage)
        writer.write(_head(token(access), len(BODY)) + BODY[:20])
        assert b" 408 " in await reader.readline()
        writer.close()
        assert (await post(stage, token(access), BODY))[0] == 200

    play(steps)
    assert rows() == [("settled", COST)]


def test_large_bodies_of_one_token_are_read_in_turn_and_others_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LARGE_BYTES", len(BODY) + 1)
    first, second = an_access(), an_access()
    large = json.dumps(REQUEST | {"messages": [{"role": "user", "content": "Hi " * 100}]}).encode()

    async def steps(stage: Stage) -> None:
        reader, writer = await _connect(stage)
        writer.write(_head(token(first), len(large)) + large[:20])
        await writer.drain()
        while not (turn := bodies._locks.get(first.pk)):
            await asyncio.sleep(0.01)
        waiting = asyncio.create_task(post(stage, token(first), large))
        assert (await post(stage, token(first), BODY))[0] == (await post(stage, token(second), large))[0] == 200
        assert turn.locked() and not waiting.done()
        writer.write(large[20:])
        assert b" 200 " in await reader.readline()
        assert (await waiting)[0] == 200
        writer.close()

    play(steps)


def test_a_token_with_too_many_large_bodies_waits_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of its first request is free once that has ended."""
    monkeypatch.setattr(bodies, "LARGE_BYTES", len(BODY) - 1)
    monkeypatch.setattr(bodies, "MAX_BYTES_PER_ACCESS", len(BODY))
    access, began, goes_on = an_access(), asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request, response: web.StreamResponse) -> None:
        began.set()
        await goes_on.wait()
        await response.write(ANSWER)

    async def steps(stage: Stage) -> None:
        first = asyncio.create_task(post(stage, token(access), BODY))
        await began.wait()
        status, answer = await post(stage, token(access), BODY)
        assert status == 429 and b"one after the other" in answer
        goes_on.set()
        assert (await first)[0] == 200
        assert (await post(stage, token(access), BODY))[0] == 200

    play(steps, Provider([slow, ANSWER]))
    assert not bodies._in_memory


def test_a_client_that_leaves_within_its_body_costs_nothing() -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        for part in (b"", BODY[:20]):
            _, writer = await _connect(stage)
            writer.write(_head(token(access), len(BODY)) + part)
            await writer.drain()
            writer.close()
        assert (await post(stage, token(access), BODY))[0] == 200

    play(steps)
    assert rows() == [("settled", COST)]


async def _connect(stage: Stage) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = urlsplit(stage.url)
    return await asyncio.open_connection(place.hostname, place.port)


def _head(key: str, length: int) -> bytes:
    return f"POST /v1/messages HTTP/1.1\r\nHost: gateway\r\nx-api-key: {key}\r\nContent-Length: {length}\r\n\r\n".encode()
