"""Every fault test has its own data directory and Muster, which ends with the test."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import Client, Running, until
from tests.faults.shop import Shop
from tests.faults.test_kills import QUICK
from tests.plugins.database import put_migrated


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(data: Path) -> Iterator[Callable[..., Running]]:
    started = []

    def _start(*args: str, ready: bool = True, **extra: str) -> Running:
        if not (data / "muster.sqlite3").exists():
            put_migrated(data)
        running = Running(data, *args, **extra)
        started.append(running)
        if ready:
            until(running.is_ready, 30)
        return running

    yield _start
    for running in started:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(20)


@pytest.fixture(scope="package")
def muster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    """One Muster for all tests of a process that leave it at work. Programs in the folder `bin` come first on its PATH."""
    folder = tmp_path_factory.mktemp("work")
    put_migrated(folder / "data")
    (folder / "bin").mkdir()
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    running = Running(folder / "data", **QUICK, MUSTER_REPO_ROOTS=str(folder), PATH=path)
    until(running.is_ready, 30)
    yield Client(running), folder
    running.process.terminate()
    running.process.wait(20)


@pytest.fixture
def shop(muster: tuple[Client, Path], request: pytest.FixtureRequest) -> Iterator[Callable[..., Shop]]:
    client, folder = muster
    shops: list[Shop] = []

    def make(**config: Any) -> Shop:
        own = tempfile.mkdtemp(prefix=request.node.name[:50], dir=folder)
        shops.append(Shop(client, Path(own), **config))
        return shops[-1]

    yield make
    for shop in shops:  # Muster plans no longer for them
        shop.call("POST", "/executor/stop-all")
