"""A remote that does not take each tenth push, with hosts that share their work by it alone."""

import os
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.faults.harness import until
from tests.faults.shop import AGENT, Shop
from tests.faults.test_kills import _repository
from tests.hosts.backlog import all_done, sessions
from tests.hosts.conftest import Hosts, Site
from tests.orchestration.git.repositories import git
from tests.orchestration.repositories.remotes import GitHandler, with_password

pytestmark = [pytest.mark.needs_namespaces, pytest.mark.timeout(600)]
ENTRIES = int(os.environ.get("MUSTER_TEST_ENTRIES", "8"))
EVERY = 10


class ByUrl(Shop):
    """A workspace of the site, added by the URL of a remote."""

    def __init__(self, site: Site, url: str, bare: Path) -> None:
        self.client, self.repo = site.client, bare
        options = ("--name", "faltering", "--command", f"{AGENT[0]} {AGENT[1]}", "--budget", "500")
        workspace_id, _, _ = site.server.muster("workspace", "add", url, *options).split(maxsplit=2)
        self.path = f"/workspaces/{workspace_id}/orchestration"
        checks = [{"name": "ok", "run": "test -f ok-$MUSTER_ENTRY_ID || true"}]
        self.call("PATCH", "/config", {"verify": checks, "max_workers": 6, "push": {"remote": "origin"}})
        self.call("POST", "/executor/start")


@pytest.fixture
def remote(site: Site, tmp_path: Path) -> Iterator[tuple[str, Path, list[bool]]]:
    """Its address on the server's machine, its repository, and a line for each push: True where it was not unpacked."""
    _repository(tmp_path / "seed")
    bare = tmp_path / "remote.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(tmp_path / "seed"), str(bare))
    git(bare, "config", "http.receivepack", "true")
    pushes: list[bool] = []

    class Falters(GitHandler):
        root, authorization = tmp_path, GitHandler.basic

        def git_config(self) -> dict[str, str]:
            if not self.path.endswith("/git-receive-pack"):
                return super().git_config()
            pushes.append(len(pushes) % EVERY == EVERY - 1)
            return super().git_config() | ({"receive.maxInputSize": "1"} if pushes[-1] else {})

    listener = site.server.machine.listen()
    server = ThreadingHTTPServer(listener.getsockname(), Falters, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"{with_password('http://{}:{}'.format(*listener.getsockname()))}/remote.git", bare, pushes
    server.shutdown()
    server.server_close()


def test_all_entries_of_three_hosts_land_by_a_remote_that_does_not_take_each_tenth_push(
    site: Site, hosts: Hosts, remote: tuple[str, Path, list[bool]]
) -> None:
    url, bare, pushes = remote
    third = site.machine("three", 4)
    try:
        site.host(third).start()
        shop = ByUrl(site, url, bare)
        ids = [shop.add(f"write f-{n} yes", "sleep 0.5", spec={"files_to_create": [f"f-{n}"]}) for n in range(ENTRIES)]
        until(lambda: all_done(shop, ids), 60 + 8 * ENTRIES, every=0.5)
        until(lambda: [shop.git("show", f"muster/integration:f-{n}") for n in range(ENTRIES)] == ["yes"] * ENTRIES, 30)
        assert set(sessions(site, shop, "host")) == {"one", "two", "three"}
        assert any(pushes), f"{len(pushes)} pushes, and none was refused"
        assert not site.server.database.rows("SELECT 1 FROM orchestration_integration WHERE only_branches")
    finally:
        third.end()
