"""The gateway's web application: a request from its arrival to its books."""

import asyncio
import logging
import socket
import time
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import structlog
from aiohttp import web
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from django.conf import settings

from budget.ledger import requests
from budget.ledger.requests import Bounded
from orchestration.gateway import (
    accesses,
    admission,
    bodies,
    conversations,
    database,
    forwarding,
    keys,
    pacing,
    pricing,
    refusals,
    tokens,
)
from orchestration.gateway.accesses import Permitted
from orchestration.gateway.admission import Unpaid
from orchestration.gateway.forwarding import Outgoing
from orchestration.gateway.keys import Upstream
from orchestration.gateway.process import Unauthenticated
from orchestration.protocols import KEY_HEADERS, PROTOCOLS
from orchestration.protocols.shared.interface import BEARER, ProviderProtocol, Refused, Request, Route
from workspaces.values import ids

log = structlog.get_logger(__name__)

NAME = web.AppKey("name", str)
UNAUTHENTICATED = web.AppKey("strangers", Unauthenticated)
MAX_LINE = 64 * 1024
MAX_INFORMATIONAL = 100
"""Informational answers (1xx) before an answer: providers send a few, such as 102 and 103."""
KEEP_ALIVE_S = 660.0
"""The keep-alive timeout: longer than the usual balancers', which would else reuse closed connections."""
CONNECT_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 900.0
"""The longest silence of a provider."""


def application(gateway: str) -> web.Application:
    """The application. `gateway` is the id of its lease."""
    app = web.Application(client_max_size=bodies.MAX_BYTES)
    app[NAME], app[UNAUTHENTICATED] = gateway, Unauthenticated()
    app.cleanup_ctx.append(_client)
    app.router.add_get("/healthz", _health)
    app.router.add_route("HEAD", "/", _health)  # Claude Code probes its base URL so
    app.router.add_route("*", "/{path:.*}", _handle)
    return app


def runner(gateway: str, *, drain_s: float) -> web.AppRunner:
    """The application's runner. aiohttp does not decode bodies: it has no limit on their decoded size."""
    logging.getLogger("aiohttp.server").addFilter(_redact)
    return web.AppRunner(
        application(gateway),
        access_log=None,
        handle_signals=False,
        auto_decompress=False,
        keepalive_timeout=KEEP_ALIVE_S,
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
        shutdown_timeout=drain_s / 2,  # aiohttp waits so long twice
    )


async def listen(runner: web.AppRunner, listener: socket.socket) -> asyncio.Server:
    """Accept connections, with a limit on those without a token."""
    assert runner.server is not None
    factory = runner.app[UNAUTHENTICATED].factory(runner.server)
    return await asyncio.get_running_loop().create_server(factory, sock=listener, backlog=512)


def _redact(record: logging.LogRecord) -> bool:
    """Redact the log of a malformed request: its lines may have its token."""
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.msg, record.args, record.exc_info, record.exc_text = "gateway.malformed_request", (), None, None
    return True


class ProviderConnection(ResponseHandler):
    """A connection with a limit on informational answers (1xx). aiohttp has none: each renews the read timeout, and each is buffered, so that such a request
    never ended."""

    informational = 0

    def feed_data(self, data: Any, size: int = 0) -> None:
        status = data[0].code
        self.informational = self.informational + 1 if 100 <= status < 200 else 0
        if self.informational > MAX_INFORMATIONAL:
            if self.transport is not None:
                self.transport.abort()
            self.set_exception(HttpProcessingError(code=status, message="It sends informational answers without end"))
        elif not self.exception():
            super().feed_data(data, size)


async def _client(app: web.Application) -> Any:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=READ_TIMEOUT_S)
    connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60)
    connector._factory = partial(ProviderConnection, loop=asyncio.get_running_loop())  # type: ignore[assignment]
    async with aiohttp.ClientSession(
        timeout=timeout,
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
    ) as client:
        app[forwarding.CLIENT] = client
        asks = asyncio.create_task(refusals.probe_refused_keys(partial(forwarding.probe, client)))
        yield
        asks.cancel()


async def _health(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _handle(request: web.Request) -> web.StreamResponse:
    protocol: ProviderProtocol | None = None
    permitted: Permitted | None = None
    try:
        routes = _matched(request)
        protocol = next(iter(routes))
        permitted = await _permitted(request, costs_nothing=routes[protocol].kind == "free")
        protocol = next((each for each in routes if permitted.upstream(each.name)), protocol)
        route, upstream = routes[protocol], await _upstream(permitted, protocol)
        if route.kind == "free":
            return await forwarding.free(request, protocol, route, upstream, await bodies.read(request))
        exchange = Exchange(request, protocol, route, permitted, upstream, time.monotonic())
        async with bodies.serialised(permitted.access.pk, request):
            await exchange.read()
        with bodies.within_memory(permitted.access.pk, exchange.body):
            return await exchange.run()
    except Refused as refused:
        if protocol is not None and refused.code == refusals.MARK:
            return refusals.out_of_money(protocol, permitted.access.agent if permitted is not None else "")
        return refusals.error(protocol, refused.status, refused.code, refused.sentence)
    except database.Unavailable:
        return refusals.error(protocol, 503, "api_error", "Muster's database is away: try again")
    except web.HTTPRequestEntityTooLarge:
        return refusals.error(protocol, 413, "request_too_large", f"A body may have at most {bodies.MAX_BYTES // 2**20} MiB")
    except (ConnectionError, web.RequestPayloadError):
        return refusals.error(protocol, 400, "invalid_request_error", "The request broke off")
    except Exception:
        log.exception("gateway.request_failed")
        if request.writer.output_size:
            raise ConnectionResetError from None  # its client gets no second status line
        return refusals.error(protocol, 500, "api_error", "Muster's gateway failed: its log has the reason")


def _matched(request: web.Request) -> dict[ProviderProtocol, Route]:
    """The APIs with this path: some share one, such as `models`."""
    if request.method == "CONNECT" or not request.raw_path.startswith("/"):
        raise Refused(
            403, "permission_error", "The gateway is no proxy: it sends requests to the providers of its workspace alone"
        )
    path = request.raw_path.partition("?")[0].removeprefix(urlsplit(settings.GATEWAY_URL).path.rstrip("/"))
    routes = {each: each.match(request.method, path) for each in PROTOCOLS.values()}
    if matched := {protocol: route for protocol, route in routes.items() if route is not None}:
        return matched
    raise Refused(404, "not_found_error", f"The gateway knows no {request.method} {path[:200]}")


async def _permitted(request: web.Request, *, costs_nothing: bool) -> Permitted:
    access_id = tokens.access_of(_token(request))
    permitted = await accesses.find(access_id, now=costs_nothing) if access_id else None
    if permitted is None:
        raise Refused(
            401, "authentication_error", "This token is not valid: it ends with the session or permit that it was made for"
        )
    origin = tokens.origin_of(request.remote or "", request.headers.get("X-Forwarded-For", ""))
    if not await accesses.may_use(permitted, origin):
        log.warning("gateway.token_elsewhere", session=permitted.access.session_ref, first=permitted.access.origin, now=origin)
        raise Refused(
            401, "authentication_error", "This token is for another host: it is bound to the address that used it first"
        )
    request.app[UNAUTHENTICATED].accept(request.protocol)
    return permitted


async def _upstream(permitted: Permitted, protocol: ProviderProtocol) -> Upstream:
    place = permitted.upstream(protocol.name)
    if place is None:
        raise Refused(403, "permission_error", f"This token is not for the API of {protocol.name}: its agent has no key for it")
    try:
        return await keys.upstream(permitted.workspace_id, protocol.name, place)
    except keys.NoKey as problem:
        raise Refused(403, "permission_error", str(problem)) from None


def _token(request: web.Request) -> str:
    """The token, in the headers or the query in which the providers' clients send their key."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    for value in (
        bearer if scheme.lower() == "bearer" else "",
        *(request.headers.get(name, "") for name in KEY_HEADERS if name != BEARER[0]),
    ):
        if value:
            return value.strip()
    return dict(parse_qsl(request.query_string)).get("key", "")


@dataclass
class Exchange:
    """A request that costs money."""

    request: web.Request
    protocol: ProviderProtocol
    route: Route
    permitted: Permitted
    upstream: Upstream
    began: float  # on the monotonic clock
    body: bytes = b""
    asked: Request = field(init=False)
    tokens_in: int = 0

    @property
    def gateway(self) -> str:
        return self.request.app[NAME]

    def is_connected(self) -> bool:
        transport = self.request.transport
        return transport is not None and not transport.is_closing()

    @cached_property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.request.headers.items()}

    async def read(self) -> None:
        """Read and parse the body. Raises Refused."""
        self.body = await bodies.read(self.request)
        self.asked = await bodies.off_loop(self.body, partial(self.protocol.read, self.route, self.body, self.headers))

    async def run(self) -> web.StreamResponse:
        asked, access = self.asked, self.permitted.access
        self._check(asked)
        self.tokens_in = conversations.input_bound(self.permitted.owner, asked)
        item = self._bounded(asked, self._output_limit(asked))
        until = self.began + pacing.patience_of(access.agent, self.headers)
        await self._refuse_broken(item)
        limiter = pacing.limiter_of(*self.upstream.rate_limit_key(self.permitted.workspace_id))
        while True:
            slot, key = pacing.Slot(limiter), ids.request()
            try:
                await refusals.check(self.permitted, self.upstream, self.protocol, limiter, asked.model)
                row = None if await slot.take_soon() else await self._queue(slot, item, key, until)
                row, sent = await admission.admit(
                    access,
                    item,
                    slot,
                    gateway=self.gateway,
                    key=key,
                    waiting=row,
                    patience_s=max(until - time.monotonic(), 0),
                    tighten=lambda: self._tightened(asked, item),
                    lower=lambda money: self._lowered(asked, item, money),
                    is_connected=self.is_connected,
                )
            except Unpaid as unpaid:
                slot.give_back()
                if unpaid.access_ended:
                    raise Refused(401, "authentication_error", "This token has ended with its session or permit") from None
                raise Refused(402, refusals.MARK, refusals.NO_MONEY) from None
            except BaseException:
                slot.give_back()
                raise
            outgoing = Outgoing(
                self.body, row, asked, self.permitted, self.protocol, slot, self.upstream, self.route, sent.bound, sent.seen
            )
            try:
                outgoing = replace(outgoing, body=await bodies.off_loop(self.body, partial(self._edited, asked, sent)))
            except BaseException:
                await forwarding.give_up(outgoing)
                raise
            answer = await forwarding.send(self.request, outgoing, may_wait_s=until - time.monotonic())
            if answer is not None:
                return answer

    async def _refuse_broken(self, item: Bounded) -> None:
        """Raises Refused after two broken answers of this key: each was paid, and a third would be."""
        if not (rest_s := conversations.backoff_s(self.permitted.workspace_id, self.upstream.credential)):
            return
        refuse = partial(requests.refuse, self.permitted.access, item, gateway=self.gateway, reason=requests.BROKEN, status=503)
        await database.run(refuse)
        sentence = "It broke off two answers in a minute"
        # Without an open breaker sessions started in vain: four in a minute for one entry.
        await refusals.report(self.permitted, self.upstream, item.model, "overloaded", sentence, time.time() + rest_s)
        raise refusals.unavailable(503, "overloaded_error", sentence)

    async def _queue(self, slot: pacing.Slot, item: Bounded, key: str, until: float) -> int:
        """Queue for a slot. Returns the row of the wait. Raises Refused."""
        access, gateway = self.permitted.access, self.gateway
        try:
            wait = partial(requests.wait, access, item, gateway=gateway, reason=requests.FOR_PROVIDER, key=key)
            row = await database.run(wait)
            order = await database.run(lambda: admission.order_of(access))
            async with refusals.watching(self.permitted, self.upstream, slot.limiter, item.model):
                if await slot.wait(order, until=until, is_connected=self.is_connected):
                    return row
            reason, status = ("its provider takes no more now", 429) if self.is_connected() else ("its client has left", 499)
            refuse = partial(requests.refuse, access, item, gateway=gateway, reason=reason, status=status, waiting_id=row)
            await database.run(refuse)
        except (database.Unavailable, asyncio.CancelledError):
            admission.give_up(access, item, gateway=gateway, key=key)
            raise
        raise refusals.unavailable(429, "rate_limit_error", "The provider takes no more requests now: try again later")

    def _check(self, asked: Request) -> None:
        """Raises Refused for a model that the access does not permit, and for an inexact bound, unless the workspace allows that. Pictures and documents pass:
        their bounds are the providers' own formulas."""
        if not pricing.permits(asked.model, self.permitted.access.model, self.permitted.rules.prices):
            sentence = f"This token is for {self.permitted.access.model} and cheaper models, not for {asked.model[:100]}"
            raise Refused(403, "permission_error", sentence)
        doubts = [doubt for doubt in asked.doubts if not doubt.startswith("media:")]
        if doubts and not self.permitted.rules.allows_inexact:
            sentence = f"The gateway does not know what this request can cost ({', '.join(doubts)[:200]}): set gateway to inexact in the config"
            raise Refused(400, "invalid_request_error", sentence)

    def _overruns(self, asked: Request) -> bool:
        return (self.upstream.credential, asked.model) in self.permitted.rules.overrunning

    def _output_limit(self, asked: Request) -> int:
        """The bound of the answer's tokens: the model's own limit where its provider ignores limits."""
        return max(pricing.output_limit(asked), pricing.model_output_limit(asked.model) if self._overruns(asked) else 0)

    def _bounded(self, asked: Request, limit: int) -> Bounded:
        bound = pricing.bound(asked, self.tokens_in, limit, self.permitted.rules.prices)
        if bound is None:
            raise Refused(
                400,
                "invalid_request_error",
                f"The model {asked.model[:100]} has no price: set one under `prices` in the workspace's config",
            )
        seen = pricing.usual_input(asked, conversations.usual_input(self.body, self.tokens_in), self.permitted.rules.prices)
        return Bounded(
            self.protocol.name, asked.model, bound, self.upstream.credential, limit, is_exact=asked.is_exact, seen=seen
        )

    async def _tightened(self, asked: Request, item: Bounded) -> Bounded:
        """The bound by the provider's own count of the input, where it is free and no baseline is known."""
        counting = self.protocol.counting(self.route, self.body)
        if conversations.is_known(self.permitted.owner, asked) or counting is None or asked.searches:
            return item
        route, body = counting
        counted = await forwarding.count_input(self.request, self.protocol, route, self.upstream, body)
        if counted is not None:
            self.tokens_in = min(self.tokens_in, counted + counted // 50 + conversations.SLACK_TOKENS)
        return self._bounded(asked, item.output_limit)

    def _lowered(self, asked: Request, item: Bounded, money: int) -> Bounded:
        """The bound with the output limit that this money pays, or with the lowest useful one."""
        conversations.learn_least_output(self.permitted.workspace_id, asked.model)
        least = max(conversations.least_output(self.permitted.workspace_id, asked.model), asked.thinking_budget + 1)
        most = item.output_limit
        if self._overruns(asked):
            return item
        limit = pricing.affordable_output(asked, self.tokens_in, money, self.permitted.rules.prices, most=most)
        limit = max(limit, min(least, most))
        return replace(self._bounded(asked, limit), is_clamped=limit < most)

    def _edited(self, asked: Request, sent: Bounded) -> bytes:
        """The body with the gateway's edits; every other byte stays."""
        body = self.protocol.with_limit(self.body, sent.output_limit) if sent.is_clamped else self.body
        return self.protocol.with_usage(body) if asked.streams else body
