"""The application at /mcp has no middleware of Django: it checks host, origin, token, method and size itself."""

import importlib.util
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

from config import asgi
from tests.config.mcp.clients import PING, URL, http, posted, run
from tests.factories import ANA, a_token, a_workspace
from workspaces.machine import release
from workspaces.people import tokens

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def token(transactional_db: None) -> str:
    return a_token(a_workspace(), "viewer")


def test_an_answer_names_its_request_and_the_release(token: str) -> None:
    response = posted(PING, token)
    assert (response.status_code, response.json()) == (200, {"jsonrpc": "2.0", "id": 1, "result": {}})
    assert len(response.headers["x-request-id"]) == 16 and response.headers["muster-version"] == release.NUMBER


def test_without_a_valid_token_it_is_401_with_a_challenge(token: str) -> None:
    tokens.revoke(tokens.find(token), by=ANA, reason="")  # type: ignore[arg-type]
    for secret in (None, "wrong", token):
        response = posted(PING, None, **({"authorization": f"Bearer {secret}"} if secret else {}))
        assert response.status_code == 401 and response.headers["www-authenticate"].startswith('Bearer realm="muster", ')
        assert response.json()["name"] == "UnauthorizedError" and response.headers["x-request-id"]
    assert posted(PING, None, authorization=f"Basic {token}").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "", "a/b", "localhost@evil.example"])
def test_another_host_name_is_refused(token: str, host: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    assert posted(PING, token, host=host).status_code == 400


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost", 200),
        ("https://localhost", 200),
        ("http://evil.example", 403),
        ("null", 403),
        ("http://localhost.evil", 403),
    ],
)
def test_another_origin_is_refused(token: str, origin: str, status: int) -> None:
    assert posted(PING, token, origin=origin).status_code == status


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD", "OPTIONS"])
def test_there_is_nothing_but_post(token: str, method: str) -> None:
    async def call() -> Any:
        async with http(token) as client:
            return await client.request(method, URL)

    response = run(call)
    assert response.status_code == 405 and response.headers["allow"] == "POST"


def test_a_huge_body_is_refused_before_it_is_read(token: str) -> None:
    response = posted(b"[" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1), token)
    assert response.status_code == 413 and response.json()["name"] == "TooLargeError"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b"[]", b"7", b'{"jsonrpc": "2.0"}', b'{"a":' * 50_000],
)
def test_what_is_no_request_gets_4xx(token: str, body: bytes) -> None:
    assert 400 <= posted(body, token, content_type="application/json").status_code < 500


@pytest.mark.parametrize("version", ["2026-07-28", "1999-01-01", "x" * 5000])
def test_a_version_of_the_protocol_that_does_not_fit_gets_4xx(token: str, version: str) -> None:
    assert 400 <= posted(PING, token, mcp_protocol_version=version).status_code < 500


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"name": 7},
        {"name": "x" * 90_000},
        {"name": "unknown"},
        {"name": "list_entries", "arguments": []},
        {"name": "list_entries", "arguments": "x"},
    ],
)
def test_a_wrong_call_is_an_error_of_the_protocol(token: str, params: Any) -> None:
    response = posted({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, token)
    assert response.status_code < 500 and len(response.json()["error"]["message"]) < 500


def test_without_the_extra_it_is_404_that_names_it(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    response = posted(PING, token)
    assert response.status_code == 404 and "./muster install mcp" in response.json()["data"]["message"]


def test_the_server_starts_without_the_sdk() -> None:
    code = "import sys, config.asgi; print(sorted({'mcp', 'mcp_types', 'starlette', 'config.mcp.server', 'jsonschema'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip().splitlines()[-1] == "[]"


def test_nothing_else_begins_with_its_address(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[str] = []

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        got.append(scope["path"])

    monkeypatch.setattr(asgi, "pages", pages)
    for path in ("/mcp/", "/mcpx", "/mcp/x"):
        run(lambda path=path: asgi.application({"type": "http", "path": path, "headers": [], "server": ("x", 1)}, None, None))
    assert got == ["/mcp/", "/mcpx", "/mcp/x"]
