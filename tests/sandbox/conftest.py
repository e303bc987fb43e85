"""Processes in a real sandbox: alone, and in whole rounds."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestration.processes import sandbox, sandbox_probe
from orchestration.processes.agent_process import Sandboxed, Spec
from orchestration.processes.sandbox import Box, Mount
from orchestration.sessions.sandbox import system
from tests.orchestration.processes import conftest as processes
from tests.orchestration.worker.sessions import conftest as sessions
from tests.orchestration.worker.sessions.shop import Shop

marker = processes.marker
plain_spec = processes.a_spec
plain_shop = sessions.shop
ROOT = Path(__file__).resolve().parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and {"a_spec", "shop"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.needs_namespaces)


@pytest.fixture
def a_spec(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Spec]:
    """Like the plain one, in a sandbox that shows the test's folder and its programs."""
    plain = request.getfixturevalue("plain_spec")

    def make(*plans: str, **changes: Any) -> Spec:
        spec = plain(*plans, **changes)
        assert sandbox_probe.probe().works, sandbox_probe.probe().problem
        return replace(spec, sandbox=boxed(tmp_path, spec.cwd))

    return make


def boxed(folder: Path, cwd: str) -> Sandboxed:
    for name in ("private-home", "private-tmp"):
        (folder / name).mkdir(exist_ok=True)
    box = Box(
        cwd=cwd,
        own=(*sandbox_probe.machinery(), Mount(str(folder), str(folder), writable=True)),
        home=str(folder / "private-home"),
        home_at="/root",
        tmp=str(folder / "private-tmp"),
        system=system.mounts(),
        shown=tuple(Mount(path, path) for path in {str(ROOT), os.path.realpath(sys.prefix)}),
        proc=sandbox_probe.proc_read_only(),
    )
    interpreter, needed = sandbox_probe.python()
    return Sandboxed(sandbox_probe.probe().bwrap, sandbox.options(box), [interpreter, "-I", "-S", sandbox.INIT], needed)


@pytest.fixture
def shop(request: pytest.FixtureRequest, settings: Any) -> Callable[..., Shop]:
    """Makes a workspace whose sessions run in this process, each process in a sandbox."""
    settings.SANDBOX = "bubblewrap"
    make: Callable[..., Shop] = request.getfixturevalue("plain_shop")
    return make


@pytest.fixture(
    params=[pytest.param("bubblewrap", id="sandbox", marks=pytest.mark.needs_namespaces), pytest.param("none", id="none")]
)
def either(request: pytest.FixtureRequest, settings: Any) -> Callable[..., Shop]:
    """Like `shop`, with a sandbox and without."""
    settings.SANDBOX = request.param
    make: Callable[..., Shop] = request.getfixturevalue("plain_shop")
    return make
