"""Fifty sessions on one key that permits ten requests a minute: the refusals that they meet, and the order in which they are served.

`python -m bench gateway limits [--sessions 50] [--requests 2] [--per-minute 10] [--headers]`: in real time, about ten minutes.
"""

import argparse
import asyncio
import json
import math
import socket
import tempfile
import time
from pathlib import Path

import aiohttp
from aiohttp import web

from bench.gateway import stage
from bench.gateway.stage import MODEL

WINDOW_S = 60.0
ANSWER = (
    b'event: message_start\ndata: {"type": "message_start", "message": {"model": "claude-sonnet-4-5", '
    b'"usage": {"input_tokens": 100, "output_tokens": 1}}}\n\n'
    b'event: message_delta\ndata: {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}\n\n'
    b'event: message_stop\ndata: {"type": "message_stop"}\n\n'
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench gateway limits", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--requests", type=int, default=2, help="of each session")
    parser.add_argument("--per-minute", type=int, default=10)
    parser.add_argument("--headers", action="store_true", help="the provider states its limit")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, stage.servers(Path(folder), chosen.database):
        asyncio.run(_measure(Path(folder), chosen))
    return 0


class Provider:
    """Takes so many requests in any minute. `served`: sessions in the order in which it took their requests."""

    def __init__(self, per_minute: int, *, states: bool) -> None:
        self.per_minute, self.states = per_minute, states
        self.taken: list[float] = []
        self.served: list[int] = []
        self.refused = 0

    async def answer(self, request: web.Request) -> web.Response:
        session, now = int(json.loads(await request.read())["metadata"]["user_id"]), time.monotonic()
        recent = [at for at in self.taken if at > now - WINDOW_S]
        if len(recent) >= self.per_minute:
            self.refused += 1
            return web.json_response(
                {"type": "error", "error": {"type": "rate_limit_error", "message": "too many"}},
                status=429,
                headers={"retry-after": str(math.ceil(recent[0] + WINDOW_S - now))},
            )
        self.taken.append(now)
        self.served.append(session)
        await asyncio.sleep(0.3)
        counts = {
            "x-ratelimit-limit-requests": str(self.per_minute),
            "x-ratelimit-remaining-requests": str(self.per_minute - len(recent) - 1),
            "x-ratelimit-reset-requests": f"{WINDOW_S:.0f}s",
        }
        return web.Response(body=ANSWER, headers={"content-type": "text/event-stream", **(counts if self.states else {})})


async def _measure(folder: Path, chosen: argparse.Namespace) -> None:
    provider = Provider(chosen.per_minute, states=chosen.headers)
    app = web.Application()
    app.router.add_post("/v1/messages", provider.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    tokens = await asyncio.to_thread(stage.prepare, url, chosen.sessions, in_order=True)
    answered: list[int] = []
    began = time.monotonic()
    with stage.gateway(folder) as (gateway, _):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            await asyncio.gather(*(_session(client, gateway, n, token, chosen, answered) for n, token in enumerate(tokens)))
    total = chosen.sessions * chosen.requests
    first = [n for n in provider.served[chosen.per_minute :] if provider.served.index(n) >= chosen.per_minute]
    swaps = sum(a > b for a, b in zip(dict.fromkeys(first), list(dict.fromkeys(first))[1:], strict=False))
    print(
        f"{total} requests of {chosen.sessions} sessions in {(time.monotonic() - began) / 60:.1f} minutes: {len(provider.served)} served, "
        f"{provider.refused} refusals by the provider ({provider.refused / total:.1%}, goal <= 2 %), "
        f"{answered.count(429)} seen by sessions, {total - answered.count(200)} lost; {swaps} served before a session of a higher priority"
    )
    await runner.cleanup()


async def _session(
    client: aiohttp.ClientSession, gateway: str, n: int, token: str, chosen: argparse.Namespace, answered: list[int]
) -> None:
    body = {
        "model": MODEL,
        "max_tokens": 100,
        "stream": True,
        "metadata": {"user_id": str(n)},
        "messages": [{"role": "user", "content": "word"}],
    }
    for _ in range(chosen.requests):
        async with client.post(f"{gateway}/v1/messages", json=body, headers={"x-api-key": token}, timeout=None) as answer:
            await answer.read()
            answered.append(answer.status)
