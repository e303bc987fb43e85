"""The agents' own address of the server: sessions' tokens, and the API alone."""

import asyncio
from typing import Any

import pytest
from django.test import Client

from config import asgi
from config.http import agent_listener
from config.system import env
from tests.factories import a_session, a_token, a_workspace, an_entry
from workspaces.people import tokens

DOOR = {"X-Muster-Door": "1"}


@pytest.fixture
def session_token(db: None) -> tuple[str, str]:
    workspace = a_workspace()
    session = a_session(an_entry(workspace))
    return workspace.pk, tokens.create("session", role="viewer", workspace=workspace, session_ref=session.pk)


@pytest.mark.parametrize("path", ["/login/", "/", "/admin/", "/healthz", "/metrics", "/static/x", "/git/x"])
def test_nothing_but_the_api_is_there(session_token: tuple[str, str], path: str) -> None:
    response = Client().get(path, headers={**DOOR, "Authorization": f"Bearer {session_token[1]}"})
    assert response.status_code == 404 and response.json()["name"]


def test_a_password_cannot_be_tried_there(db: None) -> None:
    assert Client().post("/login/", {"username": "owner", "password": "x"}, headers=DOOR).status_code == 404


def test_only_a_session_reads_its_workspace_there(session_token: tuple[str, str]) -> None:
    _, secret = session_token
    path = "/api/v1/workspaces"

    def code(authorization: str, at: str = path) -> int:
        return Client().get(at, headers={**DOOR, "Authorization": authorization}).status_code

    assert code(f"Bearer {secret}") == 200
    assert [code(f"Bearer {a_token()}"), code("Bearer wrong"), code(""), code(f"Basic {secret}")] == [401] * 4
    assert [code("", "/api/v1/docs"), code("", "/api/v1/openapi.json")] == [401] * 2
    tokens.end_session(tokens.find(secret).session_ref)  # type: ignore[union-attr]
    assert code(f"Bearer {secret}") == 401


def test_a_persons_login_does_not_count_there(client: Client, session_token: tuple[str, str], admin_user: Any) -> None:
    client.force_login(admin_user)
    assert client.get("/api/v1/workspaces", headers=DOOR).status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/x", "/git/x", "/w/x/events/"])
def test_what_arrives_at_the_second_port_is_marked_and_has_no_cookie(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    seen: list[dict[str, Any]] = []

    async def site(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append(scope)

    for name in ("pages", "streams", "stops"):
        monkeypatch.setattr(asgi, name, site)
    monkeypatch.setattr(agent_listener, "ports", {8766})
    headers = [(b"cookie", b"sessionid=x"), (b"host", b"web:8766"), (b"x-muster-door", b""), (b"accept", b"*/*")]
    asyncio.run(asgi.application({"type": "http", "path": path, "server": ("0.0.0.0", 8766), "headers": headers}, None, None))
    got = dict(seen[0]["headers"])
    assert got[b"x-muster-door"] == b"1" and b"cookie" not in got and b"8766" not in got[b"host"] and got[b"accept"] == b"*/*"


def test_agents_are_given_that_address_where_it_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path))
    for name in ("MUSTER_BASE_URL", "MUSTER_AGENT_URL"):
        monkeypatch.delenv(name, raising=False)
    assert env.agent_url() == env.base_url()
    (tmp_path / "agent-address").write_text("http://127.0.0.1:9001")
    assert env.agent_url() == "http://127.0.0.1:9001"
    monkeypatch.setenv("MUSTER_AGENT_URL", "http://web:8766")
    assert env.agent_url() == "http://web:8766"
