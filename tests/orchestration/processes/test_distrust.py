"""The worker does not depend on its shim: an agent of the same user may freeze it, kill it, or write in its name."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.processes import agent_process, leftovers, shim_watch
from orchestration.processes.agent_process import Process, Spec
from orchestration.processes.shim import procfs
from tests.orchestration.processes.test_agent_process import lines_of, wait_for, wait_until
from tests.orchestration.processes.test_survivors import pids_in

ASpec = Callable[..., Spec]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the silence that ends a worker's trust."""
    monkeypatch.setattr(shim_watch, "SILENCE_S", 2.5)
    monkeypatch.setattr(shim_watch, "MARGIN_S", 1.0)


def freeze(process: Process) -> None:
    os.kill(process.identity.pid, signal.SIGSTOP)
    wait_until(lambda: procfs.is_frozen(process.identity.pid))


def test_a_shim_sends_a_frame_each_second_while_its_agent_is_silent(a_spec: ASpec, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[bool] = []
    monkeypatch.setattr(shim_watch.ShimWatch, "receive", lambda _self, *, output: received.append(output))
    monkeypatch.setattr(shim_watch.ShimWatch, "overdue", lambda _self: None)
    with agent_process.start(a_spec("sleep", wall_s=3.5)) as process:
        assert process.ended.cause == "wall_timeout"
    assert 3 <= len(received) <= 8 and False in received


def test_output_without_a_newline_is_output(a_spec: ASpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shim passes on whole lines only; its heartbeat tells that there was something."""
    monkeypatch.setattr(shim_watch, "SILENCE_S", 60.0)
    script = "for n in 1 2 3 4 5 6 7 8 9 10; do printf .; sleep 0.5; done"
    with agent_process.start(a_spec(argv=["sh", "-c", script], idle_s=2.5, grace_s=0.1)) as process:
        assert (process.ended.cause, process.ended.complete) == ("exited", True)


def test_a_frozen_shim_is_noticed_by_its_silence(a_spec: ASpec, tmp_path: Path) -> None:
    with agent_process.start(a_spec("usage", "freeze", "setsid", "hidden", "sleep")) as process:
        ended = process.ended
    assert (ended.cause, ended.complete, ended.survivors) == ("killed", False, 0)
    assert ended.error.endswith("(a signal had frozen it): the worker ended its processes itself")
    assert pids_in(tmp_path) == []


def test_a_shim_that_is_frozen_with_nothing_left_below_it_is_not_waited_for(a_spec: ASpec) -> None:
    with agent_process.start(a_spec("sleep")) as process:
        wait_for(process, "sleeping")
        freeze(process)
        tree, _ = leftovers.tree(process._spec.marker, but=process.identity)
        for pid in tree:
            os.kill(pid, signal.SIGKILL)
        assert (process.ended.cause, process.ended.complete) == ("killed", False)


@pytest.mark.parametrize("plan", ["setsid", "stubborn_daemon", "hidden", "scrub", "bare_storm"])
def test_a_stop_reaches_everything_behind_a_frozen_shim(a_spec: ASpec, tmp_path: Path, plan: str) -> None:
    word = {"hidden": "hidden", "scrub": "bare", "bare_storm": "storming"}.get(plan, "daemon")
    with agent_process.start(a_spec("ignore_term", plan, "sleep", grace_s=0.2)) as process:
        wait_for(process, word)
        freeze(process)
        process.stop()
        ended = process.ended
    assert (ended.cause, ended.complete, ended.survivors) == ("stopped", False, 0)
    assert "did not answer the stop" in ended.error
    assert pids_in(tmp_path) == []


@pytest.mark.parametrize(("bound", "cause"), [("_wall_s", "wall_timeout"), ("_idle_s", "idle_timeout")])
def test_the_deadlines_of_a_frozen_shim_are_the_workers(
    a_spec: ASpec, monkeypatch: pytest.MonkeyPatch, bound: str, cause: str
) -> None:
    monkeypatch.setattr(shim_watch, "SILENCE_S", 60.0)  # as if somebody sent frames in its name
    with agent_process.start(a_spec("sleep", grace_s=0.1)) as process:
        wait_for(process, "sleeping")
        freeze(process)
        setattr(process._watch, bound, 0.5)
        assert (process.ended.cause, process.ended.complete, process.ended.survivors) == (cause, False, 0)


def test_what_a_killed_or_frozen_shim_did_not_pass_on_is_read_from_the_journal(a_spec: ASpec) -> None:
    """Each event once: the first was delivered, and an earlier agent's are not its own."""
    spec = a_spec("usage", "sleep")
    Path(spec.journal_path).write_text('{"type": "usage", "id": "0"}\n')
    with agent_process.start(spec) as process:
        wait_for(process, "usage")
        freeze(process)
        with open(spec.journal_path, "a") as journal:  # what a shim does before it sends
            journal.write('text\n{"type": "usage", "id": "2"}\n')
        process.kill()
        remaining = [text for text in lines_of(process) if text.startswith("{")]
    assert remaining == ['{"type": "usage", "id": "2"}']


def test_a_status_that_the_agent_forged_is_not_believed(a_spec: ASpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_process, "SHIM_EXIT_S", 0.5)
    with agent_process.start(a_spec("forge", "setsid", "sleep")) as process:
        ended = process.ended
    assert (ended.complete, ended.survivors) == (False, 0)
    assert pids_in(tmp_path) == []


def test_bytes_that_no_shim_sends_end_the_tree(a_spec: ASpec, tmp_path: Path) -> None:
    with agent_process.start(a_spec("garbage", "setsid", "sleep")) as process:
        ended = process.ended
    assert ended.error.startswith("what its shim sent was damaged") and not ended.complete
    assert pids_in(tmp_path) == []


def test_a_bomb_of_forks_behind_a_frozen_shim_is_ended(a_spec: ASpec, tmp_path: Path) -> None:
    with agent_process.start(a_spec("bomb", grace_s=0.2)) as process:
        wait_for(process, "bombing")
        freeze(process)
        process.stop()
        assert process.ended.survivors == 0
    assert pids_in(tmp_path) == []


def test_a_worker_that_was_frozen_itself_believes_its_shim(a_spec: ASpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that it missed is in the pipe, and is read before anything is judged."""
    monkeypatch.setattr(shim_watch, "MARGIN_S", 30.0)
    with agent_process.start(a_spec("sleep", grace_s=0.1)) as process:
        wait_for(process, "sleeping")
        process._watch._looked -= 3600  # an hour without a look
        process.stop()
        assert (process.ended.cause, process.ended.complete) == ("stopped", True)


def test_a_pipe_in_place_of_a_journal_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("journal", "status.json"):
        os.mkfifo(tmp_path / name)
    assert list(leftovers.read_journal(tmp_path / "journal")) == []
    assert leftovers.read_status(tmp_path / "status.json") is None
