"""Faults F22 to F30: whatever the agent does, its session ends, and nothing of it lives on."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from orchestration.processes import agent_process, leftovers
from orchestration.processes.agent_process import Line, Process, Spec
from orchestration.processes.shim import procfs

ASpec = Callable[..., Spec]


def lines_of(process: Process) -> list[str]:
    return [line.text for line in process.lines() if line]


def wait_for(process: Process, text: str) -> str:
    """The first line with this text."""
    return next(line.text for line in process.lines() if line and text in line.text)


def time_tolerance() -> float:
    """The expected times are for an idle machine; the tests share theirs, so they allow more."""
    return 0.5


def test_it_passes_on_both_streams_and_the_exit_code(a_spec: ASpec, marker: str):
    with agent_process.start(a_spec(argv=["sh", "-c", "echo out; echo err >&2; exit 3"])) as process:
        lines = [line for line in process.lines() if line]
    assert sorted(lines, key=lambda line: line.stream) == [Line("stderr", "err"), Line("stdout", "out")]
    assert (process.ended.cause, process.ended.exit_code, process.ended.signal) == ("exited", 3, None)
    assert process.ended.complete
    assert leftovers.marked_pids(marker) == []


def test_the_status_on_disk_equals_ended(a_spec: ASpec):
    spec = a_spec("hello")
    with agent_process.start(spec) as process:
        ended = process.ended
    status = leftovers.read_status(Path(spec.status_path))
    assert status is not None
    assert agent_process.Ended(**status) == ended


def test_the_agent_gets_its_environment_and_none_of_the_workers(a_spec: ASpec, tmp_path: Path, monkeypatch, marker: str):
    monkeypatch.setenv("MUSTER_SECRET_KEY", "a secret")
    with agent_process.start(a_spec("environment", env={"A": "1", "LC_ALL": "C.UTF-8"})) as process:
        assert lines_of(process) == ["A=1", "LC_ALL=C.UTF-8", f"MUSTER_SESSION_MARKER={marker}"]
    assert (tmp_path / "made-by-agent").stat().st_mode & 0o077 == 0


@pytest.mark.alone
def test_a_normal_agent_is_gone_at_once_when_stopped(a_spec: ASpec):
    with agent_process.start(a_spec("sleep")) as process:
        wait_for(process, "sleeping")
        stopped_at = time.monotonic()
        process.stop()
        assert (process.ended.cause, process.ended.signal) == ("stopped", signal.SIGTERM)
        assert time.monotonic() - stopped_at < time_tolerance()


@pytest.mark.alone
def test_an_agent_that_ignores_term_is_killed_at_grace(a_spec: ASpec):
    with agent_process.start(a_spec("ignore_term", "sleep", grace_s=0.3)) as process:
        wait_for(process, "sleeping")
        process.stop()
        ended = process.ended
    assert (ended.cause, ended.signal) == ("killed", signal.SIGKILL)
    assert 0.3 <= ended.kill_seconds < 0.3 + time_tolerance()


@pytest.mark.alone
def test_kill_does_not_wait_for_the_grace_of_a_stop(a_spec: ASpec):
    with agent_process.start(a_spec("ignore_term", "sleep", grace_s=30)) as process:
        wait_for(process, "sleeping")
        process.stop()
        process.kill()
        assert process.ended.cause == "killed"
        assert process.ended.kill_seconds < time_tolerance()


@pytest.mark.parametrize("plan", ["daemon", "setsid", "stubborn_daemon"])
def test_a_daemon_that_holds_stdout_ends_with_its_agent(a_spec: ASpec, plan: str):
    with agent_process.start(a_spec(plan)) as process:
        daemon = int(wait_for(process, "daemon").split()[1])
        assert process.ended.cause == "exited"
        assert process.ended.exit_code == 0
        assert process.ended.kill_seconds < 2
    assert leftovers.identity(daemon) is None


def test_stop_ends_what_left_the_group_too(a_spec: ASpec):
    with agent_process.start(a_spec("setsid", "sleep")) as process:
        daemon = int(wait_for(process, "daemon").split()[1])
        process.stop()
        assert process.ended.survivors == 0
    assert leftovers.identity(daemon) is None


def test_a_child_that_dropped_the_marker_is_found_below_the_shim(a_spec: ASpec):
    with agent_process.start(a_spec("scrub")) as process:
        bare = int(wait_for(process, "bare").split()[1])
        process.stop()
        _ = process.ended
    assert leftovers.identity(bare) is None


def test_without_a_renewal_the_shim_ends_the_tree_itself(a_spec: ASpec):
    began = time.monotonic()
    with agent_process.start(a_spec(argv=["sleep", "60"], lease_s=1.0, renewed_at=began)) as process:
        process.renew(began + 1.0)
        assert process.ended.cause == "parent_gone"
        assert process.ended.seconds > 1.5


def test_a_fork_storm_is_ended(a_spec: ASpec, marker: str):
    with agent_process.start(a_spec("storm", grace_s=0.2)) as process:
        wait_for(process, "storming")
        process.stop()
        assert process.ended.survivors == 0
    time.sleep(0.1)
    assert leftovers.marked_pids(marker) == []


def test_a_flood_costs_text_but_never_an_event(a_spec: ASpec, marker: str):
    """A supervisor that reads nothing for a while, and then slowly: 200 MB pass in bounded memory."""
    with agent_process.start(a_spec("flood")) as process:
        time.sleep(1.5)
        events, highest = 0, 0
        for line in process.lines():
            events += bool(line and line.text.startswith("{"))
            highest = max(highest, resident_mib(process.identity.pid)) if events % 50 == 1 else highest
    assert events == 200
    assert 0 < highest < 60
    assert process.ended.exit_code == 0
    assert process.ended.dropped_bytes > 10_000_000


def test_the_agent_waits_when_its_events_are_not_read(a_spec: ASpec):
    with agent_process.start(a_spec("event_flood", idle_s=0.5)) as process:
        time.sleep(1)
        assert resident_mib(process.identity.pid) < 60
        numbers = [json.loads(text)["n"] for text in lines_of(process)]
    assert numbers == list(range(20_000))
    assert process.ended.cause == "exited", "it is not idle while it is made to wait"


def test_an_endless_line_is_cut(a_spec: ASpec):
    with agent_process.start(a_spec("endless_line")) as process:
        lines = lines_of(process)
    assert len(lines[0]) < 2**20 + 100 and lines[0].endswith("cut]")
    assert lines[1:] == ["after"]
    assert process.ended.lines_cut == 1
    assert process.ended.dropped_bytes == 100_000_000 - 2**20


def test_bytes_that_are_no_text_arrive_as_text(a_spec: ASpec):
    with agent_process.start(a_spec("odd_bytes")) as process:
        assert lines_of(process) == ["caf\\xe9 \\xff \\xed\\xa0\\x80 \x1b[31mred", "no newline at the end"]


@pytest.mark.alone
def test_a_silent_agent_is_ended_by_the_idle_deadline(a_spec: ASpec):
    with agent_process.start(a_spec("sleep", idle_s=0.4)) as process:
        assert (process.ended.cause, process.ended.signal) == ("idle_timeout", signal.SIGTERM)
        assert process.ended.seconds < 0.4 + 2 * time_tolerance()


def test_a_talking_agent_is_ended_by_the_wall_deadline_only(a_spec: ASpec):
    with agent_process.start(a_spec("tick", idle_s=0.5, wall_s=1.2)) as process:
        assert process.ended.cause == "wall_timeout"


def test_a_crash_reports_its_signal(a_spec: ASpec):
    with agent_process.start(a_spec("crash")) as process:
        assert (process.ended.cause, process.ended.exit_code, process.ended.signal) == ("exited", None, signal.SIGSEGV)


@pytest.mark.parametrize("change", [{"argv": ["no-such-agent"]}, {"argv": ["/etc/hostname"]}, {"cwd": "/nowhere"}])
def test_a_failed_start_reports_the_reason(a_spec: ASpec, change: dict):
    with agent_process.start(a_spec("hello", **change)) as process:
        assert list(process.lines()) == []
        assert process.ended.cause == "start_failed"
        assert process.ended.error.startswith("could not start")


def test_the_caller_can_act_with_much_or_little_output(a_spec: ASpec):
    for plan in ("sleep", "flood"):
        with agent_process.start(a_spec(plan)) as process:
            polls = 0
            for line in process.lines(poll_s=0.05):
                polls += line is None
                if polls == 4:
                    break
            assert polls == 4


def test_leaving_the_block_ends_the_agent(a_spec: ASpec, marker: str):
    with pytest.raises(RuntimeError), agent_process.start(a_spec("ignore_term", "sleep")) as process:
        wait_for(process, "sleeping")
        raise RuntimeError("the worker's own trouble")
    assert leftovers.marked_pids(marker) == []


def test_a_killed_shim_takes_its_tree_along(a_spec: ASpec, marker: str):
    with agent_process.start(a_spec("ignore_term", "setsid", "sleep")) as process:
        wait_for(process, "sleeping")
        os.kill(process.identity.pid, signal.SIGKILL)
        ended = process.ended
    assert (ended.complete, ended.survivors, ended.cause) == (False, 0, "killed")
    assert leftovers.marked_pids(marker) == []


SUPERVISOR = """
import json, sys, time
from orchestration.processes import agent_process
spec = json.loads(sys.argv[1])
if spec["sandbox"]:
    spec["sandbox"] = agent_process.Sandboxed(**spec["sandbox"])
process = agent_process.start(agent_process.Spec(**spec))
print(process.identity.pid, flush=True)
time.sleep(60)  # it never reads a line
"""


def test_the_tree_dies_with_its_supervisor_and_leaves_its_journal(a_spec: ASpec, marker: str):
    """The usage line was never delivered: the reaper reads it from the journal."""
    spec = a_spec("ignore_term", "usage", "setsid", "sleep")
    supervisor = a_supervisor_of(spec)
    wait_until(lambda: "sleeping" in list(leftovers.read_journal(Path(spec.journal_path))))
    os.kill(supervisor, signal.SIGKILL)
    os.waitpid(supervisor, 0)
    wait_until(lambda: leftovers.marked_pids(marker) == [])
    status = leftovers.read_status(Path(spec.status_path))
    assert status is not None and status["cause"] == "parent_gone"
    assert '{"type": "usage", "id": "1", "cost_usd": 0.12}' in list(leftovers.read_journal(Path(spec.journal_path)))


def test_supervisor_and_shim_killed_together_leave_a_tree_that_the_reaper_ends(a_spec: ASpec, marker: str):
    spec = a_spec("ignore_term", "usage", "setsid", "sleep")
    supervisor = a_supervisor_of(spec)
    wait_until(lambda: "sleeping" in list(leftovers.read_journal(Path(spec.journal_path))))
    shim = procfs.read_process(shim_below(supervisor, marker))
    assert shim is not None
    for pid in (shim.parent, shim.pid, supervisor):  # its fork server would end what it leaves
        os.kill(pid, signal.SIGKILL)
    os.waitpid(supervisor, 0)
    wait_until(lambda: len(leftovers.marked_pids(marker)) == 2)  # the kernel takes a moment to bury the shim
    assert leftovers.end_marked(marker, grace_s=0.1) == 0
    assert leftovers.marked_pids(marker) == []
    assert leftovers.read_status(Path(spec.status_path)) is None


def test_a_full_disk_ends_the_journal_and_not_the_session(a_spec: ASpec):
    with agent_process.start(a_spec("hello", journal_path="/dev/full")) as process:
        assert lines_of(process) == ["hello"]
    assert process.ended.exit_code == 0
    assert "No space left" in process.ended.error


def test_text_beyond_the_journals_limit_does_not_push_out_events(a_spec: ASpec):
    spec = a_spec("small_flood", journal_limit_bytes=2_000_000)
    with agent_process.start(spec) as process:
        assert process.ended.exit_code == 0
    journal = list(leftovers.read_journal(Path(spec.journal_path)))
    assert sum(line.startswith("{") for line in journal) == 20
    assert Path(spec.journal_path).stat().st_size < 4_000_000


def a_supervisor_of(spec: Spec) -> int:
    spec_json = json.dumps(asdict(spec))
    root = str(Path(agent_process.__file__).parents[2])
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", SUPERVISOR, spec_json],
        {"PYTHONPATH": root},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)],
    )


def shim_below(supervisor: int, marker: str) -> int:
    """The first with the marker: a child of the supervisor's fork server."""
    processes = procfs.all_processes()
    servers = [process.pid for process in processes.values() if process.parent == supervisor]
    return next(pid for pid in leftovers.marked_pids(marker) if processes[pid].parent in servers)


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def resident_mib(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
