"""The bytes of a request, to its provider and back. Nothing goes to the client before the provider's own status line; the last bytes go after the
books are written, so that no session ends before its last request is settled."""

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
from orchestration.gateway.pacing import Place
from orchestration.gateway.protocols import PROTOCOLS
from orchestration.gateway.protocols.interface import Meter, ProviderProtocol, Reading, Request, Route

log = structlog.get_logger(__name__)

CLIENT = web.AppKey("client", aiohttp.ClientSession)
ANTHROPIC_VERSION = "2023-06-01"
COUNT_TIMEOUT = aiohttp.ClientTimeout(total=10)
READ_ON_S = 5.0
"""So long a provider's answer is read on after its client has left, since it may still say what it cost, and after its last event."""
SETTLE_S = 60.0
UNREAD_S = 300.0
"""A client that takes no bytes for so long has left: its host may be gone, which no connection tells."""
AT_ONCE = 2**15
"""So many bytes a connection takes in any case: writing them waits for nothing."""
ERROR_S, MAX_ERROR, MAX_AFTER, MAX_FREE = 30.0, 2**20, 2**22, 2**22
NOT_REACHED = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    UnicodeError,
)
"""Nothing was sent: no connection, no name, no certificate, or no address at all."""
NOT_RETURNED = HOP_BY_HOP | {"content-length", "set-cookie", "server", "date"}
PERHAPS_BILLED = (502, 504, 520, 524)
"""Answers of what stands before a provider: it may be at work on the request."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request whose bound is reserved in the row. `seen`: an estimate of its input's cost."""

    body: bytes
    row: int
    asked: Request
    permitted: Permitted
    protocol: ProviderProtocol
    place: Place
    upstream: Upstream
    route: Route
    bound: int = 0
    seen: int = 0

    @property
    def credential(self) -> str:
        return self.upstream.credential


@lru_cache(maxsize=1_000)
def _proxy_of(scheme: str, host: str) -> str | None:
    """The server's own proxy for this provider, as `https_proxy` and `no_proxy` say. aiohttp would read these and ~/.netrc in two threads for each request, and
    a password there would stand against the provider's key."""
    return None if proxy_bypass(host) else getproxies().get(scheme)


async def free(
    request: web.Request, protocol: ProviderProtocol, route: Route, upstream: Upstream, body: bytes
) -> web.StreamResponse:
    """Pass on a request that costs nothing."""
    try:
        async with _ask(request, upstream, _target(request, protocol, route, upstream), body or None) as answer:
            free_body = upstream.masked(await _whole_body(answer))
            return web.Response(status=answer.status, headers=_returned(answer, upstream), body=free_body)
    except (aiohttp.ClientError, TimeoutError) as problem:
        return refusals.error(protocol, 502, "api_error", _unreachable(upstream, problem))


async def count_input(
    request: web.Request, protocol: ProviderProtocol, route: Route, upstream: Upstream, body: bytes
) -> int | None:
    """The provider's count of the tokens of an input, before it is sent; None: it does not say."""
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


async def ask_for_models(client: aiohttp.ClientSession, upstream: Upstream) -> int:
    """The status of a provider's answer to a request of the gateway's own, which costs nothing. 0: there is none."""
    target = upstream.address(PROTOCOLS[upstream.api].version, "models")
    given = CIMultiDictProxy(CIMultiDict({"anthropic-version": ANTHROPIC_VERSION} if upstream.api == "anthropic" else {}))
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
    """A request to the provider, as aiohttp's context manager of its answer. A redirect would take the key along."""
    return request.app[CLIENT].request(
        request.method,
        target,
        data=body,
        headers=upstream.headers(request.headers, target),
        allow_redirects=False,
        proxy=_proxy_of(target.scheme, target.host or ""),
    )


async def give_up(outgoing: Outgoing) -> None:
    """End a request of which nothing was sent."""
    outgoing.place.give_back()
    await _release(outgoing, "the gateway could not send it", None)


async def send(request: web.Request, outgoing: Outgoing, *, may_wait_s: float) -> web.StreamResponse | None:
    """Send it, pass the answer on and book it. None: its provider takes no more requests now, and it may be sent again before long."""
    upstream = outgoing.upstream
    try:
        target = _target(request, outgoing.protocol, outgoing.route, upstream)
        outgoing.place.leaves()
        answer = await _ask(request, upstream, target, outgoing.body)
    except NOT_REACHED as problem:
        outgoing.place.give_back()
        await _release(outgoing, _unreachable(upstream, problem), None)
        return refusals.error(outgoing.protocol, 502, "api_error", _unreachable(upstream, problem))
    except BaseException as problem:
        outgoing.place.give_back()
        if isinstance(problem, (aiohttp.ClientError, TimeoutError, OSError)):
            conversations.note_broken(outgoing.permitted.workspace_id, outgoing.credential)
        await asyncio.shield(
            _settle(outgoing, Reading(problem=f"its provider gave no answer ({type(problem).__name__})"), None, None)
        )
        if not isinstance(problem, (aiohttp.ClientError, TimeoutError, OSError)):
            raise
        return refusals.error(outgoing.protocol, 502, "api_error", _unreachable(upstream, problem))
    headers = {name.lower(): value for name, value in answer.headers.items()}
    outgoing.place.give_back(answer.status, headers)
    try:
        if answer.status != 200:
            return await _refused(outgoing, answer, headers, may_wait_s)
        return await _pass_on(request, outgoing, answer)
    finally:
        answer.close()


async def _refused(
    outgoing: Outgoing, answer: aiohttp.ClientResponse, headers: dict[str, str], may_wait_s: float
) -> web.StreamResponse | None:
    """Pass on a refusal: before any output it costs nothing."""
    sent = await _error_body(answer)
    body = outgoing.upstream.masked(sent)
    if body != sent:
        _note_echo(outgoing)
    if answer.status in PERHAPS_BILLED or answer.status < 300:
        await _settle(outgoing, Reading(problem=f"the provider answered {answer.status}"), answer.status, None)
    else:
        await _release(outgoing, f"the provider answered {answer.status}", answer.status)
    if await refusals.read(
        outgoing.permitted, outgoing.upstream, outgoing.place.pace, outgoing.asked.model, answer.status, body, may_wait_s
    ):
        return None
    return web.Response(status=answer.status, headers=_returned(answer, outgoing.upstream), body=body)


def _note_echo(outgoing: Outgoing) -> None:
    """Say on the session's page that its provider sent the key back."""
    log.warning("gateway.key_echoed", credential=outgoing.credential)
    database.later(partial(books.note_echo, outgoing.permitted.access.session_ref, outgoing.credential))


async def _error_body(answer: aiohttp.ClientResponse) -> bytes:
    """The body of a refusal, as far as it comes."""
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
    passing = Passing(request, response, meter, mask)
    is_complete, first_byte_at = False, None
    try:
        async with asyncio.timeout(None) as limit:
            async for chunk in answer.content.iter_any():
                first_byte_at = first_byte_at or datetime.now(UTC)
                meter.feed(chunk)
                if not await passing.give(chunk):
                    break
                if passing.is_over and limit.when() is None:
                    limit.reschedule(asyncio.get_running_loop().time() + READ_ON_S)
            else:
                is_complete = True
    except (aiohttp.ClientError, TimeoutError, OSError) as problem:
        log.warning("gateway.answer_cut", request=outgoing.row, error=str(problem))
    except BaseException:
        await asyncio.shield(_settle(outgoing, meter.end(complete=False), 200, first_byte_at))
        raise
    reading = meter.end(complete=is_complete)
    if not passing.is_gone and (reading.error or not (is_complete or passing.is_over)):
        conversations.note_broken(outgoing.permitted.workspace_id, outgoing.credential)
    await _settle(outgoing, reading, answer.status, first_byte_at)
    if mask is not None and mask.has_masked:
        _note_echo(outgoing)
    if not (is_complete or passing.is_over or passing.is_gone):
        transport = request.transport
        if transport is not None:
            transport.abort()  # the client sees what Muster saw: an answer that was cut off
    else:
        await passing.finish()
    return response


class Passing:
    """The way of an answer to its client. The newest chunk is kept back until another one comes, or the books are written."""

    def __init__(self, request: web.Request, response: web.StreamResponse, meter: Meter, mask: KeyMask | None = None) -> None:
        self._request, self._response, self._meter, self._mask = request, response, meter, mask
        self._kept = b""
        self._has_begun = False
        self.is_gone = False
        self._gone_at = 0.0

    @property
    def is_over(self) -> bool:
        """The final count has come: however the connection ends, the answer is whole."""
        return bool(self._kept)

    async def give(self, chunk: bytes) -> bool:
        """False: the client has left, and the provider had its time to say what the answer costs."""
        if self.is_gone:
            return time.monotonic() - self._gone_at < READ_ON_S
        chunk = self._mask.feed(chunk) if self._mask is not None else chunk
        if self._meter.is_over:
            self._kept += chunk
            return len(self._kept) < MAX_AFTER
        await self._write(self._kept + chunk if self._kept else chunk)
        self._kept = b""
        return True

    async def finish(self) -> None:
        if self.is_gone:
            return
        await self._write(self._kept + (self._mask.feed(b"", is_last=True) if self._mask is not None else b""))
        if not self.is_gone:
            await self._bounded(self._response.write_eof())

    async def _write(self, chunk: bytes) -> None:
        if not self._has_begun:
            self._has_begun = True
            await self._bounded(self._response.prepare(self._request))
        if chunk and not self.is_gone:
            await self._bounded(self._response.write(chunk), len(chunk))

    async def _bounded(self, step: Awaitable[object], size: int = 0) -> None:
        """A step that waits for the client to take bytes, but not for ever. `size`: its bytes, where it writes no more."""
        transport = self._request.transport
        may_wait = not size or transport is None or transport.get_write_buffer_size() + size > AT_ONCE
        try:
            async with asyncio.timeout(UNREAD_S) if may_wait else nullcontext():
                await step
        except (ConnectionError, RuntimeError):
            self.is_gone, self._gone_at = True, time.monotonic()
        except TimeoutError:
            self.is_gone, self._gone_at = True, time.monotonic()
            if self._request.transport is not None:
                self._request.transport.abort()


async def _settle(outgoing: Outgoing, reading: Reading, status: int | None, first_byte_at: datetime | None) -> None:
    """Book what the provider counted; while the database is away, later."""
    counted = count(outgoing, reading, status, first_byte_at)
    conversations.note(outgoing.permitted.owner, outgoing.asked, reading)
    settle = partial(books.settle, outgoing.permitted.workspace_id, outgoing.credential, outgoing.row)
    try:
        await _insist(outgoing, partial(settle, counted))
    except Exception:
        log.exception("gateway.not_settled", request=outgoing.row)
        await _insist(outgoing, partial(settle, Counted(0, Tokens(outgoing.asked.model), "", unknown="it could not be booked")))
    if requests.beyond(counted, outgoing.bound):
        accesses.rules.clear()
        await _insist(outgoing, partial(books.note_overrun, outgoing.row))


async def _release(outgoing: Outgoing, reason: str, status: int | None) -> None:
    await _insist(outgoing, partial(requests.free, outgoing.row, reason=reason, status=status))


async def _insist(outgoing: Outgoing, action: Callable[[], object]) -> None:
    try:
        await database.run(action, patience_s=SETTLE_S, books=True)
    except database.Away:
        log.warning("gateway.settled_later", request=outgoing.row)
        database.later(action)
    admission.money_came_back(outgoing.permitted.access.hold.project_id)


def count(outgoing: Outgoing, reading: Reading, status: int | None, first_byte_at: datetime | None) -> Counted:
    """The known part of a request's cost. Unknown is never zero: without a final count that fits what was seen, the rest of its bound stays reserved."""
    asked, own, usage = outgoing.asked, outgoing.permitted.rules.prices, reading.usage
    if usage is None:
        reason = reading.problem or reading.error or "its answer has no count"
        streamed = Tokens(asked.model, output=reading.streamed_bytes // conversations.USUAL_BYTES_OF_TOKEN)
        seen = outgoing.seen + (pricing.cost(asked, streamed, own) or 0)
        return Counted(0, Tokens(asked.model), "", unknown=reason, seen=seen, status=status, first_byte_at=first_byte_at)
    tokens = pricing.counted(asked, usage)
    unknown = "" if reading.is_final else reading.problem or reading.error or "its answer was cut off"
    unknown = conversations.too_little(usage, reading) or unknown
    if unknown:
        tokens = replace(tokens, output=max(tokens.output, reading.streamed_bytes // conversations.USUAL_BYTES_OF_TOKEN))
    amount = pricing.cost(asked, tokens, own)
    if amount is None:
        amount, unknown = 0, f"the model {tokens.model} has no price"
    most = pricing.most(asked, tokens, own)
    version = pricing.version(tokens, own)
    return Counted(amount, tokens, version, unknown, amount, most, status=status, first_byte_at=first_byte_at)


def _returned(answer: aiohttp.ClientResponse, upstream: Upstream) -> list[tuple[str, str]]:
    kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in NOT_RETURNED]
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
