"""Worker processes of one data directory know each other, whatever each can see of the other's processes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workspaces.machine import presence

Worker = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """Starts a process that enters, prints the reason why it may not, and stays until its input ends."""
    started: list[subprocess.Popen[str]] = []

    def start(role: str = "sessions", *, namespace: int = 1, host: str = "") -> "subprocess.Popen[str]":
        script = f"""
import sys, socket
from pathlib import Path
from workspaces.machine import presence
presence._namespace = lambda: {namespace}
socket.gethostname = lambda: {host!r} or {os.uname().nodename!r}
print(presence.enter(Path({str(tmp_path)!r}), {role!r}, pid={100 + len(started)}, started_ticks=7), flush=True)
sys.stdin.read()"""
        started.append(subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def printed(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_second_worker_of_a_name_waits_for_the_one_in_another_container_until_that_one_is_killed(
    worker: Worker, tmp_path: Path
) -> None:
    first = worker()
    assert printed(first) == "" and presence.is_at_work(tmp_path, pid=100, started_ticks=7)
    assert "is at work in another container, as process 100 there: give one of them" in printed(worker(namespace=2))
    first.kill()
    first.wait()
    assert not presence.is_at_work(tmp_path, pid=100, started_ticks=7)
    assert printed(worker(namespace=2)) == ""


@pytest.mark.parametrize("other", [{"namespace": 1}, {"namespace": 2, "host": "another"}, {"namespace": 2, "role": "control"}])
def test_workers_that_see_each_other_or_differ_in_name_or_role_work_side_by_side(
    worker: Worker, other: dict[str, object]
) -> None:
    assert printed(worker()) == printed(worker(**other)) == ""


def test_a_process_that_entered_nowhere_is_not_at_work(tmp_path: Path) -> None:
    assert not presence.is_at_work(tmp_path, pid=1, started_ticks=1)


def test_the_files_of_the_dead_go(worker: Worker, tmp_path: Path) -> None:
    first = worker()
    printed(first)
    first.kill()
    first.wait()
    printed(worker())
    assert sorted(file.name for file in (tmp_path / "workers").iterdir()) == ["101.7.1", "lock"]
