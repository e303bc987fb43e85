from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.orchestration.repositories import remotes
from tests.orchestration.worker.shared.team import Team


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return remotes.a_remote(tmp_path)


@pytest.fixture
def team(db: None, tmp_path: Path, settings: Any, remote: Path) -> Callable[..., Team]:
    """Makes a workspace by URL, by default of the file of `remote`, on two hosts."""
    settings.STOP_GRACE_S = 1
    settings.LEASE_S = 600  # nothing renews a lease here, and a busy machine is slow

    def make(agent: str = "echo yes > ok", url: str = "", **config: Any) -> Team:
        return Team(tmp_path, settings, url or remote.as_uri(), agent, **config)

    return make
