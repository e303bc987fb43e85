"""The API as one caller sees it: `shop.post("/executor/start")`, within a workspace."""

import json
from typing import Any

from django.http import HttpResponseBase
from django.test import Client

from tests.contract import operations
from workspaces.machine import release
from workspaces.models import Workspace

ROOT = "/api/v1"


def orchestration(workspace_id: str) -> str:
    return f"{ROOT}/workspaces/{workspace_id}/orchestration"


class Response:
    """A status, the whole body, and the headers."""

    def __init__(self, response: HttpResponseBase) -> None:
        self.status = response.status_code
        self.headers = response.headers
        content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        self.text = content.decode()
        assert "X-Request-Id" in self.headers  # every response carries one, errors too
        assert self.headers["Muster-Version"] == release.NUMBER

    @property
    def json(self) -> Any:
        assert self.headers["Content-Type"].split(";")[0] == "application/json", self.text[:300]
        return json.loads(self.text)

    def __iter__(self) -> Any:
        """`status, body = response`"""
        return iter((self.status, self.json))

    def __repr__(self) -> str:
        return f"{self.status} {self.text[:500]}"


class Api:
    """Calls with a token, or as the user logged in with `client`. Paths are under the workspace's prefix, or begin with /api."""

    def __init__(self, workspace: Workspace | str, token: str | None = None, client: Client | None = None) -> None:
        self.id = workspace if isinstance(workspace, str) else workspace.pk
        self._client = client or Client()
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, body: Any = None, *, type: str = "application/json", **headers: str) -> Response:
        """`body`: an object to send as JSON, or raw text or bytes."""
        url = path if path.startswith("/api") else orchestration(self.id) + path
        data = b"" if body is None else body if isinstance(body, (str, bytes)) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = Response(self._client.generic(method, url, data, content_type=type, headers={**self._headers, **named}))
        documented = operations.statuses(method, url.split("?")[0])
        assert documented is None or response.status in (*documented, 500), (
            f"{method} {url} does not name {response}"
        )  # 500: a bug, by design
        return response

    def get(self, path: str, **headers: str) -> Response:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Response:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None) -> Response:
        return self.call("PATCH", path, body)

    def put(self, path: str, body: Any = None) -> Response:
        return self.call("PUT", path, body)

    def delete(self, path: str) -> Response:
        return self.call("DELETE", path)


def not_found(kind: str) -> tuple[int, dict[str, Any]]:
    return 404, {"name": "NotFoundError", "data": {"message": f"{kind} not found"}}


def invalid(message: str, *names: str) -> tuple[int, dict[str, Any]]:
    return 400, {"data": {}, "errors": [{"propertyNames": list(names), "message": message}], "success": False}


def names_of(response: Response) -> list[str]:
    """The property names of a 400, after a check of its shape."""
    assert response.status == 400, response
    body = response.json
    assert body.keys() == {"data", "errors", "success"} and body["data"] == {} and body["success"] is False
    assert body["errors"] and all(error.keys() == {"propertyNames", "message"} and error["message"] for error in body["errors"])
    return [name for error in body["errors"] for name in error["propertyNames"]]
