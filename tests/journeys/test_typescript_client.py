"""The TypeScript package, packed from its folder and installed where no checkout is: it reads as the documented snippets, type-checks, and works against
the running server.

What it is built with comes from npm into a temporary folder. Without npm there is nothing to build with, and the test is skipped.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factories import a_session, a_token, a_workspace, an_entry, ended
from tests.journeys.web_server import serving
from workspaces.machine import release
from workspaces.models import Workspace

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]
ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(__file__).parent / "typescript"
PACKAGE = ROOT / "sdk" / "typescript"
INSTALL = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")


@pytest.fixture
def server(tmp_path: Path, transactional_db: None) -> Iterator[str]:
    with serving(tmp_path) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a user who has installed the package, with their sources built."""
    source, user = tmp_path / "sdk" / "typescript", tmp_path / "user"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("node_modules", "generated", "dist", "*.tgz"))
    (tmp_path / "cli").mkdir()
    shutil.copy(ROOT / "cli" / "openapi.json", tmp_path / "cli")
    run(source, *INSTALL)
    run(source, "npm", "pack")
    (packed,) = source.glob("*.tgz")
    shutil.copytree(SOURCES, user)
    run(user, *INSTALL, str(packed))
    run(user, "node", "node_modules/typescript/bin/tsc")  # strict: what the sources say is what the package offers
    return user


def run(folder: Path, *command: str, **environment: str) -> str:
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture
def answers(folder: Path, server: str) -> tuple[Workspace, dict[str, Any], dict[str, str]]:
    workspace = a_workspace(cap="450", budget="500")
    entry, fresh = an_entry(workspace, files=["src/a.py"]), an_entry(workspace, content="fresh", depends_on=())
    ended(a_session(entry))
    session = a_session(entry)
    ids = {"WORKSPACE": workspace.pk, "ENTRY": entry.pk, "FRESH_ENTRY": fresh.pk, "SESSION": session.pk}
    recorded = run(folder, "node", "built/calls.js", MUSTER_URL=server, MUSTER_TOKEN=a_token(), **ids)
    return workspace, json.loads(recorded.splitlines()[-1]), ids


def test_the_package_calls_everything_as_it_is_documented(
    answers: tuple[Workspace, dict[str, Any], dict[str, str]], folder: Path, server: str
) -> None:
    _, recorded, ids = answers
    entry, session = ids["ENTRY"], ids["SESSION"]

    def call(name: str) -> tuple[int, Any]:
        return recorded[name]["status"], recorded[name]["body"]

    assert call("executorGetStatus") == (200, {"state": "running", "paused": False, "activeWorkers": 2})
    assert {"sessionID": session, "entryID": entry, "phase": "implementation", "status": "running"} in call("executorGetWorkers")[
        1
    ]["workers"]
    assert call("executorGetLocks") == (200, {entry: ["src/a.py"]})
    assert call("executorPause") == (200, {"paused": True})
    assert call("executorResume") == (200, {"resumed": True})
    assert call("executorStart") == (200, {"started": True})
    assert call("executorStopWorker") == (200, {"stopped": True})
    assert call("executorStopWorker unknown") == (404, {"name": "NotFoundError", "data": {"message": "Worker session not found"}})
    assert call("executorForceDispatch")[1]["dispatched"] is True
    assert call("executorReverifyEntry")[0] == 400  # it is at work
    assert call("executorReverifyEntry fresh")[1]["errors"][0]["propertyNames"] == ["entryID"]
    assert call("executorReverifyEntry unknown") == (404, {"name": "NotFoundError", "data": {"message": "Entry not found"}})
    assert call("budgetUpdateGlobal")[1]["max_project_spend_usd"] == 600
    assert call("budgetUpdateGlobal")[1]["total_budget_usd"] == 500
    assert call("budgetEdit") == (200, {"entryID": entry, "budget_usd": 75, "locked": True})
    assert call("budgetLock") == (200, {"entryID": entry, "locked": False})
    status, stop_all = call("executorStopAll")
    assert (status, stop_all["stopped"], session in stop_all["alive"]) == (200, False, True)  # no worker runs here to end it
    assert call("budgetGetStatus")[1]["entries"][0]["entryID"] == entry
    refused = ("without a body", "with an empty body", "with another's body", "budgetEdit without a body")
    assert all(call(name)[0] == 400 and call(name)[1]["success"] is False for name in refused)

    printed = run(folder, "node", "built/snippets.js", MUSTER_URL=server, MUSTER_TOKEN=a_token(), **ids)
    seen = json.loads(printed.splitlines()[-1])
    assert seen["words"][0] == "running" and {session, entry} <= set(seen["words"])
    assert seen["amounts"] == [0, 600]
    assert seen["facts"] == [True] * 6 + [False] * 2  # an edited budget is locked, and the next call takes that back


def test_the_package_has_the_version_of_the_server() -> None:
    assert json.loads((PACKAGE / "package.json").read_text())["version"] == release.NUMBER
