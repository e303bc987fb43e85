"""Every fault test has a data directory and a Muster of its own, which does not outlive it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Running, until


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after its first start: made once, copied by those who do not test the first start itself."""
    folder = tmp_path_factory.mktemp("prepared") / "data"
    running = Running(folder)
    until(running.is_ready, 60)
    running.process.terminate()
    running.process.wait(20)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(data: Path) -> Iterator[Callable[..., Running]]:
    started = []

    def _start(*args: str, ready: bool = True, **extra: str) -> Running:
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
