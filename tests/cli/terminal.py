"""A terminal with the command `muster` in it, in this process, and a server behind it that is this process too."""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
from django.test import Client

URL = "http://testserver"


class InProcess(httpx2.BaseTransport):
    """Requests go to Django's test client. `version`: another release that the server claims to be."""

    def __init__(self) -> None:
        self.version = ""
        self.requests: list[str] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(f"{request.method} {request.url.path}")
        headers = {
            name: value for name, value in request.headers.items() if name not in ("content-type", "content-length", "host")
        }
        response = Client().generic(
            request.method,
            request.url.raw_path.decode(),
            request.read(),
            content_type=request.headers.get("content-type", ""),
            headers=headers,
        )
        content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        answered = dict(response.headers)
        if self.version:
            answered["Muster-Version"] = self.version
        return httpx2.Response(response.status_code, headers=answered, content=content)


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)


@dataclass
class Terminal:
    """`terminal("status", "-o", "json").json`"""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    config: Path
    transport: httpx2.BaseTransport = field(default_factory=InProcess)

    def __call__(self, *arguments: str, stdin: str = "") -> Outcome:
        from muster_cli import main  # the client that it imports is written by the first test

        self.monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = main.run(list(arguments), self.transport)
        captured = self.capsys.readouterr()
        if code == 0:
            _check_document(arguments, captured.out)
        return Outcome(code, captured.out, captured.err)

    def json(self, *arguments: str) -> Any:
        return self(*arguments, "-o", "json").json

    def set(self, name: str, value: str | None) -> None:
        if value is None:
            self.monkeypatch.delenv(name, raising=False)
        else:
            self.monkeypatch.setenv(name, value)


def _check_document(arguments: tuple[str, ...], out: str) -> None:
    """Whatever a command prints as JSON, unpicked and unfiltered, is as its schema has it."""
    from muster_cli.documents import DOCUMENTS, schema

    words = [word for word in arguments if word in DOCUMENTS]
    if "-o" not in arguments or "json" not in arguments or {"--json", "--jq"} & set(arguments) or not words:
        return
    jsonschema.validate(json.loads(out), schema(words[0]), format_checker=jsonschema.FormatChecker())
