"""A process and its tree behave in a sandbox as without one: exit codes, signals, deadlines, and nothing that survives.

The tests of plain processes run again here, with a sandbox around each. Those that read pids which an agent printed do not: inside, every
process has another number.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.processes import agent_process, leftovers
from orchestration.processes.agent_process import Spec
from orchestration.processes.kill_sequence import Step
from tests.orchestration.processes.test_agent_process import (
    a_supervisor_of,
    lines_of,
    shim_below,
    test_a_crash_reports_its_signal,
    test_a_failed_start_reports_the_reason,
    test_a_fork_storm_is_ended,
    test_a_full_disk_ends_the_journal_and_not_the_session,
    test_a_killed_shim_takes_its_tree_along,
    test_a_normal_agent_is_gone_at_once_when_stopped,
    test_a_silent_agent_is_ended_by_the_idle_deadline,
    test_a_talking_agent_is_ended_by_the_wall_deadline_only,
    test_an_agent_that_ignores_term_is_killed_at_grace,
    test_it_passes_on_both_streams_and_the_exit_code,
    test_kill_does_not_wait_for_the_grace_of_a_stop,
    test_leaving_the_block_ends_the_agent,
    test_the_agent_gets_its_environment_and_none_of_the_workers,
    test_the_status_on_disk_equals_ended,
    test_the_tree_dies_with_its_supervisor_and_leaves_its_journal,
    wait_for,
    wait_until,
)
from tests.orchestration.processes.test_survivors import (
    a_hunted,
    test_a_dead_supervisor_ends_hidden_daemons,
    test_a_stop_leaves_no_process,
    test_a_storm_of_forks_is_ended_while_it_forks,
)

ASpec = Callable[..., Spec]
__all__ = [
    "a_hunted",
    "test_a_crash_reports_its_signal",
    "test_a_dead_supervisor_ends_hidden_daemons",
    "test_a_failed_start_reports_the_reason",
    "test_a_fork_storm_is_ended",
    "test_a_full_disk_ends_the_journal_and_not_the_session",
    "test_a_killed_shim_takes_its_tree_along",
    "test_a_normal_agent_is_gone_at_once_when_stopped",
    "test_a_silent_agent_is_ended_by_the_idle_deadline",
    "test_a_stop_leaves_no_process",
    "test_a_storm_of_forks_is_ended_while_it_forks",
    "test_a_talking_agent_is_ended_by_the_wall_deadline_only",
    "test_an_agent_that_ignores_term_is_killed_at_grace",
    "test_it_passes_on_both_streams_and_the_exit_code",
    "test_kill_does_not_wait_for_the_grace_of_a_stop",
    "test_leaving_the_block_ends_the_agent",
    "test_the_agent_gets_its_environment_and_none_of_the_workers",
    "test_the_status_on_disk_equals_ended",
    "test_the_tree_dies_with_its_supervisor_and_leaves_its_journal",
]


def test_a_signal_to_the_leader_reaches_the_agent_itself(a_spec: ASpec) -> None:
    """bubblewrap forwards nothing, and its end would end the agent without a word."""
    spec = a_spec(argv=["sh", "-c", "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done"])
    with agent_process.start(replace(spec, kill_sequence=(Step("INT", "leader", 0.0),), grace_s=20)) as process:
        wait_for(process, "ready")
        process.stop()
        assert lines_of(process) == ["interrupted"]
    assert (process.ended.cause, process.ended.exit_code) == ("stopped", 9)


def test_the_worker_sees_the_marker_of_every_process_inside(a_spec: ASpec, marker: str) -> None:
    with agent_process.start(a_spec("setsid", "sleep")) as process:
        wait_for(process, "sleeping")
        commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in leftovers.marked_pids(marker)]
        assert sum(b"fake_agent.py\0setsid" in command and b"init.py" not in command for command in commands) == 2
    assert leftovers.marked_pids(marker) == []


def test_a_daemon_that_holds_stdout_ends_with_its_agent(a_spec: ASpec, marker: str) -> None:
    with agent_process.start(a_spec("stubborn_daemon")) as process:
        ended = process.ended
    assert (ended.cause, ended.exit_code, ended.survivors) == ("exited", 0, 0)
    assert ended.kill_seconds >= 1.0, "it has its second to end by itself"
    assert leftovers.marked_pids(marker) == []


def test_nothing_outlives_a_supervisor_and_a_shim_that_are_killed_together(a_spec: ASpec, marker: str) -> None:
    """The kernel ends the sandbox with the shim: there is nothing left for the reaper."""
    spec = a_spec("ignore_term", "usage", "setsid", "sleep")
    supervisor = a_supervisor_of(spec)
    wait_until(lambda: "sleeping" in list(leftovers.read_journal(Path(spec.journal_path))))
    shim = shim_below(supervisor, marker)
    os.kill(supervisor, signal.SIGSTOP)  # it must not end the tree by itself
    os.kill(shim, signal.SIGKILL)
    wait_until(lambda: leftovers.marked_pids(marker) == [])
    os.kill(supervisor, signal.SIGKILL)
    os.waitpid(supervisor, 0)


def test_a_sandbox_that_cannot_be_made_is_a_failed_start_with_its_reason(a_spec: ASpec) -> None:
    spec = a_spec("hello")
    assert spec.sandbox is not None
    broken = replace(spec.sandbox, options=["--ro-bind", "/no/such/folder", "/x", *spec.sandbox.options])
    with agent_process.start(replace(spec, sandbox=broken)) as process:
        lines_of(process)
    assert process.ended.cause == "start_failed"
    assert "/no/such/folder" in process.ended.error


@pytest.mark.alone
def test_a_stop_while_it_starts_ends_it(a_spec: ASpec, marker: str) -> None:
    began = time.monotonic()
    with agent_process.start(a_spec("sleep")) as process:
        process.stop()
        assert process.ended.survivors == 0
    assert time.monotonic() - began < 10
    assert leftovers.marked_pids(marker) == []


def test_no_process_inside_can_report_another_end_than_the_agents(a_spec: ASpec) -> None:
    """A process in the sandbox can reach the pipe of the first one, as a test that is run can reach its runner."""
    script = 'for fd in /proc/1/fd/*; do (echo "exited 0" > $fd) 2>/dev/null; done; sleep 0.2; exit 3'
    with agent_process.start(a_spec(argv=["sh", "-c", script])) as process:
        assert (process.ended.cause, process.ended.exit_code) == ("exited", 3)


def test_no_process_inside_can_report_a_failed_start(a_spec: ASpec) -> None:
    """It would count as a missing program, and stop the whole workspace."""
    script = 'for fd in /proc/1/fd/*; do (echo "failed not there" > $fd) 2>/dev/null; done; sleep 0.2; exit 3'
    with agent_process.start(a_spec(argv=["sh", "-c", script])) as process:
        assert (process.ended.cause, process.ended.exit_code) == ("exited", 3)
