"""A gateway and a scripted provider in one event loop, without processes of their own."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from django.db import connection

from budget.amounts import usd
from budget.ledger import requests
from budget.models import Category, GatewayAccess, GatewayRequest, Hold
from orchestration.configuration import secrets
from orchestration.gateway import accesses, admission, conversations, keys, pacing, server, tokens
from orchestration.models import Entry
from tests.factories import ANA, a_workspace, an_entry, project

MODEL = "claude-sonnet-4-5"
KEY = "sk-real-key-of-the-team"


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def begins(input_tokens: int = 100, **more: int) -> dict[str, Any]:
    usage = {"input_tokens": input_tokens, "output_tokens": 1, **more}
    return {"type": "message_start", "message": {"id": "msg_1", "model": MODEL, "usage": usage}}


def text_of(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def counts(output_tokens: int) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": output_tokens}}


STOPS = {"type": "message_stop"}
ANSWER = sse(begins(), text_of("Hello"), counts(10), STOPS)
COST = 100 * 3 + 10 * 15  # micro-USD

Reply = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


@dataclass
class Provider:
    """`script`: the answers, in this order; the last one again and again. Each is bytes of a stream, a response, or a function that writes one.
    `refuses`: answers all by itself."""

    script: list[bytes | web.Response | Reply] = field(default_factory=lambda: [ANSWER])
    seen: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refuses: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.seen.append(request)
        if self.refuses is not None:
            return await self.refuses(request)
        part = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(part, web.Response):
            return web.Response(status=part.status, headers=part.headers, body=part.body)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if isinstance(part, bytes):
            await response.write(part)
        else:
            await part(request, response)
        return response


@dataclass
class Stage:
    """`url`: of the gateway."""

    provider: Provider
    url: str
    client: aiohttp.ClientSession

    def posting(self, token: str, **body: Any) -> Any:
        """A request to Anthropic's API, whose answer is read in the block."""
        request = {"model": MODEL, "max_tokens": 100, "stream": True, "messages": [{"role": "user", "content": "Hi"}], **body}
        return self.client.post(f"{self.url}/v1/messages", json=request, headers={"x-api-key": token})

    async def ask(self, token: str, **body: Any) -> tuple[int, bytes]:
        """The status and the body of an answer, as far as it came."""
        async with self.posting(token, **body) as answer:
            return answer.status, await answer.read()


def an_access(amount: str = "1", *, entry: Entry | None = None, hold: Hold | None = None, **more: Any) -> GatewayAccess:
    """An access whose requests go to the scripted provider, with the key of a secret. `hold`: of a session; None: a new one of `amount`."""
    if hold is None:
        entry = entry or an_entry(a_workspace(), budget="5")
        hold = Hold.objects.create(
            project=project(entry.workspace), account=entry.account, session_ref=f"s{entry.pk}"[:40], amount=usd(amount)
        )
    secrets.put(hold.project_id, "ANTHROPIC_API_KEY", KEY, by=ANA)
    upstream = {"base_url": "", "key": {"variable": "ANTHROPIC_API_KEY", "secret": "ANTHROPIC_API_KEY"}, "credential": "team"}
    return requests.open_access(
        hold, role="implement", category=Category.ENTRY, upstreams={"anthropic": upstream}, round_number=1, **more
    )


def token(access: GatewayAccess) -> str:
    return tokens.token_of(access.pk)


def play(steps: Callable[[Stage], Awaitable[None]], provider: Provider | None = None) -> None:
    """Run a steps with a gateway and a provider. Every access in the database leads to this provider."""
    asyncio.run(_play(steps, provider or Provider()))


async def _play(steps: Callable[[Stage], Awaitable[None]], provider: Provider) -> None:
    for kept in (
        accesses.cache,
        accesses.rules_cache,
        keys.cache,
        pacing._limiters,
        admission._waiting,
        conversations._baselines,
        conversations._least,
        conversations._broken,
    ):
        kept.clear()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", provider.answer)
    upstreams = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    gateways = server.runner("gate_1", drain_s=1)
    async with (
        serving(upstreams) as upstream,
        serving(gateways) as gateway,
        aiohttp.ClientSession(max_line_size=server.MAX_LINE, max_field_size=server.MAX_LINE) as client,
    ):
        await asyncio.to_thread(lead_to, upstream)
        await steps(Stage(provider, gateway, client))


@asynccontextmanager
async def serving(runner: web.AppRunner) -> AsyncIterator[str]:
    """An application, served as the process does it: a client that leaves cancels nothing."""
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    door = await server.listen(runner, listener) if server.UNAUTHENTICATED in runner.app else None
    if door is None:
        await web.SockSite(runner, listener).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        if door is not None:
            door.close()
        await runner.cleanup()


def lead_to(url: str) -> None:
    """Have every access lead to this provider."""
    for access in GatewayAccess.objects.all():
        for upstream in access.upstreams.values():
            upstream["base_url"] = url
        access.save(update_fields=["upstreams"])
    connection.close()


def rows() -> list[tuple[str, int]]:
    """State and amount of each request, oldest first."""
    return list(GatewayRequest.objects.order_by("pk").values_list("state", "amount"))
