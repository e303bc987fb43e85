"""With `network: proxy` a process reaches what is on the list, and nothing else."""

import asyncio
import functools
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from orchestration import configuration
from orchestration.models import LogChunk
from orchestration.sessions.sandbox import network
from orchestration.sessions.sandbox.network import proxy as network_proxy
from orchestration.sessions.sandbox.network import requests
from orchestration.sessions.sandbox.network.hosts import PROVIDERS
from orchestration.worker import agents
from tests.orchestration.worker.sessions.shop import Shop

Make = Callable[..., Shop]
ASK = """
import sys, urllib.request, urllib.error
try:
    print(sys.argv[1], urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())
except urllib.error.HTTPError as error:
    print(sys.argv[1], error.code, error.read().decode())
except OSError as error:
    print(sys.argv[1], error)
"""


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.path} of {self.headers['Host']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server on the host's loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def make(shop: Make, tmp_path: Any) -> Callable[..., tuple[str, list[str]]]:
    """Runs a command with ASK in a session; returns what it left in the file ok, and Muster's lines in the log."""
    (tmp_path / "ask.py").write_text(ASK)

    def run(command: str, *allow: str) -> tuple[str, list[str]]:
        ask = f"{sys.executable} {tmp_path}/ask.py"
        work = shop(command.replace("ASK", ask), sandbox={"network": "proxy", "allow": list(allow)})
        session = work.run()
        assert session.outcome == "passed", session.outcome_message
        return str(work.merged("ok")), log_of(session)

    return run


def log_of(session: Any) -> list[str]:
    lines = [line for chunk in LogChunk.objects.filter(session=session) for line in chunk.lines]
    return [text for _, stream, text in lines if stream == "muster"]


def proxies() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sandbox-proxy"]


def test_what_is_on_the_list_answers_and_the_proxy_ends_with_the_session(make: Any, port: int) -> None:
    output, _ = make(f"NO_PROXY= no_proxy= ASK 'http://127.0.0.1:{port}/a?b' > ok", f"127.0.0.1:{port}")
    assert output == f"http://127.0.0.1:{port}/a?b /a?b of 127.0.0.1:{port}\n"
    for thread in proxies():
        thread.join(10)
    assert proxies() == []


def test_the_hosts_loopback_that_is_on_the_list_needs_no_client_that_knows_a_proxy(make: Any, port: int) -> None:
    """A CLI reaches Muster's own endpoints so, to report its usage."""
    output, _ = make(f"env -i PATH=$PATH ASK http://127.0.0.1:{port}/x > ok", f"127.0.0.1:{port}")
    assert "/x of 127.0.0.1" in output


def test_another_host_and_another_port_are_refused_and_named_once(make: Any, port: int) -> None:
    ask = f"NO_PROXY= no_proxy= ASK http://127.0.0.1:{port}/ >> ok; ASK https://example.invalid/ >> ok; "
    output, lines = make(ask * 2, "127.0.0.1:1")
    sentence = f"The sandbox's proxy refused 127.0.0.1:{port}: add it to sandbox.allow"
    assert output.count(f"403 {sentence}") == 2, output
    assert "Tunnel connection failed: 403" in output
    refused = [line for line in lines if "refused" in line]
    assert refused == [sentence, "The sandbox's proxy refused example.invalid:443: add it to sandbox.allow"]


def test_a_tunnel_leads_to_what_is_on_the_list(make: Any, port: int) -> None:
    script = (
        "import http.client as h; c = h.HTTPConnection('127.0.0.1', 3128); "
        f"c.set_tunnel('127.0.0.1', {port}); c.request('GET', '/t'); print(c.getresponse().read())"
    )
    output, _ = make(f'{sys.executable} -c "{script}" > ok 2>&1', f"127.0.0.1:{port}")
    assert f"/t of 127.0.0.1:{port}" in output


def test_a_direct_connection_fails(make: Any, port: int) -> None:
    script = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
    output, _ = make(f'{sys.executable} -c "{script}" 2> ok; ls /sys/class/net >> ok 2>&1; true')
    assert "refused" in output


def test_an_agent_inherits_nothing_of_its_way_out(make: Any) -> None:
    wait = "for n in $(seq 100); do ls -l /proc/1/fd > first; [ $(grep -c socket: first) = 1 ] && break; sleep 0.1; done; "  # its exec is seen
    output, _ = make(f"ls -l /proc/self/fd > ok; echo first: >> ok; {wait}cat first >> ok")
    own, first = output.split("first:")
    assert ("socket" in own, first.count("socket:")) == (False, 1), "the first process keeps its reports to the shim"


def test_a_server_of_its_own_is_reached_directly(make: Any) -> None:
    output, _ = make(
        f"{sys.executable} -m http.server 8000 --bind 127.0.0.1 --directory /tmp > /dev/null 2>&1 & "
        "for n in $(seq 100); do ASK http://127.0.0.1:8000/ > ok; grep -q Directory ok && break; sleep 0.1; done; kill $!"
    )
    assert "Directory listing" in output


def test_a_name_that_leads_to_a_private_address_is_refused_without_its_port(make: Any, port: int) -> None:
    output, lines = make("NO_PROXY= no_proxy= ASK http://localhost/ > ok; NO_PROXY= no_proxy= ASK http://169.254.169.254/ >> ok",
                       "localhost", "169.254.169.254")  # fmt: skip
    assert output.count("403") == 2, output
    assert "localhost:80: add it to sandbox.allow with its port, since it leads to an address that is not public" in lines[-2]
    assert "169.254.169.254:80: add it" in lines[-1]


def test_without_its_process_a_proxy_ends() -> None:
    before = proxies()
    way_out = network.Proxy(network.Rules.of([]), network.Refusals()).open()
    (thread,) = set(proxies()) - set(before)
    way_out.close()
    thread.join(10)
    assert not thread.is_alive()


def test_an_open_tunnel_ends_with_the_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as listener:
        place, before = f"127.0.0.1:{silent.getsockname()[1]}", proxies()
        proxy = network.Proxy(network.Rules.of([place]), network.Refusals())
        proxy.ports = proxy.ports[:1]  # the silent server's own port is taken here
        with proxy.open() as way_out, socket.create_connection(listener.getsockname(), 10) as client:
            (thread,) = set(proxies()) - set(before)
            socket.send_fds(way_out, [b"."], [listener.fileno()])
            assert way_out.recv(1) == b"."
            client.sendall(b"CONNECT 127.0.0.1:9 HTTP/1.1\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 403"
            with socket.create_connection(listener.getsockname(), 10) as waiting:
                waiting.sendall(f"CONNECT {place} HTTP/1.1\r\n\r\n".encode())
                assert waiting.recv(100).startswith(b"HTTP/1.1 200")
                way_out.close()
                assert waiting.recv(1) == b""
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1", b"CONNECT a HTTP/1.1", b"CONNECT a:1", b"GET ftp://a/ HTTP/1.1", b"GET http://a:x/ HTTP/1.1",
                                  b"CONNECT [::1 HTTP/1.1", b"GET http://\xff/ HTTP/1.1", b"\r\n"])  # fmt: skip
def test_what_is_no_request_to_a_proxy_is_refused_with_a_sentence(head: bytes) -> None:
    with pytest.raises(ValueError, match="proxy"):
        requests.parse(head + b"\r\n\r\n")


def test_a_request_for_an_address_reaches_its_host_in_its_own_form() -> None:
    head = b"GET http://A.example/b?c HTTP/1.1\r\nHost: other\r\nProxy-Authorization: x\r\nAccept: d\r\n\r\n"
    request = requests.parse(head)
    assert (request.host, request.port) == ("a.example", 80)
    assert request.first == b"GET /b?c HTTP/1.1\r\nHost: a.example\r\nAccept: d\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("host", "port", "verdict"),
    [
        ("packages.example", 443, "public"),
        ("packages.example", 22, "refused"),
        ("evil-packages.example", 443, "refused"),
        ("packages.example.evil.net", 443, "refused"),
        ("a.example.com", 443, "public"),
        ("a.b.example.com", 80, "public"),
        ("example.com", 443, "refused"),
        ("notexample.com", 443, "refused"),
        ("db.internal", 5432, "anywhere"),
        ("db.internal", 5433, "refused"),
        ("db.internal", 443, "refused"),
        ("::1", 8765, "anywhere"),
        ("127.0.0.1", 8765, "refused"),
    ],
)
def test_names_are_matched_whole(host: str, port: int, verdict: str) -> None:
    rules = network.Rules.of(["packages.example", "*.example.com", "db.internal:5432", "[::1]:8765"])
    assert rules.permission(host, port) == verdict


@pytest.mark.parametrize(
    ("text", "listed"),
    [("Example.COM.", "example.com"), ("*.A.b", "*.a.b"), ("h:80", "h:80"), ("[::0:1]:80", "[::1]:80"), ("::1", "[::1]")],
)
def test_a_list_keeps_the_usual_form(text: str, listed: str) -> None:
    assert configuration.load({"sandbox": {"allow": [text]}}).sandbox.allow == [listed]


@pytest.mark.parametrize(
    "text",
    ["", "*", "*.", "http://a", "a b", "a/b", "a:", "a:0", "a:65536", "a:x", "a:\u0661", "*.a:80", "a..b", "-a", "[::1", "[a]:1", "a@b", "a\n", "é.de", "b" * 299],
)  # fmt: skip
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        configuration.merged({}, {"sandbox": {"allow": [text]}})


@pytest.mark.parametrize("network", ["proxy", "none"])
def test_a_bounded_network_needs_a_sandbox(network: str) -> None:
    with pytest.raises(ValueError, match="keep its processes off the network"):
        configuration.merged({}, {"sandbox": {"mode": "none", "network": network}})


def test_agents_reach_their_provider_their_gateway_and_muster(settings: Any) -> None:
    settings.BASE_URL = "http://127.0.0.1:8765"
    config = configuration.load(
        {
            "agent": {
                "kind": "claude_code",
                "model": "m",
                "env": {"ANTHROPIC_BASE_URL": "https://gw.internal:8443/v1", "X": "https://no"},
            }
        }
    )
    rules = network.Rules.of(network.for_config(config, "http://127.0.0.1:40000/secret"))
    assert rules.permission("api.anthropic.com", 443) == "public"
    assert rules.permission("gw.internal", 8443) == "anywhere"
    assert rules.permission("no", 443) == "refused"
    assert rules.loopback == [8765, 40000]


def test_each_agent_of_a_workspace_reaches_its_own_provider(settings: Any) -> None:
    """Reviewers and planners too: what no agent needs is not let through."""
    settings.AGENT_URL = "http://muster.internal:8766"

    def agent(kind: str, gateway: str) -> dict[str, Any]:
        return {"kind": kind, "model": "m", "env": {"X_BASE_URL": f"https://{gateway}", "X_KEY": "https://no.example"}}

    config = configuration.load(
        {
            "agent": agent("claude_code", "one.example"),
            "verifier": {"agent": agent("codex", "two.example")},
            "interceptor": {"agent": agent("codex", "three.example")},
            "planner": {"agent": agent("gemini", "four.example")},
            "expander": {"agent": agent("gemini", "five.example")},
            "orchestrator": {"agent": agent("gemini", "six.example")},
            "sandbox": {"allow": ["packages.example"]},
        }
    )
    gateways = [f"{name}.example:443" for name in ("one", "two", "three", "four", "five", "six")]
    providers = [name for kind in ("claude_code", "codex", "gemini") for name in PROVIDERS[kind]]
    served = ["muster.internal:8766", "127.0.0.1:40000"]
    assert set(network.for_config(config, "http://127.0.0.1:40000/x")) == {"packages.example", *providers, *gateways, *served}


def test_an_address_in_the_settings_or_arguments_of_an_agent_is_let_through() -> None:
    settings = {"provider": {"own": {"options": {"baseURL": "http://models.internal:9000/v1", "headers": ["x", 1]}}}}
    arguments = ["-c", 'model_providers.own.base_url="https://codex.internal/v1"']
    agent = {"kind": "opencode", "model": "own/m", "settings": settings, "args": arguments}
    rules = network.Rules.of(network.for_config(configuration.load({"agent": agent})))
    assert rules.permission("models.internal", 9000) == rules.permission("codex.internal", 443) == "anywhere"


def test_each_kind_of_agent_has_its_providers_in_the_table() -> None:
    assert set(PROVIDERS) == set(agents.KINDS)
    network.Rules.of(name for names in PROVIDERS.values() for name in names)


POSTGRESQL = {"ENGINE": "django.db.backends.postgresql", "HOST": "db", "PASSWORD": ""}
SQLITE = {"ENGINE": "django.db.backends.sqlite3", "HOST": "", "PASSWORD": ""}


@pytest.mark.parametrize(
    ("database", "redis", "variables", "named"),
    [
        (SQLITE, "redis+socket:///data/valkey.sock", {}, ""),
        (POSTGRESQL, "redis://cache:6379/0", {}, "DATABASE_URL and REDIS_URL have"),
        (POSTGRESQL | {"PASSWORD": "p"}, "redis://cache:6379/0", {}, "REDIS_URL has"),
        (POSTGRESQL, "rediss://:secret@cache:6379/0", {}, "DATABASE_URL has"),
        (POSTGRESQL, "redis://:secret@cache", {"PGPASSWORD": "p"}, ""),
        (POSTGRESQL | {"HOST": "/run/postgresql"}, "redis://:secret@cache", {}, ""),
        (POSTGRESQL | {"HOST": ""}, "unix:///run/valkey.sock", {}, ""),
    ],
)
def test_a_server_of_musters_without_a_password_is_named(
    database: dict[str, object], redis: str, variables: dict[str, str], named: str
) -> None:
    sentence = network.warning_of_unguarded(database, redis, variables)
    assert sentence.startswith(named) if named else not sentence


HEAD = b"POST http://host/x HTTP/1.1\r\nHost: host\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"GET http://host/\n HTTP/1.1\r\n\r\n",
        b"GET http://host/ HTTP/1.1\nX: y\r\n\r\n",
        HEAD + b"A: b\nContent-Length: 3\r\n\r\n",
        HEAD + b"A: b\rC: d\r\n\r\n",
        HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n",
        HEAD + b"Content-Length: 3, 3\r\n\r\n",
        HEAD + b"Content-Length: +3\r\n\r\n",
        HEAD + b"Content-Length: 0x3\r\n\r\n",
        HEAD + b" folded\r\n\r\n",
        HEAD + b"no colon here\r\n\r\n",
        HEAD + b"A: b\0\r\n\r\n",
    ],
)
def test_what_two_servers_could_read_in_two_ways_is_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        requests.parse(head)


def test_a_body_has_the_length_that_its_head_names() -> None:
    assert requests.parse(HEAD + b"Content-Length: 12\r\n\r\n").body == 12
    assert requests.parse(HEAD + b"\r\n").body == 0


def test_a_second_request_on_the_connection_goes_nowhere(port: int) -> None:
    """It could name another host of the same server."""
    rules = network_proxy.Rules.of([f"127.0.0.1:{port}"])

    async def asked() -> bytes:
        proxy = network_proxy.Proxy(rules, network.Refusals())
        server = await asyncio.start_server(functools.partial(proxy._client, forwarded=None), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        first = f"GET http://127.0.0.1:{port}/one HTTP/1.1\r\nHost: x\r\n\r\n"
        writer.write((first + "GET /two HTTP/1.1\r\nHost: other.example\r\n\r\n").encode())
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        server.close()
        return answer

    answer = asyncio.run(asked())
    assert b"/one of 127.0.0.1" in answer and b"/two" not in answer


def test_a_permitted_port_of_the_hosts_loopback_answers_on_either_address(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many servers listen on one of the two alone."""
    connect = asyncio.open_connection

    async def only_at(place: str, port: int) -> Any:
        if place != listening:
            raise ConnectionRefusedError
        return await connect("127.0.0.1", port)

    async def asked() -> bytes:
        proxy = network_proxy.Proxy(network_proxy.Rules.of([f"127.0.0.1:{port}"]), network.Refusals())
        server = await asyncio.start_server(functools.partial(proxy._client, forwarded=port), "127.0.0.1", 0)
        reader, writer = await connect("127.0.0.1", server.sockets[0].getsockname()[1])
        writer.write(b"GET /one HTTP/1.0\r\nHost: x\r\n\r\n")
        try:
            answer = await asyncio.wait_for(reader.read(), 20)
        except ConnectionResetError:  # closed before the request was read
            answer = b""
        writer.close()
        server.close()
        return answer

    monkeypatch.setattr(asyncio, "open_connection", only_at)
    for listening in ("127.0.0.1", "::1"):
        assert b"/one of x" in asyncio.run(asked()), listening
    listening = "nowhere"
    assert asyncio.run(asked()) == b""


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolved(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "10.0.0.1"]

    monkeypatch.setattr(network_proxy, "_resolved", resolved)
    proxy = network_proxy.Proxy(network_proxy.Rules.of(["rebound.example"]), network.Refusals())
    with pytest.raises(network_proxy._Refused, match="not public"):
        asyncio.run(proxy._upstream("rebound.example", 443))


def test_a_connection_that_ended_makes_room_for_another(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_proxy, "MAX_CONNECTIONS", 1)
    proxy = network_proxy.Proxy(network_proxy.Rules.of([f"127.0.0.1:{port}"]), network.Refusals())

    async def none_is_open() -> None:
        while proxy._clients:
            await asyncio.sleep(0.01)

    async def answers() -> list[bytes]:
        server = await asyncio.start_server(functools.partial(proxy._client, forwarded=None), "127.0.0.1", 0)
        lines = []
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
            writer.write(f"GET http://127.0.0.1:{port}/one HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            lines.append(await asyncio.wait_for(reader.readline(), 20))
            await asyncio.wait_for(reader.read(), 20)
            writer.close()
            await asyncio.wait_for(none_is_open(), 20)
        server.close()
        return lines

    assert [line.split()[1] for line in asyncio.run(answers())] == [b"200"] * 3
