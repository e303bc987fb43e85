"""A key goes to the host and port of its base URL, whatever its agent writes into a request."""

import asyncio
import random
from urllib.parse import urlsplit

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from budget.models import GatewayAccess
from orchestration.gateway.keys import Upstream, WrongAddress, base_of
from orchestration.protocols import PROTOCOLS
from orchestration.protocols.shared.interface import Refused
from tests import hostile
from tests.orchestration.gateway.stage import KEY, Provider, Stage, an_access, play, token
from tests.sampling import examples


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
            upstream.headers(CIMultiDictProxy(CIMultiDict()), URL(other))


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(600)
def test_of_hostile_requests_none_reaches_another_host_than_the_configured_one() -> None:
    access, provider, random_ = an_access("4"), Provider(), random.Random(17)
    elsewhere: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        elsewhere.append(await reader.read(9_999))
        writer.close()

    async def steps(stage: Stage) -> None:
        gateway = urlsplit(stage.url)
        base = await asyncio.to_thread(lambda: GatewayAccess.objects.get().upstreams["anthropic"]["base_url"])
        other = await asyncio.start_server(note, "127.0.0.1", 0)
        port = other.sockets[0].getsockname()[1]
        with hostile.contacted() as contacted:
            for _ in range(examples(2_000)):
                request = hostile.request(random_, random_.choice(["127.0.0.1", "localhost", "evil.example"]), port)
                await hostile.send(gateway.hostname or "", gateway.port or 0, request.replace(b"TOKEN", token(access).encode()))
        other.close()
        assert contacted <= {("127.0.0.1", gateway.port), ("127.0.0.1", urlsplit(base).port)}

    play(steps, provider)
    assert elsewhere == []
    paths = {request.path for request in provider.seen}
    assert {"/v1/messages"} <= paths <= {"/v1/messages", "/v1/models", "/v1/models/x", "/v1beta/models/x:generateContent"}
    sent = {name.lower() for request in provider.seen for name in request.headers}
    assert not sent & {"x-forwarded-host", "x-original-url", "forwarded", "x-http-method-override", "proxy-authorization"}
    assert all(request.headers["x-api-key"] == KEY for request in provider.seen), "also where Connection names the header"
