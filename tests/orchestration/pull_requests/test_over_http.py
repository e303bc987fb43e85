"""The whole path against a small Gitea on this machine: real requests, a real remote, a signed webhook."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client

from orchestration.configuration import secrets
from orchestration.models import PullRequest
from orchestration.pull_requests import sync
from orchestration.worker.lander import base_branch
from tests.factories import ANA
from tests.orchestration.forges.recorded import GITEA_PULL
from tests.orchestration.forges.test_webhooks import SECRET, signed
from tests.orchestration.git.repositories import git
from tests.orchestration.pull_requests.team import Team
from tests.orchestration.worker.sessions.shop import Shop, entry_of


class Gitea(ThreadingHTTPServer):
    """A Gitea with one repository, whose branches are those of `remote`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.remote: Any = None
        self.pull: dict[str, Any] = {}
        self.created = 0
        self.tokens: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Gitea

    def do_GET(self) -> None:
        path = self.path.split("?")[0].removeprefix("/api/v1/repos/team/shop")
        self.server.tokens.add(self.headers.get("Authorization", ""))
        pull = self.server.pull
        if pull and pull["state"] == "open":
            pull["head"]["sha"] = git(self.server.remote, "rev-parse", pull["head"]["ref"])
        if path == "/pulls":
            self._answer(200, [pull] if pull else [])
        elif path == "/pulls/2" and pull:
            self._answer(200, pull)
        else:
            self._answer(200, [])

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.created += 1
        self.server.pull = json.loads(json.dumps(GITEA_PULL)) | {"body": body["body"]}
        self.server.pull["head"]["ref"] = body["head"]
        self._answer(201, self.server.pull)

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def gitea(settings: Any) -> Iterator[Gitea]:
    settings.WEBHOOK_ALLOW = "127.0.0.1"
    server = Gitea()
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_work_is_opened_merged_there_and_done(shop: Callable[..., Shop], gitea: Gitea) -> None:
    forge = {"kind": "gitea", "url": gitea.url, "repository": "team/shop"}
    work = shop(Team.AGENT, verify=[{"name": "ok", "run": "true"}], land_by="pull_request", forge=forge)
    remote = work.repo.parent / "remote.git"
    git(work.repo, "clone", "--quiet", "--bare", str(work.repo), str(remote))
    work.git("remote", "add", "origin", str(remote))
    gitea.remote = remote
    for name, value in (("FORGE_TOKEN", "t0ken-of-muster"), ("FORGE_WEBHOOK_SECRET", SECRET)):
        secrets.put(work.workspace.pk, name, value, by=ANA)
    work.land()
    session = work.run(content="write alpha\nmore", files=["alpha"])
    assert sync.run_due() == 1 and sync.run_due() == 0
    assert entry_of(session).reason_message == "Waiting for a person to merge it"

    git(remote, "update-ref", "refs/heads/main", gitea.pull["head"]["sha"])
    merged = {"state": "closed", "merged": True, "merge_commit_sha": gitea.pull["head"]["sha"], "merged_by": {"login": "ana"}}
    gitea.pull |= merged
    body = json.dumps({"action": "closed", "number": 2, "pull_request": gitea.pull}).encode()
    address = f"/api/v1/workspaces/{work.workspace.pk}/orchestration/forge/webhook"
    answer = Client().post(address, body, content_type="application/json", headers=signed("gitea", body))
    assert answer.status_code == 200 and sync.run_due() == 1
    base_branch._next_fetch.clear()
    work.land()

    assert (entry_of(session).status, PullRequest.objects.get().ended_by) == ("done", "ana")
    assert work.merged("alpha") == "1\n" and gitea.created == 1
    assert gitea.tokens == {"token t0ken-of-muster"}
