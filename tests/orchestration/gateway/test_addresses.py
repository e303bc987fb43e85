"""A key goes to the host and port of its base URL, whatever its agent writes into a request."""

import asyncio
import random
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from yarl import URL

from budget.models import GatewayAccess
from orchestration.gateway.keys import Upstream, WrongAddress, base_of
from orchestration.gateway.protocols import PROTOCOLS
from orchestration.gateway.protocols.interface import Refused
from tests.orchestration.gateway.stage import KEY, Provider, Stage, an_access, play, token
from tests.sampling import examples

contacted: set[Any] = set()
_is_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _is_watching and event in ("socket.connect", "socket.getaddrinfo"):
        contacted.add(arguments[1][:2] if event == "socket.connect" else arguments[:2])


sys.addaudithook(_watch)  # sees every connection of this process, and every name that it looks up


@pytest.mark.parametrize(
    ("api", "base", "path", "address"),
    [
        ("anthropic", "https://api.anthropic.com", "/v1/messages", "https://api.anthropic.com/v1/messages"),
        ("anthropic", "https://x.example/v1/", "/v1/messages", "https://x.example/v1/messages"),
        ("anthropic", "https://api.z.example/api/anthropic", "/messages", "https://api.z.example/api/anthropic/v1/messages"),
        ("openai_responses", "https://api.openai.com/v1", "/v1/responses", "https://api.openai.com/v1/responses"),
        ("openai_chat", "https://z.example/paas/v4", "/v1/chat/completions", "https://z.example/paas/v4/chat/completions"),
        ("openai_chat", "http://[::1]:8000", "/chat/completions", "http://[::1]:8000/v1/chat/completions"),
        (
            "openai_chat",
            "https://a.example/openai/deployments/x%20y",
            "/v1/chat/completions",
            "https://a.example/openai/deployments/x%20y/chat/completions",
        ),
        ("gemini", "https://g.example", "/v1alpha/models/x:countTokens", "https://g.example/v1alpha/models/x:countTokens"),
        ("gemini", "https://g.example/v1beta", "/models", "https://g.example/v1beta/models"),
    ],
)
def test_an_endpoint_lies_below_the_base_url_as_the_providers_own_clients_put_it(
    api: str, base: str, path: str, address: str
) -> None:
    protocol = PROTOCOLS[api]
    route = protocol.match("GET" if path.endswith("models") else "POST", path)
    assert route is not None
    assert str(Upstream(api, base_of(base), None, "").address(route.version or protocol.version, route.endpoint)) == address


@pytest.mark.parametrize("base", ["api.anthropic.com", "ftp://x.example", "http://", "http://x:99999", "", "file:///etc/passwd"])
def test_a_base_url_that_is_no_address_gets_no_key(base: str) -> None:
    with pytest.raises(Refused, match="no http"):
        base_of(base)


def test_no_key_is_put_on_a_request_to_another_host_port_or_scheme() -> None:
    upstream = Upstream("anthropic", base_of("https://u:p@api.example"), ("x-api-key", KEY), "team")
    for other in (
        "https://evil.example/v1",
        "http://api.example/v1",
        "https://api.example:444/v1",
        "https://api.example@evil.example/",
    ):
        with pytest.raises(WrongAddress):
            upstream.headers(None, URL(other))  # type: ignore[arg-type]


def _hostile(random_: random.Random, host: str, port: int) -> bytes:
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


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(600)
def test_of_hostile_requests_none_reaches_another_host_than_the_configured_one() -> None:
    access, provider, random_ = an_access("4"), Provider(), random.Random(17)
    elsewhere: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        elsewhere.append(await reader.read(9_999))
        writer.close()

    async def steps(stage: Stage) -> None:
        global _is_watching
        gateway = urlsplit(stage.url)
        base = await asyncio.to_thread(lambda: GatewayAccess.objects.get().upstreams["anthropic"]["base_url"])
        other = await asyncio.start_server(note, "127.0.0.1", 0)
        port = other.sockets[0].getsockname()[1]
        contacted.clear()
        _is_watching = True
        try:
            for _ in range(examples(2_000)):
                reader, writer = await asyncio.open_connection(gateway.hostname, gateway.port)
                request = _hostile(random_, random_.choice(["127.0.0.1", "localhost", "evil.example"]), port)
                writer.write(request.replace(b"TOKEN", token(access).encode()))
                async with asyncio.timeout(60):
                    await reader.read()
                writer.close()
        finally:
            _is_watching = False
            other.close()
        assert contacted <= {("127.0.0.1", gateway.port), ("127.0.0.1", urlsplit(base).port)}

    play(steps, provider)
    assert elsewhere == []
    paths = {request.path for request in provider.seen}
    assert {"/v1/messages"} <= paths <= {"/v1/messages", "/v1/models", "/v1/models/x", "/v1beta/models/x:generateContent"}
    sent = {name.lower() for request in provider.seen for name in request.headers}
    assert not sent & {"x-forwarded-host", "x-original-url", "forwarded", "x-http-method-override", "proxy-authorization"}
    assert all(request.headers["x-api-key"] == KEY for request in provider.seen), "also where Connection names the header"
