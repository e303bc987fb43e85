"""A person at a terminal, logged in as an admin of a workspace with a running executor."""

from pathlib import Path

import pytest

from orchestration.executor import stopping
from tests.cli import package
from tests.cli.terminal import URL, Terminal
from tests.factories import a_token
from workspaces.models import Workspace

package.importable()


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Terminal:
    """Without a profile, and without a variable."""
    terminal = Terminal(monkeypatch, capsys, tmp_path / "muster" / "config.toml")
    terminal.set("MUSTER_CONFIG", str(terminal.config))
    for name in ("MUSTER_URL", "MUSTER_TOKEN", "MUSTER_PROFILE", "MUSTER_WORKSPACE"):
        terminal.set(name, None)
    return terminal


@pytest.fixture
def muster(workspace: Workspace, stranger: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr(stopping, "WAIT_S", 0)  # no worker runs here, so that no session that is asked to stop would end
    stranger.set("MUSTER_URL", URL)
    stranger.set("MUSTER_TOKEN", a_token())
    return stranger
