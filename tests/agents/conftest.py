"""A real Muster, a real CLI and a scripted model provider. A test module names its CLI, `CLI = "claude"`, or several, `CLIS`."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agents import clis
from tests.agents.cli_stage import CliStage
from tests.agents.harness import Bench
from tests.agents.llm import ScriptedLLM
from tests.faults.conftest import prepared
from tests.faults.harness import Client, Running, until
from tests.faults.test_kills import QUICK

__all__ = ["prepared"]


@pytest.fixture(scope="module")
def muster(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, prepared: Path
) -> Iterator[tuple[Running, Client, Path]]:
    """One Muster for a module's tests, with the module's CLIs on its workers' path."""
    names = getattr(request.module, "CLIS", None) or (request.module.CLI,)
    folder = tmp_path_factory.mktemp("agents")
    shutil.copytree(prepared, folder / "data")
    path = os.pathsep.join([*(str(clis.folder(name)) for name in names), os.environ["PATH"]])
    running = Running(folder / "data", **QUICK, MUSTER_REPO_ROOTS=str(folder), PATH=path, MUSTER_SANDBOX="auto")
    until(running.is_ready, 30)
    yield running, Client(running), folder
    running.process.terminate()
    running.process.wait(20)


@pytest.fixture
def llm(tmp_path: Path) -> Iterator[Callable[..., ScriptedLLM]]:
    """`llm(name={"turns": [...]}, other={...})` starts a provider that plays these scenarios."""
    started: list[ScriptedLLM] = []

    def start(**scenarios: Any) -> ScriptedLLM:
        started.append(ScriptedLLM(tmp_path, scenarios))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def bench(muster: tuple[Running, Client, Path], request: pytest.FixtureRequest) -> Callable[..., Bench]:
    """`bench({"kind": ..., "env": {...}}, verify=[...])` makes a workspace for one test."""
    running, client, folder = muster

    def make(agent: dict[str, Any], **config: Any) -> Bench:
        own = folder / f"{len(list(folder.iterdir()))}-{request.node.name[:50]}"  # parametrised names have a common start
        own.mkdir()
        return Bench(running, client, own, agent=agent, **config)

    return make


@pytest.fixture
def stage(tmp_path: Path) -> CliStage:
    """A repository and a home for a CLI that runs without a Muster."""
    folder = tmp_path / "stage"
    folder.mkdir()
    return CliStage(folder)
