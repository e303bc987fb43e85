"""The client, against a server on this machine."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from orchestration.forges import transport
from orchestration.forges.shape import ForgeError, Problem
from orchestration.forges.transport import Client


class Server(BaseHTTPRequestHandler):
    seen: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen.append((self.path, headers))
        if self.path == "/logs":
            self._answer(302, b"", {"Location": f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere"})
        elif headers.get("if-none-match") == '"1"':
            self._answer(304, b"")
        else:
            self._answer(200, b'{"id": 1}', {"ETag": '"1"'})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def client(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    settings.WEBHOOK_ALLOW = "127.0.0.1"
    monkeypatch.setattr(transport, "_cache", transport.OrderedDict())
    Server.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield Client(f"http://127.0.0.1:{server.server_address[1]}", {"Authorization": "Bearer s3cret"})
    server.shutdown()
    server.server_close()


def test_what_has_not_changed_is_asked_for_by_its_etag(client: Client) -> None:
    assert [client.get("/x"), client.get("/x")] == [{"id": 1}, {"id": 1}]
    assert [headers.get("if-none-match") for _, headers in Server.seen] == [None, '"1"']


def test_another_token_gets_an_answer_of_its_own(client: Client) -> None:
    client.get("/x")
    Client(client.root, {"Authorization": "Bearer other"}).get("/x")
    assert "if-none-match" not in Server.seen[1][1]


def test_a_log_elsewhere_is_read_without_the_token(client: Client) -> None:
    assert client.text("/logs") == '{"id": 1}'
    assert [(path, "authorization" in headers) for path, headers in Server.seen] == [("/logs", True), ("/elsewhere", False)]


def test_a_token_is_in_no_representation(client: Client) -> None:
    assert "s3cret" not in repr(client)


def test_a_private_address_needs_a_permit_and_a_dead_one_is_unreachable(client: Client, settings: Any) -> None:
    with pytest.raises(ForgeError, match="refused") as error:
        Client("http://127.0.0.1:1", {}).get("/x")
    assert error.value.problem == Problem.UNREACHABLE
    settings.WEBHOOK_ALLOW = ""
    with pytest.raises(ForgeError, match="must be an https URL"):
        client.get("/x")
