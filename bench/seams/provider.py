"""A provider that obeys a script, key by key, and keeps a bill of its own: the truth of a case.

Speaks Anthropic's messages and OpenAI's chat, streaming. It writes down each request: when, whose, with which status, and what it cost.
"""

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PRICES = {"input": 1.0, "output": 5.0}
"""USD per million tokens of every model here: whole micro-dollars."""
BYTES_OF_TOKEN = 4
OUTPUT = 1_500
"""Tokens of an answer, unless its limit is lower: a third of what its program allows, as with real ones."""
SLOW_S = 4.0
RESET_S = 4.0
SILENT_S = 6.0
"""So long a key is refused: with a reset that the provider states, and without one."""
OVERRUN = 6
CUTS, REST_S = 2, 60.0
"""So many answers are broken off, and so long after the first of them nobody asks again, by the docs."""


@dataclass
class Key:
    """What the provider does to a key. `after`: it begins after so many answers. `repaired`: a person has put it right."""

    does: str = "well"
    after: int = 2
    began_at: float = 0.0
    repaired: bool = False
    left: int = CUTS
    cut_at: float = 0.0

    def refusal(self, now: float) -> tuple[int, str, float | None] | None:
        """Status, type and seconds until the reset, where it is stated. None: it answers."""
        kinds: dict[str, tuple[int, str, float]] = {
            "429 with a reset": (429, "rate_limit_error", RESET_S),
            "429 without": (429, "rate_limit_error", SILENT_S),
            "529": (529, "overloaded_error", SILENT_S),
            "no credit": (429, "insufficient_quota", 10**9),
            "401": (401, "authentication_error", 10**9),
        }
        if self.does not in kinds or self.repaired or self.after > 0:
            return None
        self.began_at = self.began_at or now
        status, kind, seconds = kinds[self.does]
        left = self.began_at + seconds - now
        if left <= 0:
            return None
        return status, kind, left if self.does == "429 with a reset" else None

    def is_open(self, now: float) -> bool:
        if self.does == "cuts" and not self.left:
            return now > self.cut_at + REST_S
        return self.refusal(now) is None if self.began_at else True


@dataclass
class Row:
    """A request. `micro`: what the provider bills for it. `outcome`: "" while it is under way, then answered, refused, cut or gone."""

    key: str
    session: str
    entry: str
    at: float
    status: int = 0
    outcome: str = ""
    micro: int = 0
    ended_at: float = 0.0
    retry_at: float | None = None
    kind: str = ""


@dataclass
class Provider:
    """Runs in a thread of its own until `close`. `keys`: by the secret that a request carries; others are refused."""

    keys: dict[str, Key]
    rows: list[Row] = field(default_factory=list)
    strangers: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait(10)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/messages", self._answer)
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_post("/v1/messages/count_tokens", self._count)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        self._loop.run_until_complete(self._runner.setup())
        self._loop.run_until_complete(web.SockSite(self._runner, self._listener).start())
        self._loop.call_soon(ready.set)
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def micro(self) -> int:
        """Micro-USD of all that was served so far, of answers under way too."""
        return sum(row.micro for row in list(self.rows))

    def repair(self) -> None:
        """A person pays, or sets a valid key."""
        for key in self.keys.values():
            key.repaired = True

    async def _count(self, request: web.Request) -> web.Response:
        return web.json_response({"input_tokens": _tokens(await request.read())})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body, now = await request.read(), time.time()
        secret = request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        key = self.keys.get(secret)
        if key is None:
            self.strangers[secret[:12]] += 1
            return web.json_response({"error": {"type": "authentication_error", "message": "unknown key"}}, status=401)
        row = Row(secret, request.headers.get("x-seams-session", ""), request.headers.get("x-seams-entry", ""), now)
        self.rows.append(row)
        if refusal := key.refusal(now):
            row.status, row.kind, seconds = refusal
            row.outcome, row.ended_at, row.retry_at = "refused", now, now + seconds if seconds is not None else None
            error = {"type": row.kind, "code": row.kind, "message": f"{secret} is refused: {row.kind}"}
            headers = {"retry-after": f"{seconds:.2f}"} if seconds is not None else {}
            return web.json_response({"type": "error", "error": error}, status=row.status, headers=headers)
        key.after -= 1
        try:
            return await self._serve(request, json.loads(body), row, key, _tokens(body))
        except ConnectionError:
            row.outcome = "gone"
            return web.Response()
        finally:
            row.outcome, row.ended_at = row.outcome or "gone", time.time()

    async def _serve(self, request: web.Request, asked: dict[str, Any], row: Row, key: Key, tokens: int) -> web.StreamResponse:
        row.status = 200
        limit = int(asked.get("max_tokens") or asked.get("max_completion_tokens") or OUTPUT)
        output = limit * OVERRUN if key.does == "makes more" else min(OUTPUT, limit)
        row.micro = int(tokens * PRICES["input"])
        await asyncio.sleep(SLOW_S if key.does == "slow" else 0.15)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        speaks = _anthropic if request.path.endswith("messages") else _chat
        *first, last = speaks(asked["model"], tokens, output)
        for event in first:
            await response.write(event)
        if key.does == "cuts" and key.after < 0 and key.left > 0:
            key.left, key.cut_at = key.left - 1, key.cut_at or time.time()
            row.micro, row.outcome = row.micro + int(output * PRICES["output"]) // 2, "cut"
            if request.transport is not None:
                request.transport.abort()
            return response
        row.micro += int(output * PRICES["output"])
        await response.write(last)
        row.outcome = "answered"
        with suppress(ConnectionError):
            await response.write_eof()
        return response


def _tokens(body: bytes) -> int:
    return len(body) // BYTES_OF_TOKEN


def _anthropic(model: str, tokens: int, output: int) -> list[bytes]:
    """The last one carries the count."""
    usage = {"input_tokens": tokens, "output_tokens": 1}
    started = {
        "id": f"msg_{time.time_ns()}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "usage": usage,
    }
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "I work on it."}}
    ends = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": output}}
    return [
        _event({"type": "message_start", "message": started}),
        _event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}) + _event(text),
        _event(ends) + _event({"type": "message_stop"}),
    ]


def _chat(model: str, tokens: int, output: int) -> list[bytes]:
    def chunk(**more: Any) -> bytes:
        values = {"id": f"chat-{time.time_ns()}", "object": "chat.completion.chunk", "created": 0, "model": model, **more}
        return f"data: {json.dumps(values)}\n\n".encode()

    usage = {"prompt_tokens": tokens, "completion_tokens": output, "total_tokens": tokens + output}
    text = {"index": 0, "delta": {"role": "assistant", "content": "I work on it."}, "finish_reason": None}
    stop = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return [chunk(choices=[text]), chunk(choices=[stop]) + chunk(choices=[], usage=usage) + b"data: [DONE]\n\n"]


def _event(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
