"""A provider that streams an answer: the first byte after 20 ms, then a chunk every 100 ms. Prints its address."""

import asyncio
import json
import socket
from typing import Any

from aiohttp import web

FIRST_S, EVERY_S = 0.02, 0.1


async def answer(request: web.Request) -> web.StreamResponse:
    asked = json.loads(await request.read())
    chunks = int(asked["metadata"]["user_id"])
    await asyncio.sleep(FIRST_S)
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    usage = {"input_tokens": 8_000, "output_tokens": 1}
    await _write(response, {"type": "message_start", "message": {"model": asked["model"], "usage": usage}})
    for _ in range(chunks):
        await asyncio.sleep(EVERY_S)
        await _write(response, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word " * 8}})
    await _write(
        response, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": chunks * 8 + 1}}
    )
    await _write(response, {"type": "message_stop"})
    return response


async def _write(response: web.StreamResponse, event: dict[str, Any]) -> None:
    await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())


async def main() -> None:
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/messages", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    await web.SockSite(runner, listener, backlog=1024).start()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
