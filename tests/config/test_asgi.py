"""Each request goes to the part of the server that is made for it."""

import asyncio
from typing import Any

import pytest

from config import asgi
from config.http import agent_listener

ENTRY = "/api/v1/workspaces/ws_1/orchestration/todo/entries/entry_1"


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the parts that got a request."""
    got: list[str] = []

    def part(name: str) -> Any:
        async def serve(scope: Any, receive: Any, send: Any) -> None:
            got.append(name)

        return serve

    for name in ("pages", "streams", "stops"):
        monkeypatch.setattr(asgi, name, part(name))
    monkeypatch.setattr(asgi.serving, "application", part("git"))
    monkeypatch.setattr(agent_listener, "ports", {8766})
    return got


def request(path: str, *, kind: str = "http", port: int = 8765, chunked: bool = False) -> None:
    headers = [(b"transfer-encoding", b"chunked")] if chunked else [(b"accept", b"*/*")]
    scope = {"type": kind, "path": path, "server": ("0.0.0.0", port), "headers": headers}
    asyncio.run(asgi.application(scope, None, None))


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/", "pages"),
        ("/w/ws_1/events/", "streams"),
        ("/w/ws_1/events", "streams"),
        ("/w/ws_1/events/more", "pages"),
        ("/api/v1/workspaces/ws_1/orchestration/events", "streams"),
        ("/api/v1/workspaces/ws_1/orchestration/executor/stop-all", "stops"),
        (f"{ENTRY}/stop", "stops"),
        (f"{ENTRY}/stop/x", "pages"),
        ("/git/ws_1/info/refs", "git"),
        ("/gitx", "pages"),
    ],
)
def test_streams_stops_and_repositories_have_parts_of_their_own(parts: list[str], path: str, part: str) -> None:
    request(path)
    assert parts == [part]


def test_a_body_without_a_length_is_read_by_the_async_part_and_a_pack_by_git(parts: list[str]) -> None:
    for path in (f"{ENTRY}/stop", "/git/ws_1/git-receive-pack"):
        request(path, chunked=True)
    assert parts == ["streams", "git"]


def test_at_the_address_of_agents_there_are_no_repositories_and_the_rest_of_the_server_is_as_it_is(parts: list[str]) -> None:
    for path, chunked in (("/git/ws_1/info/refs", False), (f"{ENTRY}/stop", False), ("/x", True)):
        request(path, port=8766, chunked=chunked)
    request("/", kind="lifespan", port=8766)
    request("/git/x", kind="websocket")
    assert parts == ["pages", "pages", "streams", "pages", "pages"]
