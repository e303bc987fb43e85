"""The bodies of requests, decoded and whole. Large ones of one access are read one at a time, and their memory is bounded: an agent that sends many takes
neither memory nor time of the others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar
from weakref import WeakValueDictionary

from aiohttp import web

from orchestration.protocols.shared.interface import Refused
from orchestration.protocols.streams import encodings

T = TypeVar("T")
MAX_BYTES, LARGE_BYTES = 40 * 2**20, 2**20
READ_TIMEOUT_S = 300.0
"""The time from a body's first byte to its last."""
MAX_BYTES_PER_ACCESS = 256 * 2**20
"""An access's large bodies in memory, from their arrival to the end of their answers."""

_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
_in_memory: Counter[str] = Counter()


@asynccontextmanager
async def serialised(access_id: str, request: web.Request) -> AsyncIterator[None]:
    """A lock for reading and parsing a body that is large, compressed, or of unknown size."""
    size = request.content_length
    if size is not None and size <= LARGE_BYTES and "Content-Encoding" not in request.headers:
        yield
        return
    lock = _locks.setdefault(access_id, asyncio.Lock())
    async with lock:
        yield


@contextmanager
def within_memory(access_id: str, body: bytes) -> Iterator[None]:
    """The life of a body in memory. Raises Refused where its access has too many."""
    size = len(body) if len(body) > LARGE_BYTES else 0
    if size and _in_memory[access_id] + size > MAX_BYTES_PER_ACCESS:
        sentence = f"Requests of more than {MAX_BYTES_PER_ACCESS // 2**20} MiB at once: send them one after the other"
        raise Refused(429, "rate_limit_error", sentence)
    _in_memory[access_id] += size
    try:
        yield
    finally:
        _in_memory[access_id] -= size
        if not _in_memory[access_id]:
            del _in_memory[access_id]


async def read(request: web.Request) -> bytes:
    """The decoded body. Raises Refused, and HTTPRequestEntityTooLarge."""
    encoding = request.headers.get("Content-Encoding", "").lower()
    try:
        encodings.decoder(encoding)
        async with asyncio.timeout(READ_TIMEOUT_S):
            body = await request.read()
        if encoding in ("", "identity"):
            return body
        return await asyncio.to_thread(encodings.decoded, body, encoding, MAX_BYTES)
    except encodings.Undecodable as problem:
        readable = ", ".join(encodings.READABLE)
        raise Refused(415, "invalid_request_error", f"{problem} The gateway reads {readable}, and plain bodies") from None
    except encodings.TooLarge:
        raise web.HTTPRequestEntityTooLarge(MAX_BYTES) from None
    except TimeoutError:
        raise Refused(408, "timeout_error", f"The body did not come within {READ_TIMEOUT_S:.0f} s") from None


async def off_loop(body: bytes, action: Callable[[], T]) -> T:
    """Run an action on a large body in a thread, so that it does not block the event loop."""
    return await asyncio.to_thread(action) if len(body) > LARGE_BYTES else action()
