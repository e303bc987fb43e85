"""No process of an agent survives its stop, however it hides: by /proc and the subreaper alone, and with a control group."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.processes import agent_process, leftovers
from orchestration.processes.agent_process import Spec
from orchestration.processes.kill_sequence import Step
from orchestration.processes.shim import cgroups, procfs, shim
from tests.orchestration.processes.test_agent_process import wait_for

ASpec = Callable[..., Spec]
INT_FIRST = (Step("INT", "leader", 0), Step("TERM", "all", 0.2))


@pytest.fixture(params=["none", ""], ids=["proc", "cgroup"])
def a_hunted(request: pytest.FixtureRequest, a_spec: ASpec, marker: str) -> ASpec:
    """The spec without a control group, and with one where the machine allows it."""
    if request.param == "":
        group = cgroups.create(marker)
        if group is None:
            pytest.skip("no writable cgroup v2 here")
        group.remove()
    return lambda *plans, **changes: a_spec(*plans, **{"cgroup_parent": request.param, "grace_s": 0.5, **changes})


def pids_in(folder: Path) -> list[int]:
    """The living processes whose working directory this is. Children inherit it, whatever else they drop."""
    pids = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(folder) and leftovers.identity(int(entry.name)):
                pids.append(int(entry.name))
        except OSError:
            continue
    return pids


@pytest.mark.parametrize(
    ("plans", "word"),
    [
        (("tool",), "tool"),
        (("setsid", "sleep"), "sleeping"),
        (("stubborn_daemon", "sleep"), "sleeping"),
        (("hidden", "sleep"), "sleeping"),
        (("scrub",), "bare"),
        (("adopter",), "hidden"),
        (("ignore_term", "hidden", "tool"), "tool"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("kill_sequence", [(), INT_FIRST], ids=["term", "int-first"])
def test_a_stop_leaves_no_process(
    a_hunted: ASpec, tmp_path: Path, plans: tuple[str, ...], word: str, kill_sequence: tuple[Step, ...]
):
    with agent_process.start(a_hunted(*plans, kill_sequence=kill_sequence)) as process:
        wait_for(process, word)
        assert pids_in(tmp_path)
        process.stop()
        assert process.ended.survivors == 0
    assert pids_in(tmp_path) == []


def test_a_hidden_daemon_is_visible_to_the_subreaper_only(a_hunted: ASpec, tmp_path: Path, marker: str):
    """No marker, and neither group, session nor parent of the agent: the kernel still made it a child of the shim."""
    with agent_process.start(a_hunted("hidden", "sleep")) as process:
        pid = int(wait_for(process, "hidden").split()[1])
        seen = procfs.read_process(pid)
        assert seen and seen.parent == process.identity.pid
        assert (
            pid not in leftovers.marked_pids(marker)
            and seen.group != seen.parent
            and seen.session == seen.group != process.identity.pid
        )
        process.stop()
        assert process.ended.survivors == 0
    assert pids_in(tmp_path) == []


def test_the_agents_own_end_ends_hidden_daemons(a_hunted: ASpec, tmp_path: Path):
    with agent_process.start(a_hunted("hidden", "hello")) as process:
        assert (process.ended.cause, process.ended.exit_code, process.ended.survivors) == ("exited", 0, 0)
    assert pids_in(tmp_path) == []


def test_a_leader_that_goes_leaves_its_deaf_children_a_second_at_most(a_hunted: ASpec, tmp_path: Path):
    with agent_process.start(
        a_hunted("goes_when_interrupted", "hidden", "sleep", grace_s=30, kill_sequence=INT_FIRST)
    ) as process:
        wait_for(process, "sleeping")
        process.stop()
        ended = process.ended
    assert (ended.exit_code, ended.signal, ended.survivors) == (0, None, 0)
    assert ended.kill_seconds < 10
    assert pids_in(tmp_path) == []


@pytest.mark.parametrize("plan", ["storm", "bare_storm"])
def test_a_storm_of_forks_is_ended_while_it_forks(a_hunted: ASpec, tmp_path: Path, plan: str):
    with agent_process.start(a_hunted("ignore_term", plan)) as process:
        wait_for(process, "storming")
        process.stop()
        assert process.ended.survivors == 0
    time.sleep(0.2)
    assert pids_in(tmp_path) == []


def test_a_dead_supervisor_ends_hidden_daemons(a_hunted: ASpec, tmp_path: Path):
    with agent_process.start(a_hunted("hidden", "sleep")) as process:
        wait_for(process, "sleeping")
        process._commands.close()  # what the shim sees when its supervisor dies
        end = time.monotonic() + 20
        while pids_in(tmp_path):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_a_kill_skips_all_gentler_signals(a_hunted: ASpec, tmp_path: Path):
    with agent_process.start(a_hunted("hidden", "sleep", grace_s=30, kill_sequence=INT_FIRST)) as process:
        wait_for(process, "sleeping")
        process.kill()
        assert (process.ended.cause, process.ended.signal) == ("killed", signal.SIGKILL)
        assert process.ended.kill_seconds < 5
    assert pids_in(tmp_path) == []


def test_the_end_of_a_sandbox_is_proven_without_a_look_at_other_processes(tmp_path, monkeypatch):
    """With 70 sandboxes that end at once, each shim would read the environments of all others."""
    spec = {"marker": "m", "cgroup_parent": "none", "journal_path": str(tmp_path / "journal"), "journal_limit_bytes": 1000}
    ended = shim.Shim(spec)
    ended.childless, ended.sandbox = True, object()
    monkeypatch.setattr(shim.procfs, "all_pids", lambda: pytest.fail("it read all processes"))
    assert ended.tree(False) == (set(), {})
