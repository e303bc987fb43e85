"""The SDK's own client against the whole application, in this process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from config import asgi

URL = "http://localhost/mcp"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def http(token: str | None = None, **headers: str) -> httpx2.AsyncClient:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    authorization = {"authorization": f"Bearer {token}"} if token else {}
    accept = {"accept": "application/json, text/event-stream"}
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=asgi.application), headers={**accept, **authorization, **named})


@asynccontextmanager
async def connected(token: str, mode: str = "auto") -> AsyncIterator[Client]:
    async with http(token) as client, Client(streamable_http_client(URL, http_client=client), mode=mode) as connection:
        yield connection


def posted(body: Any, token: str | None = None, **headers: str) -> httpx2.Response:
    """One request, as any client may send it."""

    async def post() -> httpx2.Response:
        async with http(token, **headers) as client:
            return await client.post(URL, content=body) if isinstance(body, bytes) else await client.post(URL, json=body)

    return run(post)


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run it in a loop, and close the connections of the threads that it used."""
    return asyncio.run(work())  # type: ignore[arg-type]


def used(token: str, name: str, mode: str = "auto", **given: Any) -> Any:
    """The result of one tool."""

    async def call() -> Any:
        async with connected(token, mode) as client:
            return await client.call_tool(name, given)

    return run(call)


def listed(token: str, mode: str = "auto") -> dict[str, Any]:
    """The tools that a token has."""

    async def ask() -> Any:
        async with connected(token, mode) as client:
            return (await client.list_tools()).tools

    return {tool.name: tool for tool in run(ask)}
