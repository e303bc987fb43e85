"""A complete Muster whose workspaces land by pull request at a GitHub behind Prism, with real requests and real webhooks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import Client, Running, until
from tests.faults.test_kills import QUICK
from tests.forges.github import GitHub, Prism
from tests.forges.team import Team
from tests.plugins.database import put_migrated


@pytest.fixture(scope="package")
def github() -> Iterator[GitHub]:
    server = GitHub()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="package")
def prism(github: GitHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prism]:
    running = Prism(github, tmp_path_factory.mktemp("prism") / "log")
    yield running
    running.close()


@pytest.fixture(scope="package")
def muster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("muster")
    put_migrated(folder / "data")
    roots = str(tmp_path_factory.getbasetemp())
    running = Running(folder / "data", **QUICK | {"MUSTER_REPO_ROOTS": roots, "MUSTER_WEBHOOK_ALLOW": "127.0.0.1"})
    until(running.is_ready, 60)
    yield Client(running)
    running.process.terminate()
    running.process.wait(20)


@pytest.fixture
def team(muster: Client, github: GitHub, prism: Prism, tmp_path: Path) -> Iterator[Callable[..., Team]]:
    """Makes a workspace with a repository of its own. At the end, nothing was said that GitHub's document does not allow."""
    before = len(prism.violations())
    teams: list[Team] = []

    def make(**config: Any) -> Team:
        folder = tmp_path / f"shop{len(teams)}"
        folder.mkdir()
        teams.append(Team(muster, github, prism.url, folder, config))
        return teams[-1]

    yield make
    for each in teams:
        each.call("POST", "/executor/pause")
    assert prism.violations()[before:] == []
