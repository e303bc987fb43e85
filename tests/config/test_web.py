"""The web process believes only named proxies about the client of a request."""

import asyncio
import signal
from typing import Any

import pytest

from config import web


def seen_by_the_app(client: str, forwarded: str) -> tuple[str, str]:
    """The address and scheme that the site gets, through all that uvicorn puts before it."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"][0], scope["scheme"]))

    config = web.uvicorn_config(app)
    config.load()
    headers = [(b"x-forwarded-for", forwarded.encode()), (b"x-forwarded-proto", b"https")]
    scope = {"type": "http", "client": (client, 1234), "scheme": "http", "headers": headers}
    asyncio.run(config.loaded_app(scope, None, None))
    (result,) = seen
    return result


@pytest.mark.parametrize("environment", ["", "*", "127.0.0.1"])
def test_a_process_of_this_machine_cannot_make_up_where_it_comes_from(monkeypatch: pytest.MonkeyPatch, environment: str) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", environment)  # uvicorn's own variable does not count
    assert seen_by_the_app("127.0.0.1", "10.9.8.7") == ("127.0.0.1", "http")


def test_a_proxy_that_is_named_is_believed_and_no_other(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1", "10.1.0.0/16"]
    assert seen_by_the_app("127.0.0.1", "203.0.113.5") == ("203.0.113.5", "https")
    assert seen_by_the_app("10.1.2.3", "6.6.6.6, 203.0.113.5") == ("203.0.113.5", "https"), (
        "what the visitor wrote before it is not"
    )
    assert seen_by_the_app("192.0.2.1", "203.0.113.5") == ("192.0.2.1", "http")


def test_the_server_ends_at_once_without_looking_ten_times_a_second() -> None:
    ticks: list[int] = []

    async def end_after_the_first_tick() -> None:
        server = web.Server(web.uvicorn_config(None))
        on_tick = server.on_tick

        async def count(counter: int) -> bool:
            ticks.append(counter)
            return await on_tick(counter)

        server.on_tick = count  # type: ignore[method-assign]
        looking = asyncio.create_task(server.main_loop())
        await asyncio.sleep(0)
        server.handle_exit(signal.SIGTERM, None)
        await looking

    asyncio.run(end_after_the_first_tick())
    assert len(ticks) == 2, "the first one, and the one that the signal woke"
