"""The bytes of a request, to its provider and back. The client gets nothing before the provider's status line. It gets the last bytes once the books are
written: no session ends before its last request is settled."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any
from urllib.parse import parse_qsl
from urllib.request import getproxies, proxy_bypass

import aiohttp
import structlog
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from budget.ledger import requests
from budget.ledger.prices import Tokens
from budget.ledger.requests import Counted
from orchestration.gateway import accesses, admission, books, conversations, database, pricing, refusals
from orchestration.gateway.accesses import Permitted
from orchestration.gateway.keys import HOP_BY_HOP, KeyMask, Upstream
from orchestration.gateway.pacing import Slot
from orchestration.protocols import PROTOCOLS
from orchestration.protocols.shared.interface import Meter, ProviderProtocol, Reading, Request, Route

log = structlog.get_logger(__name__)

CLIENT = web.AppKey("client", aiohttp.ClientSession)
COUNT_TIMEOUT = aiohttp.ClientTimeout(total=10)
LINGER_S = 5.0
"""The time for which an answer is read on after its client has left, or after its last event: its count may still come."""
SETTLE_S = 60.0
WRITE_TIMEOUT_S = 300.0
"""A client that takes no bytes for so long has left: TCP reports no dead host."""
BUFFERED_BYTES = 2**15
"""A transport buffers so many bytes at once: their write needs no timer."""
ERROR_S, MAX_ERROR, MAX_AFTER, MAX_FREE = 30.0, 2**20, 2**22, 2**22
CONNECT_ERRORS = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    UnicodeError,
)
"""Nothing was sent: no connection, no DNS name, no valid certificate, or no valid address."""
_NOT_RETURNED = HOP_BY_HOP | {"content-length", "set-cookie", "server", "date"}
MAYBE_BILLED = (502, 504, 520, 524)
"""Answers of a proxy before a provider, which may be at work on the request."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request whose bound is reserved in its row."""

    body: bytes
    row: int
    asked: Request
    permitted: Permitted
    protocol: ProviderProtocol
    slot: Slot
    upstream: Upstream
    route: Route
    bound: int = 0
    seen: int = 0  # an estimate of its input's cost

    @property
    def credential(self) -> str:
        return self.upstream.credential


@lru_cache(maxsize=1_000)
def _proxy_of(scheme: str, host: str) -> str | None:
    """The server's own proxy for this provider, by `https_proxy` and `no_proxy`. aiohttp would read these and ~/.netrc in two threads for each request. A
    password in ~/.netrc would replace the provider's key."""
    return None if proxy_bypass(host) else getproxies().get(scheme)


async def free(
    request: web.Request, protocol: ProviderProtocol, route: Route, upstream: Upstream, body: bytes
) -> web.StreamResponse:
    """Forward a request that costs nothing."""
    try:
        async with _ask(request, upstream, _target(request, protocol, route, upstream), body or None) as answer:
            free_body = upstream.masked(await _whole_body(answer))
            return web.Response(status=answer.status, headers=_returned(answer, upstream), body=free_body)
    except (aiohttp.ClientError, TimeoutError) as problem:
        return refusals.error(protocol, 502, "api_error", _unreachable(upstream, problem))


async def count_input(
    request: web.Request, protocol: ProviderProtocol, route: Route, upstream: Upstream, body: bytes
) -> int | None:
    """The provider's own count of an input's tokens; None: it gives none."""
    target = upstream.address(route.version or protocol.version, route.endpoint)
    headers = [(name, value) for name, value in upstream.headers(request.headers, target) if name.lower() != "content-type"]
    try:
        proxy = _proxy_of(target.scheme, target.host or "")
        sent = [*headers, ("content-type", "application/json")]
        async with request.app[CLIENT].post(
            target, data=body, headers=sent, allow_redirects=False, proxy=proxy, timeout=COUNT_TIMEOUT
        ) as answer:
            values = json.loads(await _whole_body(answer)) if answer.status == 200 else {}
    except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError):
        return None
    counted = values.get("input_tokens", values.get("totalTokens")) if isinstance(values, dict) else None
    return counted if type(counted) is int and counted >= 0 else None


async def _whole_body(answer: aiohttp.ClientResponse) -> bytes:
    """A body that is kept in memory until it ends. Raises ClientPayloadError where it is longer than MAX_FREE, and TimeoutError after ERROR_S."""
    body = bytearray()
    async with asyncio.timeout(ERROR_S):
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > MAX_FREE:
                raise aiohttp.ClientPayloadError("its answer is too long")
    return bytes(body)


async def probe(client: aiohttp.ClientSession, upstream: Upstream) -> int:
    """The status of the provider's answer to `GET models`, which costs nothing; 0: no answer."""
    target = upstream.address(PROTOCOLS[upstream.api].version, "models")
    given = CIMultiDictProxy(CIMultiDict(PROTOCOLS[upstream.api].api.headers))
    headers, proxy = upstream.headers(given, target), _proxy_of(target.scheme, target.host or "")
    try:
        async with client.get(target, headers=headers, allow_redirects=False, proxy=proxy, timeout=COUNT_TIMEOUT) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0


def _target(request: web.Request, protocol: ProviderProtocol, route: Route, upstream: Upstream) -> URL:
    query = {name: value for name, value in parse_qsl(request.query_string) if name in protocol.query}
    return upstream.address(route.version or protocol.version, route.endpoint, query)


def _ask(request: web.Request, upstream: Upstream, target: URL, body: bytes | None) -> Any:
    """A request to the provider, as aiohttp's context manager. Redirects are not followed: they would take the key along."""
    return request.app[CLIENT].request(
        request.method,
        target,
        data=body,
        headers=upstream.headers(request.headers, target),
        allow_redirects=False,
        proxy=_proxy_of(target.scheme, target.host or ""),
    )


async def give_up(outgoing: Outgoing) -> None:
    """End an unsent request."""
    outgoing.slot.give_back()
    await _release(outgoing, "the gateway could not send it", None)


async def send(request: web.Request, outgoing: Outgoing, *, may_wait_s: float) -> web.StreamResponse | None:
    """Send a request, stream its answer and book it. None: a 429, and it may be sent again soon."""
    upstream = outgoing.upstream
    try:
        target = _target(request, outgoing.protocol, outgoing.route, upstream)
        outgoing.slot.departs()
        answer = await _ask(request, upstream, target, outgoing.body)
    except CONNECT_ERRORS as problem:
        outgoing.slot.give_back()
        await _release(outgoing, _unreachable(upstream, problem), None)
        return refusals.error(outgoing.protocol, 502, "api_error", _unreachable(upstream, problem))
    except BaseException as problem:
        outgoing.slot.give_back()
        if isinstance(problem, (aiohttp.ClientError, TimeoutError, OSError)):
            conversations.note_broken(outgoing.permitted.workspace_id, outgoing.credential)
        await asyncio.shield(
            _settle(outgoing, Reading(problem=f"its provider gave no answer ({type(problem).__name__})"), None, None)
        )
        if not isinstance(problem, (aiohttp.ClientError, TimeoutError, OSError)):
            raise
        return refusals.error(outgoing.protocol, 502, "api_error", _unreachable(upstream, problem))
    headers = {name.lower(): value for name, value in answer.headers.items()}
    outgoing.slot.give_back(answer.status, headers)
    try:
        if answer.status != 200:
            return await _refused(outgoing, answer, headers, may_wait_s)
        return await _pass_on(request, outgoing, answer)
    finally:
        answer.close()


async def _refused(
    outgoing: Outgoing, answer: aiohttp.ClientResponse, headers: dict[str, str], may_wait_s: float
) -> web.StreamResponse | None:
    """Forward a refusal: before any output it costs nothing."""
    sent = await _error_body(answer)
    body = outgoing.upstream.masked(sent)
    if body != sent:
        _note_echo(outgoing)
    if answer.status in MAYBE_BILLED or answer.status < 300:
        await _settle(outgoing, Reading(problem=f"the provider answered {answer.status}"), answer.status, None)
    else:
        await _release(outgoing, f"the provider answered {answer.status}", answer.status)
    if await refusals.record(
        outgoing.permitted, outgoing.upstream, outgoing.slot.limiter, outgoing.asked.model, answer.status, body, may_wait_s
    ):
        return None
    return web.Response(status=answer.status, headers=_returned(answer, outgoing.upstream), body=body)


def _note_echo(outgoing: Outgoing) -> None:
    """Report on the session's page that its provider echoed the key."""
    log.warning("gateway.key_echoed", credential=outgoing.credential)
    database.defer(partial(books.note_echo, outgoing.permitted.access.session_ref, outgoing.credential))


async def _error_body(answer: aiohttp.ClientResponse) -> bytes:
    """The body of a refusal, or its beginning."""
    body = bytearray()
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with asyncio.timeout(ERROR_S):
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MAX_ERROR:
                    break
    return bytes(body[:MAX_ERROR])


async def _pass_on(request: web.Request, outgoing: Outgoing, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    meter = outgoing.protocol.meter(
        outgoing.asked, answer.headers.get("Content-Type", ""), answer.headers.get("Content-Encoding", "")
    )
    response = web.StreamResponse(status=200, headers=_returned(answer, outgoing.upstream))
    is_stream = answer.headers.get("Content-Type", "").startswith("text/event-stream")
    mask = KeyMask(outgoing.upstream.secret) if outgoing.upstream.secret and not is_stream else None
    stream = ResponseStream(request, response, meter, mask)
    is_complete, first_byte_at = False, None
    try:
        async with asyncio.timeout(None) as limit:
            async for chunk in answer.content.iter_any():
                first_byte_at = first_byte_at or datetime.now(UTC)
                meter.feed(chunk)
                if not await stream.write(chunk):
                    break
                if stream.is_over and limit.when() is None:
                    limit.reschedule(asyncio.get_running_loop().time() + LINGER_S)
            else:
                is_complete = True
    except (aiohttp.ClientError, TimeoutError, OSError) as problem:
        log.warning("gateway.answer_cut", request=outgoing.row, error=str(problem))
    except BaseException:
        await asyncio.shield(_settle(outgoing, meter.end(complete=False), 200, first_byte_at))
        raise
    reading = meter.end(complete=is_complete)
    if not stream.client_left and (reading.error or not (is_complete or stream.is_over)):
        conversations.note_broken(outgoing.permitted.workspace_id, outgoing.credential)
    await _settle(outgoing, reading, answer.status, first_byte_at)
    if mask is not None and mask.has_masked:
        _note_echo(outgoing)
    if not (is_complete or stream.is_over or stream.client_left):
        transport = request.transport
        if transport is not None:
            transport.abort()  # the client sees a truncated answer too
    else:
        await stream.finish()
    return response


class ResponseStream:
    """An answer on its way to the client. The final chunks are held back until the books are written."""

    def __init__(self, request: web.Request, response: web.StreamResponse, meter: Meter, mask: KeyMask | None = None) -> None:
        self._request, self._response, self._meter, self._mask = request, response, meter, mask
        self._held_back = b""
        self._has_begun = False
        self.client_left = False
        self._left_at = 0.0

    @property
    def is_over(self) -> bool:
        """The final count has come: the answer is whole, even if the connection breaks."""
        return bool(self._held_back)

    async def write(self, chunk: bytes) -> bool:
        """Write a chunk. False: stop reading."""
        if self.client_left:
            return time.monotonic() - self._left_at < LINGER_S
        chunk = self._mask.feed(chunk) if self._mask is not None else chunk
        if self._meter.is_over:
            self._held_back += chunk
            return len(self._held_back) < MAX_AFTER
        await self._write(self._held_back + chunk if self._held_back else chunk)
        self._held_back = b""
        return True

    async def finish(self) -> None:
        if self.client_left:
            return
        await self._write(self._held_back + (self._mask.feed(b"", is_last=True) if self._mask is not None else b""))
        if not self.client_left:
            await self._with_timeout(self._response.write_eof())

    async def _write(self, chunk: bytes) -> None:
        if not self._has_begun:
            self._has_begun = True
            await self._with_timeout(self._response.prepare(self._request))
        if chunk and not self.client_left:
            await self._with_timeout(self._response.write(chunk), len(chunk))

    async def _with_timeout(self, step: Awaitable[object], size: int = 0) -> None:
        """Await a write of this size, or of an unknown one (0), until the timeout."""
        transport = self._request.transport
        may_wait = not size or transport is None or transport.get_write_buffer_size() + size > BUFFERED_BYTES
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S) if may_wait else nullcontext():
                await step
        except (ConnectionError, RuntimeError):
            self.client_left, self._left_at = True, time.monotonic()
        except TimeoutError:
            self.client_left, self._left_at = True, time.monotonic()
            if self._request.transport is not None:
                self._request.transport.abort()


async def _settle(outgoing: Outgoing, reading: Reading, status: int | None, first_byte_at: datetime | None) -> None:
    """Book the provider's count, or defer that while the database is unavailable."""
    counted = count(outgoing, reading, status, first_byte_at)
    conversations.note(outgoing.permitted.owner, outgoing.asked, reading)
    settle = partial(books.settle, outgoing.permitted.workspace_id, outgoing.credential, outgoing.row)
    try:
        await _run_or_defer(outgoing, partial(settle, counted))
    except Exception:
        log.exception("gateway.not_settled", request=outgoing.row)
        await _run_or_defer(
            outgoing, partial(settle, Counted(0, Tokens(outgoing.asked.model), "", unknown="it could not be booked"))
        )
    if requests.beyond(counted, outgoing.bound):
        accesses.rules_cache.clear()
        await _run_or_defer(outgoing, partial(books.note_overrun, outgoing.row))


async def _release(outgoing: Outgoing, reason: str, status: int | None) -> None:
    await _run_or_defer(outgoing, partial(requests.free, outgoing.row, reason=reason, status=status))


async def _run_or_defer(outgoing: Outgoing, action: Callable[[], object]) -> None:
    try:
        await database.run(action, patience_s=SETTLE_S, books=True)
    except database.Unavailable:
        log.warning("gateway.settled_later", request=outgoing.row)
        database.defer(action)
    admission.wake_waiters(outgoing.permitted.access.hold.project_id)


def count(outgoing: Outgoing, reading: Reading, status: int | None, first_byte_at: datetime | None) -> Counted:
    """The known cost of a request. Unknown is never zero: without a plausible final count the rest of its bound stays reserved."""
    asked, own, usage = outgoing.asked, outgoing.permitted.rules.prices, reading.usage
    if usage is None:
        reason = reading.problem or reading.error or "its answer has no count"
        streamed = Tokens(asked.model, output=reading.streamed_bytes // conversations.USUAL_BYTES_PER_TOKEN)
        seen = outgoing.seen + (pricing.cost(asked, streamed, own) or 0)
        return Counted(0, Tokens(asked.model), "", unknown=reason, seen=seen, status=status, first_byte_at=first_byte_at)
    tokens = pricing.counted(asked, usage)
    unknown = "" if reading.is_final else reading.problem or reading.error or "its answer was cut off"
    unknown = conversations.implausible(usage, reading) or unknown
    if unknown:
        tokens = replace(tokens, output=max(tokens.output, reading.streamed_bytes // conversations.USUAL_BYTES_PER_TOKEN))
    amount = pricing.cost(asked, tokens, own)
    if amount is None:
        amount, unknown = 0, f"the model {tokens.model} has no price"
    most = pricing.plausible_cost(asked, tokens, own)
    version = pricing.version(tokens, own)
    return Counted(amount, tokens, version, unknown, amount, most, status=status, first_byte_at=first_byte_at)


def _returned(answer: aiohttp.ClientResponse, upstream: Upstream) -> list[tuple[str, str]]:
    kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _NOT_RETURNED]
    if upstream.secret and any(upstream.secret in value.encode("latin-1", "replace") for _, value in kept):
        log.warning("gateway.key_echoed", credential=upstream.credential)
    return [
        (name, upstream.masked(value.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape"))
        for name, value in kept
    ]


def _unreachable(upstream: Upstream, problem: BaseException) -> str:
    return (
        f"The provider at {upstream.base.host_port_subcomponent} could not be reached: {str(problem) or type(problem).__name__}"[
            :300
        ]
    )
