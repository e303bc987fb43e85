"""A1 to A4: the budget call over HTTP, against references on the same server process, alternated, from one client that keeps its connection."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.backlogs import a_workspace, fill, median, sql
from workspaces.models import Workspace
from workspaces.people import tokens

BLOCKS = 15
CALLS = 100


def main() -> None:
    small, large = a_workspace(), a_workspace()
    fill(small, 5)
    fill(large, 1000)
    for workspace in (small, large):
        _rounds(workspace, 5)
    token = tokens.create("bench", role="viewer")
    server, port = _server()
    try:
        line = Line(port, token)
        tag = line.get(_budget(small)).partition(b"etag: ")[2].split(b"\r\n")[0].decode()
        plain = "/references/small/" + small.pk
        _compare(line, "A1  small budget GET", (_budget(small), ""), (plain, ""), "raw-SQL view", ">= 0.6x")
        big = _budget(large)
        _compare(
            line,
            "A2  1,000 entries x 5 rounds, unchanged",
            (big, ""),
            (f"/references/sql/{large.pk}", ""),
            "by SQL",
            ">= 0.7x",
            calls=3,
        )
        for name, goal in (("orm", ">= 10x"), ("sql", ">= 0.7x")):
            there = f"/references/{name}/{large.pk}"
            what = "A2  1,000 entries x 5 rounds, written anew"
            _compare(line, what, (big, ""), (there, ""), f"by {name.upper()}", goal, calls=1, before=lambda: _touch(large))
        _compare(line, "A3  unchanged budget GET", (_budget(small), tag), (plain, ""), "raw-SQL view", ">= 0.6x")
    finally:
        server.terminate()
        server.wait(10)
    _queries(token)


class Line:
    """A kept connection. Each request is built once, since the client's own time would hide the server's."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._token = token
        self._asked: dict[tuple[str, str], bytes] = {}

    def get(self, path: str, tag: str = "") -> bytes:
        """Head and body of the response. Raises for an unexpected status."""
        request = self._asked.setdefault((path, tag), self._request(path, tag))
        self._socket.sendall(request)
        head, _, body = self._until_head().partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        assert status == (304 if tag else 200), head
        length = 0 if status == 304 else int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self._socket.recv(2**20)
        return head + b"\r\n\r\n" + body

    def _request(self, path: str, tag: str) -> bytes:
        condition = f"If-None-Match: {tag}\r\n" if tag else ""
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._token}\r\n{condition}\r\n".encode()

    def _until_head(self) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got:
            part = self._socket.recv(2**20)
            assert part, "the server hung up"
            got += part
        return got


def _compare(
    line: Line,
    what: str,
    ours: tuple[str, str],
    reference: tuple[str, str],
    name: str,
    goal: str,
    *,
    calls: int = CALLS,
    before: Callable[[], object] = lambda: None,
) -> None:
    """Blocks of both in turn, each after `before`; the first of each only warms."""
    times: dict[tuple[str, str], list[float]] = {ours: [], reference: []}
    for block in range(BLOCKS + 1):
        for asked in (ours, reference):
            before()
            began = time.perf_counter()
            for _ in range(calls):
                line.get(*asked)
            if block:
                times[asked].append((time.perf_counter() - began) / calls * 1000)
    mine, theirs = median(times[ours]), median(times[reference])
    print(f"{what}: {mine:.2f} ms; {name}: {theirs:.2f} ms; ratio {theirs / mine:.2f}x (goal {goal})")


def _touch(workspace: Workspace) -> None:
    """Change a row, so that the server's cached response is outdated."""
    sql("UPDATE budget_project SET total_budget = total_budget WHERE workspace_id = %s", workspace.pk)


def _queries(token: str) -> None:
    """A4: in this process, so that queries can be counted."""
    client, seen = Client(SERVER_NAME="127.0.0.1"), {}
    for count in (10, 10_000):
        workspace = a_workspace()
        fill(workspace, count)
        client.get(_budget(workspace), headers={"Authorization": f"Bearer {token}"})
        for name in ("budget", "budget/ledger", "budget/holds", "budget/changes", "todo", "executor/sessions"):
            with CaptureQueriesContext(connection) as asked:
                path = f"/api/v1/workspaces/{workspace.pk}/orchestration/{name}"
                answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
            if answer.status_code == 200:
                seen.setdefault(name, []).append(len(asked))
    summary = ", ".join(f"{name} {' and '.join(map(str, counts))}" for name, counts in seen.items())
    print(f"A4  queries at 10 and 10,000 entries, credentials included: {summary} (goal: equal, <= 4)")


def _rounds(workspace: Workspace, each: int) -> None:
    sql(
        """INSERT INTO budget_roundspend (account_id, number, cost, improvement_score)
        SELECT a.id, n, 123456 * n, 0.1 FROM budget_account a, generate_series(1, %s::int) n WHERE a.project_id = %s""",
        each,
        workspace.pk,
    )
    sql("ANALYZE")


def _budget(workspace: Workspace) -> str:
    return f"/api/v1/workspaces/{workspace.pk}/orchestration/budget"


def _server() -> tuple[subprocess.Popen[bytes], int]:
    """One web process like the product's, with the references beside its own addresses. Ends with this one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = (
        "import django; from django.conf import settings; django.setup(); settings.ROOT_URLCONF = 'bench.references';"
        f"import sys; sys.argv = ['web', '--port', '{port}']; from config import web; web.main()"
    )
    server = subprocess.Popen([sys.executable, "-c", code], env=os.environ, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return server, port
        except OSError:
            time.sleep(0.1)
    server.terminate()
    raise RuntimeError("the server did not start")
