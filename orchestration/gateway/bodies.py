"""The bodies of requests, plain and whole. Large ones of one access are read in turn, and few of them are kept at once: an agent that sends many takes
neither the memory nor the time of the others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar
from weakref import WeakValueDictionary

from aiohttp import web

from orchestration.gateway.protocols.interface import Refused
from orchestration.gateway.protocols.streams import encodings

T = TypeVar("T")
MOST, LARGE = 40 * 2**20, 2**20
READING_S = 300.0
"""So long a body may take from its first byte to its last."""
MOST_OF_ACCESS = 256 * 2**20
"""Bytes of its large bodies, from their arrival until their answer has ended."""

_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
_kept: Counter[str] = Counter()


@asynccontextmanager
async def in_turn(access_id: str, request: web.Request) -> AsyncIterator[None]:
    """The time in which a body is read and looked through: a large one, or one that does not say its size, after those before it."""
    size = request.content_length
    if size is not None and size <= LARGE and "Content-Encoding" not in request.headers:
        yield
        return
    turn = _turns.setdefault(access_id, asyncio.Lock())
    async with turn:
        yield


@contextmanager
def kept(access_id: str, body: bytes) -> Iterator[None]:
    """The time in which a body is kept. Raises Refused where its access has too many."""
    size = len(body) if len(body) > LARGE else 0
    if size and _kept[access_id] + size > MOST_OF_ACCESS:
        sentence = f"Requests of more than {MOST_OF_ACCESS // 2**20} MiB at once: send them one after the other"
        raise Refused(429, "rate_limit_error", sentence)
    _kept[access_id] += size
    try:
        yield
    finally:
        _kept[access_id] -= size
        if not _kept[access_id]:
            del _kept[access_id]


async def read(request: web.Request) -> bytes:
    """The plain body, however it was sent. Raises Refused, and aiohttp's own error for one that is too large."""
    encoding = request.headers.get("Content-Encoding", "").lower()
    try:
        encodings.decoder(encoding)
        async with asyncio.timeout(READING_S):
            body = await request.read()
        if encoding in ("", "identity"):
            return body
        return await asyncio.to_thread(encodings.decoded, body, encoding, MOST)
    except encodings.Unknown as problem:
        readable = ", ".join(encodings.READABLE)
        raise Refused(415, "invalid_request_error", f"{problem} The gateway reads {readable}, and plain bodies") from None
    except encodings.TooLarge:
        raise web.HTTPRequestEntityTooLarge(MOST) from None
    except TimeoutError:
        raise Refused(408, "timeout_error", f"The body did not come within {READING_S:.0f} s") from None


async def apart(body: bytes, action: Callable[[], T]) -> T:
    """The result of what takes long with a large body, which no other request waits for."""
    return await asyncio.to_thread(action) if len(body) > LARGE else action()
