"""Shims are forked by a server of the worker, which costs no new Python. Whatever becomes of that server, an agent starts exactly once."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestration.processes import agent_process, forked_shim, leftovers
from orchestration.processes.agent_process import Process, Spec
from orchestration.processes.shim import procfs
from tests.orchestration.processes.test_agent_process import a_supervisor_of, lines_of, wait_for, wait_until
from tests.orchestration.processes.test_survivors import pids_in

ASpec = Callable[..., Spec]


@pytest.fixture(autouse=True)
def own_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A fork server for this test alone, which ends with it."""
    server = forked_shim.Server()
    monkeypatch.setattr(forked_shim, "server", server)
    yield
    server.forget()


def parent_of(process: Process) -> int:
    info = procfs.read_process(process.identity.pid)
    assert info is not None
    return info.parent


def test_a_worker_starts_one_python_for_all_its_shims(a_spec: ASpec) -> None:
    with agent_process.start(a_spec("sleep")) as first, agent_process.start(a_spec("sleep")) as second:
        assert parent_of(first) == parent_of(second) != os.getpid()


def test_a_forked_shim_shows_its_own_marker(a_spec: ASpec, marker: str) -> None:
    with (
        agent_process.start(a_spec("sleep", marker=f"{marker}-other")) as other,
        agent_process.start(a_spec("sleep")) as process,
    ):
        wait_for(process, "sleeping")
        assert process.identity.pid in leftovers.marked_pids(marker)
        assert other.identity.pid not in leftovers.marked_pids(marker)


def test_an_agent_gets_no_descriptor_of_the_server_or_of_another_shim(a_spec: ASpec) -> None:
    with (
        agent_process.start(a_spec("sleep")),
        agent_process.start(a_spec(argv=["sh", "-c", "ls /proc/$$/fd"])) as process,
    ):
        assert lines_of(process) == ["0", "1", "2"]


def test_a_server_that_died_is_replaced(a_spec: ASpec) -> None:
    with agent_process.start(a_spec("sleep")) as process:
        dead = parent_of(process)
        os.kill(dead, signal.SIGKILL)
        process.kill()
        assert process.ended.survivors == 0
    wait_until(lambda: procfs.read_process(dead) is None)
    for _ in range(2):
        with agent_process.start(a_spec("hello")) as process:
            assert lines_of(process) == ["hello"]
    with agent_process.start(a_spec("sleep")) as process:
        assert parent_of(process) not in (dead, os.getpid())


def test_an_end_after_the_death_of_the_server_is_believed(a_spec: ASpec, marker: str) -> None:
    with agent_process.start(a_spec("sleep")) as process:
        wait_for(process, "sleeping")
        os.kill(parent_of(process), signal.SIGKILL)
        process.stop()
        assert (process.ended.cause, process.ended.complete, process.ended.survivors) == ("stopped", True, 0)
    assert leftovers.marked_pids(marker) == []
    wait_until(lambda: not Path(f"/proc/{process.identity.pid}").exists())  # no zombie either


def test_an_end_is_believed_after_a_server_that_died_with_unread_words(a_spec: ASpec) -> None:
    with agent_process.start(a_spec("sleep")) as process:
        wait_for(process, "sleeping")
        process._shim._reply.send(b"unread")  # the socket is reset then
        os.kill(parent_of(process), signal.SIGKILL)
        process.stop()
        assert (process.ended.cause, process.ended.complete) == ("stopped", True)


def test_an_end_while_the_server_is_frozen_is_believed(a_spec: ASpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_process, "SHIM_EXIT_S", 1.0)
    with agent_process.start(a_spec("hello", "sleep")) as process:
        wait_for(process, "sleeping")
        server = parent_of(process)
        os.kill(server, signal.SIGSTOP)
        try:
            process.stop()
            assert (process.ended.cause, process.ended.complete) == ("stopped", True)
        finally:
            os.kill(server, signal.SIGCONT)


def test_a_shim_that_is_killed_after_its_server_is_no_end_of_its_own(a_spec: ASpec, marker: str) -> None:
    with agent_process.start(a_spec("sleep")) as process:
        wait_for(process, "sleeping")
        for pid in (parent_of(process), process.identity.pid):
            os.kill(pid, signal.SIGKILL)
        assert (process.ended.complete, process.ended.survivors) == (False, 0)
    assert leftovers.marked_pids(marker) == []


def test_a_stop_of_all_processes_at_once_is_believed(a_spec: ASpec) -> None:
    """A service manager stops all processes so."""
    with agent_process.start(a_spec("sleep")) as process:
        wait_for(process, "sleeping")
        for pid in (parent_of(process), process.identity.pid):
            os.kill(pid, signal.SIGTERM)
        assert (process.ended.cause, process.ended.complete) == ("stopped", True)


def test_a_server_that_does_not_answer_starts_no_agent_later(
    a_spec: ASpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with agent_process.start(a_spec("sleep")) as process:
        frozen = parent_of(process)
    os.kill(frozen, signal.SIGSTOP)
    monkeypatch.setattr(forked_shim, "ANSWER_S", 0.2)
    count = ["sh", "-c", f"echo started >> {tmp_path / 'starts'}"]
    with agent_process.start(a_spec(argv=count)) as process:
        assert process.ended.exit_code == 0
    os.kill(frozen, signal.SIGCONT)
    wait_until(lambda: procfs.read_process(frozen) is None)
    assert (tmp_path / "starts").read_text() == "started\n"


def test_the_server_ends_with_its_worker(a_spec: ASpec, marker: str) -> None:
    spec = a_spec("ignore_term", "usage", "sleep")
    worker = a_supervisor_of(spec)
    wait_until(lambda: "sleeping" in list(leftovers.read_journal(Path(spec.journal_path))))
    below = [process for process in procfs.all_processes().values() if process.parent == worker]
    assert len(below) == 1
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    wait_until(lambda: procfs.read_process(below[0].pid) is None and leftovers.marked_pids(marker) == [])


def test_a_marker_that_does_not_fit_is_no_obstacle(a_spec: ASpec) -> None:
    with agent_process.start(a_spec("hello", marker="m" * (procfs.MARKER_BYTES + 1))) as process:
        assert lines_of(process) == ["hello"]


def test_what_a_killed_shim_leaves_ends_even_if_its_worker_does_not_look(a_spec: ASpec, tmp_path: Path, marker: str) -> None:
    """Also what nobody could find by its environment."""
    with agent_process.start(a_spec("ignore_term", "scrub", "sleep")) as process:
        wait_for(process, "bare")
        left = [*leftovers.marked_pids(marker), *pids_in(tmp_path)]
        os.kill(process.identity.pid, signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))
