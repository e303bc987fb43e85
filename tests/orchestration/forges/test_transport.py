"""The client, against a server on this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from django.utils.timezone import now

from orchestration.forges.shared import transport
from orchestration.forges.shared.interface import ForgeError, Problem
from orchestration.forges.shared.transport import Client
from workspaces.outgoing.posting import Answer


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


class Answers:
    """In place of the network: an answer for each call, in their order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> None:
        self.answers, self.sent = list(answers), []
        monkeypatch.setattr(transport, "_exchange", self._exchange)
        monkeypatch.setattr(transport, "_cache", transport.OrderedDict())

    def _exchange(self, method: str, url: str, headers: dict[str, str], body: bytes, max_bytes: int) -> Answer:
        self.sent.append((method, url, headers))
        return self.answers.pop(0)


FORGE = Client("https://forge", {"Authorization": "Bearer s3cret"})


def test_pages_are_read_until_one_is_not_full_and_a_number_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    full, last = Answer(200, {}, json.dumps([1] * 100).encode()), Answer(200, {}, b'{"rows": [2]}')
    answers = Answers(monkeypatch, full, last)
    assert list(FORGE.pages("/x", "rows", state="all")) == [1] * 100 + [2]
    assert [url.partition("?")[2] for _, url, _ in answers.sent] == [
        "state=all&per_page=100&page=1",
        "state=all&per_page=100&page=2",
    ]
    answers = Answers(monkeypatch, *[full] * 9)
    assert len(list(FORGE.pages("/x"))) == 500 and len(answers.sent) == 5
    Answers(monkeypatch, last)
    with pytest.raises(ForgeError, match="is no list"):
        list(FORGE.pages("/x"))


def test_only_so_many_answers_are_kept_and_none_that_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = Answer(200, {"etag": "1"}, b"{}"), Answer(200, {"etag": "1"}, b"{}" + b" " * 200_000)
    Answers(monkeypatch, *[small] * 9, large, Answer(200, {}, b"{}"))
    monkeypatch.setattr(transport, "MAX_CACHED", 2)
    for path in "abab":
        FORGE.get(f"/{path}")
    FORGE.get("/a"), FORGE.get("/c")
    assert [url for _, url in transport._cache] == ["https://forge/a", "https://forge/c"]
    transport._cache.clear()
    Answers(monkeypatch, large, Answer(200, {}, b"{}"))
    FORGE.get("/large"), FORGE.get("/without")
    assert not transport._cache


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_log_is_read_where_it_is(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    answers = Answers(monkeypatch, Answer(status, {"location": "https://logs/1"}, b""), Answer(200, {}, b"token s3cret"))
    assert FORGE.text("/log") == "token [secret Authorization]" and answers.sent[1] == ("GET", "https://logs/1", {})
    for answer in (Answer(304, {"location": "https://logs/1"}, b""), Answer(status, {}, b"")):
        Answers(monkeypatch, answer)
        with pytest.raises(ForgeError):
            FORGE.text("/log")


@pytest.mark.parametrize(
    ("status", "message", "headers", "problem"),
    [
        (429, "", {}, Problem.RATE_LIMITED),
        (403, "API rate limit exceeded", {}, Problem.RATE_LIMITED),
        (403, "", {"retry-after": "5"}, Problem.RATE_LIMITED),
        (403, "", {"x-ratelimit-remaining": "0"}, Problem.RATE_LIMITED),
        (403, "", {"x-ratelimit-remaining": "7"}, Problem.AUTH),
        (422, "rate limit", {}, Problem.INVALID),
        (300, "", {}, Problem.NOT_FOUND),
        (399, "", {}, Problem.NOT_FOUND),
        (403, "The branch is Protected", {}, Problem.PROTECTED_BRANCH),
        (422, "You are not allowed to merge", {}, Problem.PROTECTED_BRANCH),
        (405, "", {}, Problem.PROTECTED_BRANCH),
        (400, "protected", {}, Problem.INVALID),
        (422, "A pull request Already exists", {}, Problem.EXISTS),
        (400, "already exists", {}, Problem.INVALID),
        (401, "", {}, Problem.AUTH),
        (404, "", {}, Problem.NOT_FOUND),
        (404, "rate limit", {"x-ratelimit-remaining": "0", "retry-after": "5"}, Problem.NOT_FOUND),
        (410, "", {}, Problem.NOT_FOUND),
        (499, "", {}, Problem.INVALID),
        (500, "", {}, Problem.UNREACHABLE),
    ],
)
def test_a_refusal_is_named(status: int, message: str, headers: dict[str, str], problem: Problem) -> None:
    error = transport.problem_of(status, headers, message)
    assert (error.problem, error.status) == (problem, status)
    assert error.detail.startswith(f"The forge answered {status}: {message}" if message else f"The forge answered {status}")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        ({"retry-after": "soon"}, 60),
        ({"retry-after": "90"}, 90),
        ({"retry-after": "9000"}, 3600),
        ({"x-ratelimit-reset": "{+120}"}, 120),
        ({"ratelimit-reset": "{+120}"}, 120),
        ({"x-ratelimit-reset": "{+9000}"}, 3600),
        ({"x-ratelimit-reset": "9" * 30}, 3600),
        ({"retry-after": "5", "x-ratelimit-reset": "{+120}"}, 5),
    ],
)
def test_a_limit_ends_when_the_forge_wants_it_and_within_the_hour(headers: dict[str, str], seconds: int) -> None:
    began = now()
    named = {name: value.replace("{+", "").replace("}", "") for name, value in headers.items()}
    for name, value in headers.items():
        if value.startswith("{+"):
            named[name] = str(int(began.timestamp()) + int(value[2:-1]))
    until = transport.problem_of(429, named, "").until
    assert until is not None and (until - now()).total_seconds() <= seconds <= (until - began).total_seconds() + 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", ""),
        (b"[]", ""),
        (b"{}", ""),
        (b'{"message": "No"}', "No"),
        (b'{"error": "No"}', "No"),
        (b'{"message": "No", "error": "Other"}', "No"),
        (b'{"message": "No", "errors": [{"message": "a"}, "b", {}, null]}', "No; a; b"),
        (b'{"message": {"base": ["x"]}, "errors": "odd"}', '{"base": ["x"]}'),
    ],
)
def test_a_refusal_has_the_forges_own_words(content: bytes, message: str) -> None:
    assert transport.message_of(content) == message


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
