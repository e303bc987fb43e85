"""The web application of the gateway: one request from its arrival to its books."""

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
from orchestration.gateway.process import Strangers
from orchestration.gateway.protocols import PROTOCOLS
from orchestration.gateway.protocols.interface import ProviderProtocol, Refused, Request, Route
from workspaces.values import ids

log = structlog.get_logger(__name__)

NAME = web.AppKey("name", str)
STRANGERS = web.AppKey("strangers", Strangers)
MAX_LINE = 64 * 1024
MOST_INFORMATIONAL = 100
"""A provider sends a few while it works (processing, early hints)."""
IDLE_S = 660.0
"""So long a connection without a request stays: longer than those of the usual balancers, which would else meet closed ones."""
CONNECT_S = 15.0
SILENCE_S = 900.0
"""A provider that sends nothing for so long is gone."""


def application(gateway: str) -> web.Application:
    """`gateway`: the name of this process in the rows of its requests."""
    app = web.Application(client_max_size=bodies.MOST)
    app[NAME], app[STRANGERS] = gateway, Strangers()
    app.cleanup_ctx.append(_client)
    app.router.add_get("/healthz", _alive)
    app.router.add_route("HEAD", "/", _alive)  # Claude Code asks so whether its base URL answers
    app.router.add_route("*", "/{path:.*}", _handle)
    return app


def runner(gateway: str, *, drain_s: float) -> web.AppRunner:
    """The application as a process serves it. Bodies come as they were sent: only so their decoded size has a bound."""
    logging.getLogger("aiohttp.server").addFilter(_without_contents)
    return web.AppRunner(
        application(gateway),
        access_log=None,
        handle_signals=False,
        auto_decompress=False,
        keepalive_timeout=IDLE_S,
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
        shutdown_timeout=drain_s / 2,  # aiohttp waits so long twice
    )


async def listen(runner: web.AppRunner, listener: socket.socket) -> asyncio.Server:
    """Take connections. Those without a token are bounded in number and time: else 20,000 idle ones would leave none for agents."""
    assert runner.server is not None
    greet = runner.app[STRANGERS].greeting(runner.server)
    return await asyncio.get_running_loop().create_server(greet, sock=listener, backlog=512)


def _without_contents(record: logging.LogRecord) -> bool:
    """A malformed request is logged without its lines, in one of which its token may stand."""
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.msg, record.args, record.exc_info, record.exc_text = "gateway.malformed_request", (), None, None
    return True


class ProviderConnection(ResponseHandler):
    """aiohttp reads over informational answers (1xx), however many come: each counts as a sign of life, and each is kept until it is read. Beyond
    MOST_INFORMATIONAL before an answer the connection is broken."""

    informational = 0

    def feed_data(self, data: Any, size: int = 0) -> None:
        status = data[0].code
        self.informational = self.informational + 1 if 100 <= status < 200 else 0
        if self.informational > MOST_INFORMATIONAL:
            if self.transport is not None:
                self.transport.abort()
            self.set_exception(HttpProcessingError(code=status, message="It sends informational answers without end"))
        elif not self.exception():
            super().feed_data(data, size)


async def _client(app: web.Application) -> Any:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
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
        asks = asyncio.create_task(refusals.ask_again(partial(forwarding.ask_for_models, client)))
        yield
        asks.cancel()


async def _alive(_: web.Request) -> web.Response:
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
        async with bodies.in_turn(permitted.access.pk, request):
            await exchange.read()
        with bodies.kept(permitted.access.pk, exchange.body):
            return await exchange.run()
    except Refused as refused:
        if protocol is not None and refused.code == refusals.MARK:
            return refusals.unpaid(protocol, permitted.access.agent if permitted is not None else "")
        return refusals.error(protocol, refused.status, refused.code, refused.sentence)
    except database.Away:
        return refusals.error(protocol, 503, "api_error", "Muster's database is away: try again")
    except web.HTTPRequestEntityTooLarge:
        return refusals.error(protocol, 413, "request_too_large", f"A body may have at most {bodies.MOST // 2**20} MiB")
    except (ConnectionError, web.RequestPayloadError):
        return refusals.error(protocol, 400, "invalid_request_error", "The request broke off")
    except Exception:
        log.exception("gateway.request_failed")
        if request.writer.output_size:
            raise ConnectionResetError from None  # its client gets no second status line
        return refusals.error(protocol, 500, "api_error", "Muster's gateway failed: its log has the reason")


def _matched(request: web.Request) -> dict[ProviderProtocol, Route]:
    """The APIs that have this path: some share one, such as that of their models."""
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
    request.app[STRANGERS].accept(request.protocol)
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
    """The token, from where the clients of the providers put their key."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    for value in (
        bearer if scheme.lower() == "bearer" else "",
        *(request.headers.get(name, "") for name in ("x-api-key", "x-goog-api-key", "api-key")),
    ):
        if value:
            return value.strip()
    return dict(parse_qsl(request.query_string)).get("key", "")


@dataclass
class Exchange:
    """One request that costs money. `began`: on the monotonic clock."""

    request: web.Request
    protocol: ProviderProtocol
    route: Route
    permitted: Permitted
    upstream: Upstream
    began: float
    body: bytes = b""
    asked: Request = field(init=False)
    tokens_in: int = 0

    @property
    def gateway(self) -> str:
        return self.request.app[NAME]

    def is_wanted(self) -> bool:
        transport = self.request.transport
        return transport is not None and not transport.is_closing()

    @cached_property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.request.headers.items()}

    async def read(self) -> None:
        """Read the body, and what it asks for. Raises Refused."""
        self.body = await bodies.read(self.request)
        self.asked = await bodies.apart(self.body, partial(self.protocol.read, self.route, self.body, self.headers))

    async def run(self) -> web.StreamResponse:
        asked, access = self.asked, self.permitted.access
        self._check(asked)
        self.tokens_in = conversations.input_bound(self.permitted.owner, asked)
        item = self._bounded(asked, self._output_limit(asked))
        until = self.began + pacing.patience_of(access.agent, self.headers)
        await self._refuse_broken(item)
        pace = pacing.pace_of(*self.upstream.paced_with(self.permitted.workspace_id))
        while True:
            place, key = pacing.Place(pace), ids.request()
            try:
                await refusals.check(self.permitted, self.upstream, self.protocol, pace, asked.model)
                row = None if await place.take_soon() else await self._queue(place, item, key, until)
                row, sent = await admission.admit(
                    access,
                    item,
                    place,
                    gateway=self.gateway,
                    key=key,
                    waiting=row,
                    patience_s=max(until - time.monotonic(), 0),
                    tighten=lambda: self._tightened(asked, item),
                    lower=lambda money: self._lowered(asked, item, money),
                    is_wanted=self.is_wanted,
                )
            except Unpaid as unpaid:
                place.give_back()
                if unpaid.ended:
                    raise Refused(401, "authentication_error", "This token has ended with its session or permit") from None
                raise Refused(402, refusals.MARK, refusals.NO_MONEY) from None
            except BaseException:
                place.give_back()
                raise
            outgoing = Outgoing(
                self.body, row, asked, self.permitted, self.protocol, place, self.upstream, self.route, sent.bound, sent.seen
            )
            try:
                outgoing = replace(outgoing, body=await bodies.apart(self.body, partial(self._edited, asked, sent)))
            except BaseException:
                await forwarding.give_up(outgoing)
                raise
            answer = await forwarding.send(self.request, outgoing, may_wait_s=until - time.monotonic())
            if answer is not None:
                return answer

    async def _refuse_broken(self, item: Bounded) -> None:
        """Raises Refused where the provider of this key has just broken off two answers: each was paid, and a third would be."""
        if not (rest_s := conversations.rests_for(self.permitted.workspace_id, self.upstream.credential)):
            return
        refuse = partial(requests.refuse, self.permitted.access, item, gateway=self.gateway, reason=requests.BROKEN, status=503)
        await database.run(refuse)
        sentence = "It broke off two answers in a minute"
        # Without the breaker sessions went on to start for a key that takes nothing: four in a minute for one entry.
        await refusals.report(self.permitted, self.upstream, item.model, "overloaded", sentence, time.time() + rest_s)
        raise refusals.unavailable(503, "overloaded_error", sentence)

    async def _queue(self, place: pacing.Place, item: Bounded, key: str, until: float) -> int:
        """Wait until its provider takes it. Returns the row in which that is noted. Raises Refused."""
        access, gateway = self.permitted.access, self.gateway
        try:
            wait = partial(requests.wait, access, item, gateway=gateway, reason=requests.FOR_PROVIDER, key=key)
            row = await database.run(wait)
            order = await database.run(lambda: admission.order_of(access))
            async with refusals.watching(self.permitted, self.upstream, place.pace, item.model):
                if await place.wait(order, until=until, is_wanted=self.is_wanted):
                    return row
            reason, status = ("its provider takes no more now", 429) if self.is_wanted() else ("its client has left", 499)
            refuse = partial(requests.refuse, access, item, gateway=gateway, reason=reason, status=status, waiting=row)
            await database.run(refuse)
        except (database.Away, asyncio.CancelledError):
            admission.give_up(access, item, gateway=gateway, key=key)
            raise
        raise refusals.unavailable(429, "rate_limit_error", "The provider takes no more requests now: try again later")

    def _check(self, asked: Request) -> None:
        """Raises Refused for a model that its access does not permit, and for what has no sure bound, unless the workspace allows that. Pictures and documents
        pass: their bounds are the providers' own formulas."""
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
        """The tokens that its answer may have: where its provider does not keep to a limit, the most that the model makes."""
        return max(pricing.output_limit(asked), pricing.own_limit(asked.model) if self._overruns(asked) else 0)

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
        """The request by its provider's own count of the input, where bytes say too much and the provider counts for nothing."""
        counting = self.protocol.counting(self.route, self.body)
        if conversations.is_known(self.permitted.owner, asked) or counting is None or asked.searches:
            return item
        route, body = counting
        counted = await forwarding.count_input(self.request, self.protocol, route, self.upstream, body)
        if counted is not None:
            self.tokens_in = min(self.tokens_in, counted + counted // 50 + conversations.SLACK_TOKENS)
        return self._bounded(asked, item.output_limit)

    def _lowered(self, asked: Request, item: Bounded, money: int) -> Bounded:
        """The request with the output limit that this money pays, or with the lowest one that does not cut the answer off."""
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
