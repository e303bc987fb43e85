"""A backup is restored on the machine where the living site goes on: git alone says that no ref of anybody's moved."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.shop import AGENT, Shop
from tests.faults.test_backup import QUICK, commanded, databases
from tests.faults.test_kills import _repository
from tests.orchestration.repositories.remotes import http_server, with_password

__all__ = ["databases"]
WORKSPACE: dict[str, Any] = {
    "agent": {"command": AGENT},
    "round_ceiling_usd": 5,
    "verify": [{"name": "ok", "run": "test -f ok-$MUSTER_ENTRY_ID || true"}],
    "push": {"remote": "origin"},
}
Databases = tuple[dict[str, str], dict[str, str]]


class ByUrl(Shop):
    """A workspace that was added by the URL of a remote."""

    def __init__(self, up: Running, url: str) -> None:
        self.client = Client(up)
        options = ("--name", "by-url", "--command", f"{AGENT[0]} {AGENT[1]}", "--budget", "50")
        workspace_id, _, _ = up.muster("workspace", "add", url, *options).split(maxsplit=2)
        self.path = f"/workspaces/{workspace_id}/orchestration"
        self.call("PATCH", "/config", WORKSPACE)
        self.call("POST", "/executor/start")
        self.repo = Path(next(line.split()[-1] for line in up.muster("workspace", "list").splitlines() if workspace_id in line))


class Site:
    """A living Muster with a workspace by a path and one by a URL, and all repositories that it knows."""

    def __init__(self, folder: Path, url: str, remote: Path, **settings: str) -> None:
        self.up = Running(folder / "live" / "data", MUSTER_REPO_ROOTS=str(folder), **QUICK, **settings)
        until(self.up.is_ready, 180)
        (folder / "work").mkdir()
        path = Shop(Client(self.up), folder / "work", verify=WORKSPACE["verify"])
        self.shops = [path, ByUrl(self.up, url)]
        self.repositories = [path.repo, self.shops[1].repo, remote]

    def lands(self, name: str) -> None:
        ids = [(shop, shop.add(f"write {name} yes", spec={"files_to_create": [name]})) for shop in self.shops]
        until(lambda: all(shop.entry(id_)["status"] == "done" for shop, id_ in ids), 60, every=0.1)
        remote = self.repositories[-1]
        until(lambda: _git(remote, "show", f"muster/integration:{name}") == "yes", 30, every=0.1)

    def refs(self) -> list[str]:
        return [_git(repo, "for-each-ref") for repo in self.repositories]


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    _repository(tmp_path / "seed")
    bare = tmp_path / "served" / "remote.git"
    bare.parent.mkdir()
    _git(tmp_path, "clone", "--quiet", "--bare", str(tmp_path / "seed"), str(bare))
    _git(bare, "config", "http.receivepack", "true")
    with http_server(bare.parent) as url:
        yield f"{with_password(url)}/remote.git", bare


@pytest.mark.timeout(700)
def test_a_restored_copy_moves_no_ref_of_the_living_site_before_or_after_it_is_started(
    tmp_path: Path, remote: tuple[str, Path], databases: Databases
) -> None:
    live, empty = databases
    site = Site(tmp_path, *remote, **live)
    copy = None
    try:
        site.lands("first")
        assert "Saved 2 workspaces" in site.up.muster("backup", str(tmp_path / "backup.tar"))
        site.lands("second")
        before = site.refs()
        data = tmp_path / "copy" / "data"
        data.mkdir(parents=True, mode=0o700)
        env = {**empty, "MUSTER_SECRET_KEY": (tmp_path / "backup.tar.key").read_text(), "MUSTER_REPO_ROOTS": str(tmp_path)}
        output = _killed_until_it_ends(data, str(tmp_path / "backup.tar"), **env)
        assert "All executors are stopped" in output and "was left as it is" in output
        assert site.refs() == before
        copy = Running(data, **QUICK, **env)
        until(copy.is_ready, 180)
        client = Client(copy)
        copies = [client.call("GET", f"{shop.path}/executor/status") for shop in site.shops]
        assert {status["state"] for status in copies} == {"stopped"}
        time.sleep(5 * float(QUICK["MUSTER_TICK_S"]))  # several ticks, landers and hourly duties of the copy
        assert site.refs() == before
        site.lands("third")
        for repo in (data / "repos").iterdir():
            assert _git(repo, "show", "muster/integration:first") == "yes"
        by_path = site.shops[0]
        before = site.refs()
        client.call("POST", f"{by_path.path}/executor/start")
        entry = {"content": "write of-the-copy yes", "budget_usd": 5, "spec": {"files_to_create": ["of-the-copy"]}}
        id_ = client.call("POST", f"{by_path.path}/todo/entries", {"entries": [entry]})["entries"][0]["id"]
        until(lambda: client.call("GET", f"{by_path.path}/todo/entries/{id_}")["status"] == "done", 60, every=0.1)
        assert site.refs() == before
    finally:
        for up in (site.up, copy):
            if up is not None:
                up.process.terminate()
                up.process.wait(60)


def _killed_until_it_ends(data: Path, file: str, **env: str) -> str:
    """Restore with a SIGKILL after 1 s, then later and later, until one try comes to its end. Returns all that was printed."""
    printed = ""
    for seconds in (1, 2, 3, 4, 6, 9, 14, 21, 32, 60, 100):
        process = subprocess.Popen(
            [sys.executable, "-m", "manage", "restore", file],
            cwd=ROOT,
            env={**_kept(), "MUSTER_DATA_DIR": str(data), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            printed += process.communicate()[0]
            continue
        assert process.returncode == 0, output + errors
        again = commanded(data, "restore", file, **env)
        assert again.returncode == 0 and "restored here already" in again.stdout, again
        return printed + output
    raise AssertionError("it never ended")


def _kept() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}


def _git(repo: Path, *command: str) -> str:
    return subprocess.run(["git", "-C", str(repo), *command], capture_output=True, text=True).stdout.strip()
