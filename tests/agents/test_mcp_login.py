"""Codex knows the address of /mcp alone, and gets a token that its person approves. It registers itself: nothing here reaches the internet."""

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from tests.agents import clis
from tests.factories import a_workspace
from tests.faults.harness import until
from tests.journeys.web_server import serving
from tests.workspaces.oauth import program
from workspaces.models import ApiToken, Workspace

CLI = "codex"
PAGE = re.compile(r"http://127\.0\.0\.1:\d+/oauth/authorize\?[!-~]+(?=\s)")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stage() -> None:
    """The database of the test, not a stage of a CLI."""


@pytest.fixture
def shop(transactional_db: None) -> Workspace:
    return a_workspace(name="shop")


@pytest.fixture
def server(shop: Workspace, tmp_path: Path, settings: Any) -> Iterator[str]:
    settings.MCP_CLIENTS = ["registration"]
    with serving(tmp_path, MUSTER_MCP_CLIENTS="registration") as url:
        yield url


def of_person(home: Path) -> dict[str, str]:
    """The variables of a person who has nothing but a home."""
    return {"PATH": clis.path(), "HOME": str(home), "CODEX_HOME": str(home / ".codex"), "BROWSER": "/bin/true"}


def approve(browser: Client, address: str) -> None:
    """The person approves, and their browser brings the code to the program."""
    host = {"host": urlsplit(address).netloc}
    page = browser.get(address.removeprefix(f"http://{host['host']}"), headers=host)
    assert page.status_code == 200, page.content
    form = {**dict(page.context["fields"]), "decision": "approve"}
    led_to = browser.post("/oauth/authorize", form, headers=host).context["address"]
    urllib.request.urlopen(led_to, timeout=60).close()


def log_in(browser: Client, home: Path, *command: str) -> str:
    """The output of a login that the person approved."""
    output = home / "output"
    with open(output, "wb") as file:
        process = subprocess.Popen(
            command, cwd=home, env=of_person(home), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: PAGE.search(output.read_text()) or process.poll() is not None, 60)
        match = PAGE.search(output.read_text())
        assert match, output.read_text()
        approve(browser, match[0])
        assert process.wait(60) == 0, output.read_text()
    finally:
        process.kill()
        process.wait()
    return output.read_text()


def test_codex_logs_in(server: str, shop: Workspace, tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    config = f'mcp_oauth_credentials_store = "file"\n[mcp_servers.muster]\nurl = {json.dumps(f"{server}/mcp")}\n'
    (tmp_path / ".codex/config.toml").write_text(config)
    assert "Successfully logged in" in log_in(program.member("bea", shop), tmp_path, "codex", "mcp", "login", "muster")
    assert ApiToken.objects.get().name.startswith("bea, ")
