"""The list of a sandbox's proxy, and what it says of what it refused; without a process."""

import asyncio
import functools
import random
import socket
import threading
from typing import Any

import pytest

from orchestration import configuration
from orchestration.sessions.sandbox import network
from orchestration.sessions.sandbox.missing import MAX_NAMES, Missing
from orchestration.sessions.sandbox.network import proxy as network_proxy
from orchestration.sessions.sandbox.network import requests
from tests import hostile
from tests.orchestration.worker.sessions.shop import until
from tests.sampling import examples


def test_a_refused_place_is_named_once_and_a_hundred_at_most() -> None:
    refusals = network.Refusals()
    for n in range(2 * network_proxy.MAX_NAMED):
        refusals.add("host", n % 150, f"sentence {n % 150}")
    assert refusals.take() == [f"sentence {n}" for n in range(network_proxy.MAX_NAMED)]
    refusals.add("host", 1, "again")
    assert refusals.take() == []


def test_the_proxy_listens_next_to_the_ports_of_the_loopback_that_it_forwards() -> None:
    rules = network.Rules.of(["127.0.0.1:3128", "localhost:3129", "[::1]:80", "db.internal:5432", "127.0.0.1:1024"])
    assert rules.loopback == [80, 1024, 3128, 3129]
    proxy = network.Proxy(rules, network.Refusals())
    assert proxy.ports == [3130, 1024, 3128, 3129], "below 1024 the first process may not listen"
    variables = proxy.variables()
    assert {variables[name] for name in ("HTTP_PROXY", "https_proxy")} == {"http://127.0.0.1:3130"}
    assert "127.0.0.1" in variables["NO_PROXY"] and variables["no_proxy"] == variables["NO_PROXY"]


def test_only_variables_that_name_the_address_of_a_provider_open_the_way(settings: Any) -> None:
    settings.AGENT_URL = "http://127.0.0.1:8766"
    env = {"A_URL": "https://a.example", "B_BASE": "http://b.example/x", "C_ENDPOINT": "https://[2001:db8::1]:99/", "D": "https://d.example", "E_URL": "ftp://e.example", "F_URL": "no address"}  # fmt: skip
    agent = {"command": "agent", "env": env}
    entries = network.for_config(
        configuration.load({"agent": agent, "sandbox": {"allow": ["own.example"]}}), "http://127.0.0.1:4000/x", ""
    )
    assert entries == ["own.example", "a.example:443", "b.example:80", "[2001:db8::1]:99", "127.0.0.1:8766", "127.0.0.1:4000"]


def test_every_agent_of_a_workspace_reaches_its_own_provider() -> None:
    others = {part: {"agent": {"kind": kind, "model": "m"}} for part, kind in (("verifier", "gemini"), ("interceptor", "codex"))}
    config = configuration.load({"agent": {"command": "agent"}, **others})
    assert {"api.openai.com", "generativelanguage.googleapis.com"} <= set(network.for_config(config))


@pytest.mark.parametrize(
    ("target", "host", "port", "line"),
    [
        ("http://h:8080/a?b=c", "h", 8080, "GET /a?b=c HTTP/1.1\r\nHost: h:8080\r\n"),
        ("http://h", "h", 80, "GET / HTTP/1.1\r\nHost: h\r\n"),
        ("http://[::1]:80/", "::1", 80, "GET / HTTP/1.1\r\nHost: [::1]\r\n"),
    ],
)
def test_a_request_names_its_host_and_port(target: str, host: str, port: int, line: str) -> None:
    request = requests.parse(f"GET {target} HTTP/1.1\r\nConnection: keep-alive\r\nTE: x\r\nUpgrade: y\r\n\r\n".encode())
    assert (request.host, request.port) == (host, port)
    assert request.first.decode() == f"{line}Connection: close\r\n\r\n"


def test_a_tunnel_carries_nothing_of_its_request_on() -> None:
    request = requests.parse(b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n")
    assert (request.place, request.first, request.body) == ("h:443", b"", 0)
    assert requests.place("::1", 80) == "[::1]:80"


def test_an_answer_is_whole_and_ends_the_connection() -> None:
    head, _, body = requests.answer(403, "Not that one").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n") and b"Connection: close" in head
    assert body == b"Not that one\n" and f"Content-Length: {len(body)}".encode() in head


async def answer_to(proxy: network.Proxy, request: bytes) -> bytes:
    server = await asyncio.start_server(functools.partial(proxy._client, forwarded=None), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    server.close()
    return answer


def test_its_ports_are_free_at_its_end_though_a_name_is_still_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next process of the stage listens on them."""
    is_asked, may_answer = threading.Event(), threading.Event()

    def look_up(*_: object, **__: object) -> list[Any]:
        is_asked.set()
        may_answer.wait(60)
        return []

    proxy = network.Proxy(network.Rules.of(["slow.example"]), network.Refusals())
    listener = socket.create_server(("127.0.0.1", 0))
    place = listener.getsockname()
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with proxy.open() as shim, socket.socket() as client:
        socket.send_fds(shim, [b"."], [listener.fileno()])
        listener.close()
        assert shim.recv(1) == b"."
        client.connect(place)
        client.sendall(b"CONNECT slow.example:443 HTTP/1.1\r\n\r\n")
        assert is_asked.wait(30)
        shim.close()
        try:
            until(functools.partial(is_free, place), 10)
        finally:
            may_answer.set()


def is_free(place: tuple[str, int]) -> bool:
    try:
        socket.create_server(place).close()
    except OSError:
        return False
    return True


def test_of_hostile_requests_none_reaches_another_host_than_those_of_the_list() -> None:
    random_ = random.Random(17)
    came: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def attack() -> None:
        listed, other = [await asyncio.start_server(note, "127.0.0.1", 0) for _ in range(2)]
        good, evil = (server.sockets[0].getsockname()[1] for server in (listed, other))
        proxy = network.Proxy(network.Rules.of([f"127.0.0.1:{good}"]), network.Refusals())
        server = await asyncio.start_server(functools.partial(proxy._client, forwarded=None), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with hostile.contacted() as contacted:
            for _ in range(examples(2_000)):
                request = hostile.request(random_, random_.choice(["127.0.0.1", "localhost", "evil.example"]), evil)
                absolute = request.replace(b" ", b" http://127.0.0.1:%d" % good, 1)
                await hostile.send("127.0.0.1", port, random_.choice([request, absolute]))
        assert contacted <= {("127.0.0.1", port), ("127.0.0.1", good), ("127.0.0.1", str(good))}, contacted
        for each in (listed, other, server):
            each.close()

    asyncio.run(attack())
    assert came and all(b"\r\nHost: 127.0.0.1:" in head for head in came)


def test_more_connections_than_it_takes_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_proxy, "MAX_CONNECTIONS", 0)
    answer = asyncio.run(answer_to(network.Proxy(network.Rules.of([]), network.Refusals()), b""))
    assert answer.startswith(b"HTTP/1.1 503 ")


def test_what_cannot_be_reached_or_read_is_answered_with_the_reason() -> None:
    refusals = network.Refusals()
    proxy = network.Proxy(network.Rules.of(["127.0.0.1:1"]), refusals)
    away = asyncio.run(answer_to(proxy, b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n"))
    assert away.startswith(b"HTTP/1.1 502 ") and b"127.0.0.1:1 could not be reached" in away
    assert asyncio.run(answer_to(proxy, b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    assert refusals.take() == []


def test_a_permitted_port_may_be_private_and_every_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolved(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "10.0.0.1"]

    tried: list[tuple[str, int]] = []

    async def open_connection(place: str, port: int) -> Any:
        tried.append((place, port))
        if place == "127.0.0.1":
            raise ConnectionRefusedError
        return "connected"

    monkeypatch.setattr(network_proxy, "_resolved", resolved)
    monkeypatch.setattr(network_proxy.asyncio, "open_connection", open_connection)
    proxy = network.Proxy(network.Rules.of(["db.internal:5432"]), network.Refusals())
    assert asyncio.run(proxy._upstream("db.internal", 5432)) == "connected"
    assert tried == [("127.0.0.1", 5432), ("10.0.0.1", 5432)]


def test_a_name_whose_addresses_are_public_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolved(host: str, port: int) -> list[str]:
        return ["93.184.216.34"]

    async def connected(places: list[str], port: int) -> Any:
        return places, port

    monkeypatch.setattr(network_proxy, "_resolved", resolved)
    monkeypatch.setattr(network_proxy, "_connected", connected)
    proxy = network.Proxy(network.Rules.of(["public.example"]), network.Refusals())
    assert asyncio.run(proxy._upstream("public.example", 443)) == (["93.184.216.34"], 443)


def test_five_missing_paths_are_named_each_once_and_none_right_below_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.exists", lambda path: True)
    reader = Missing("/home/me", ["/usr", "/opt/x/"], lambda path: path == "/srv/hidden")
    reader.read("cat: /top /usr/bin/x /opt/x /opt/x/y /srv/hidden: not found")
    assert reader.sentences() == []
    for n in range(2 * MAX_NAMES):
        reader.read(f"/data/{n // 2}/../{n // 2}: No such file or directory")
    assert [sentence.split()[5].rstrip(":") for sentence in reader.sentences()] == [f"/data/{n}" for n in range(MAX_NAMES)]
    assert reader.is_missing("/usrx/y") and not reader.is_missing("/usr/y")
