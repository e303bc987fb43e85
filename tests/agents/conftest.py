"""A real Muster, a real CLI and a scripted model provider. A test module names its CLI, `CLI = "claude"`, or several or none, `CLIS`."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import sampling
from tests.agents import clis
from tests.agents.cli_stage import CliStage
from tests.agents.harness import Bench
from tests.agents.llm import ScriptedLLM
from tests.faults import crashes
from tests.faults.harness import Client, Running, until
from tests.plugins.database import ROOT, put_migrated

SLOTS = 12  # as many CLIs as a module runs at once
RARE_TICK = {"MUSTER_TICK_S": "2"}  # it costs more with each workspace, and messages go before it
KINDS = ("acp", "aider", "claude_code", "codex", "gemini", "mini_swe_agent", "opencode", "qwen")
LATELY = "HEAD~10"
"""An agent that was changed since is tried whatever the seed, also by what is not committed. A clone without it has no such change."""


def tried() -> set[str]:
    """The kinds of this run: three by the seed, and those whose code, or the code of all, was changed lately. All take 15 minutes of two cores."""
    command = ["git", "diff", "--name-only", LATELY, "--", "orchestration/worker/agents", "tests/agents"]
    changed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if "agents/shared/" in changed:
        return set(KINDS)
    lately = {kind for kind in KINDS if f"agents/{kind}/" in changed or f"agents/test_{kind}.py" in changed}
    return lately | set(sampling.part(KINDS, 3))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests of kinds that are not tried: modules of one kind, and parameters named `kind`."""
    left_out = set(KINDS) - tried()
    skipped = [item for item in items if _kinds_of(item) & left_out]
    config.hook.pytest_deselected(items=skipped)
    items[:] = [item for item in items if item not in set(skipped)]


def _kinds_of(item: pytest.Item) -> set[str]:
    if not item.path.is_relative_to(ROOT / "tests/agents"):
        return set()
    parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    return {item.path.stem.removeprefix("test_"), str(parameters.get("kind", ""))}


@pytest.fixture(scope="package")
def muster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Client, Path]]:
    """One Muster for all tests of a process, with the CLIs on its workers' path."""
    folder = tmp_path_factory.mktemp("agents")
    put_migrated(folder / "data")
    (folder / "plans").mkdir()
    of_run = tmp_path_factory.getbasetemp()
    known = {
        "CRASH_KNOWN": str(of_run.parent if "PYTEST_XDIST_WORKER" in os.environ else of_run)
    }  # what other processes learn too
    settings = crashes.settings(folder, slots=SLOTS) | crashes.SLOW_LEASE | RARE_TICK | known
    running = Running(folder / "data", **settings, PATH=clis.path(), MUSTER_SANDBOX="auto")
    until(running.is_ready, 60)
    yield running, Client(running), folder
    running.process.terminate()
    running.process.wait(20)


@pytest.fixture(scope="module", autouse=True)
def _installed(request: pytest.FixtureRequest) -> None:
    """Skips a module whose CLIs are not there."""
    for name in request.module.CLIS if hasattr(request.module, "CLIS") else (request.module.CLI,):
        clis.folder(name)


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedLLM]:
    server = ScriptedLLM(tmp_path_factory.mktemp("provider"), {"nothing": {}})
    yield server
    server.close()


@pytest.fixture
def llm(provider: ScriptedLLM) -> Callable[..., ScriptedLLM]:
    """`llm(name={"turns": [...]}, other={...})`: the provider, which plays these scenarios. Once in a test: it counts from zero."""

    def start(**scenarios: Any) -> ScriptedLLM:
        provider.begin(scenarios)
        return provider

    return start


@pytest.fixture
def bench(muster: tuple[Running, Client, Path], request: pytest.FixtureRequest) -> Iterator[Callable[..., Bench]]:
    """`bench({"kind": ..., "env": {...}}, verify=[...])` makes a workspace for one test."""
    running, client, folder = muster
    benches: list[Bench] = []

    def make(agent: dict[str, Any], **config: Any) -> Bench:
        own = folder / f"{len(list(folder.iterdir()))}-{request.node.name[:50]}"  # parametrised names have a common start
        own.mkdir()
        benches.append(Bench(running, client, own, agent=agent, **config))
        return benches[-1]

    yield make
    for work in benches:  # later tests have the Muster to themselves
        work.call("POST", "/executor/stop-all")


@pytest.fixture
def stage(tmp_path: Path) -> CliStage:
    """A repository and a home for a CLI that runs without a Muster."""
    folder = tmp_path / "stage"
    folder.mkdir()
    return CliStage(folder)
