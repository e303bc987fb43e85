"""Nothing of an agent lives on after its stop, however it hides: by /proc and the subreaper alone, and with a control group of its own."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.processes import agent_process, cgroups, leftovers, procfs
from orchestration.processes.agent_process import Spec
from orchestration.processes.kill_sequence import Step
from tests.orchestration.processes.test_agent_process import wait_for

ASpec = Callable[..., Spec]
INT_FIRST = (Step("INT", "leader", 0), Step("TERM", "all", 0.2))


@pytest.fixture(params=["none", ""], ids=["proc", "cgroup"])
def a_hunted(request: pytest.FixtureRequest, a_spec: ASpec, marker: str) -> ASpec:
    """The spec without a control group, and with one where the machine allows it."""
    if request.param == "":
        group = cgroups.make(marker)
        if group is None:
            pytest.skip("no cgroup v2 here that we may write")
        group.remove()
    return lambda *plans, **changes: a_spec(*plans, **{"cgroup_parent": request.param, "grace_s": 0.5, **changes})


def inhabitants(folder: Path) -> list[int]:
    """Who works in this folder. Children inherit it, whatever else they throw away."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(folder) and leftovers.identity(int(entry.name)):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


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
@pytest.mark.parametrize("ladder", [(), INT_FIRST], ids=["term", "int-first"])
def test_a_stop_leaves_nobody(a_hunted: ASpec, tmp_path: Path, plans: tuple[str, ...], word: str, ladder: tuple[Step, ...]):
    with agent_process.start(a_hunted(*plans, ladder=ladder)) as process:
        wait_for(process, word)
        assert inhabitants(tmp_path)
        process.stop()
        assert process.ended.survivors == 0
    assert inhabitants(tmp_path) == []


def test_what_hides_is_really_out_of_sight_but_for_the_subreaper(a_hunted: ASpec, tmp_path: Path, marker: str):
    """No marker, no group, no session, no parent of ours: the kernel gave it to the shim all the same."""
    with agent_process.start(a_hunted("hidden", "sleep")) as process:
        pid = int(wait_for(process, "hidden").split()[1])
        seen = procfs.look(pid)
        assert seen and seen.parent == process.identity.pid
        assert (
            pid not in leftovers.marked(marker)
            and seen.group != seen.parent
            and seen.session == seen.group != process.identity.pid
        )
        process.stop()
        assert process.ended.survivors == 0
    assert inhabitants(tmp_path) == []


def test_the_agents_own_end_takes_along_what_hides(a_hunted: ASpec, tmp_path: Path):
    with agent_process.start(a_hunted("hidden", "hello")) as process:
        assert (process.ended.cause, process.ended.exit_code, process.ended.survivors) == ("exited", 0, 0)
    assert inhabitants(tmp_path) == []


def test_a_leader_that_goes_leaves_its_deaf_children_a_second_at_most(a_hunted: ASpec, tmp_path: Path):
    with agent_process.start(a_hunted("goes_when_interrupted", "hidden", "sleep", grace_s=30, ladder=INT_FIRST)) as process:
        wait_for(process, "sleeping")
        process.stop()
        ended = process.ended
    assert (ended.exit_code, ended.signal, ended.survivors) == (0, None, 0)
    assert ended.kill_seconds < 10
    assert inhabitants(tmp_path) == []


@pytest.mark.parametrize("plan", ["storm", "bare_storm"])
def test_a_storm_of_forks_is_ended_while_it_forks(a_hunted: ASpec, tmp_path: Path, plan: str):
    with agent_process.start(a_hunted("ignore_term", plan)) as process:
        wait_for(process, "storming")
        process.stop()
        assert process.ended.survivors == 0
    time.sleep(0.2)
    assert inhabitants(tmp_path) == []


def test_a_dead_supervisor_takes_along_what_hides(a_hunted: ASpec, tmp_path: Path):
    with agent_process.start(a_hunted("hidden", "sleep")) as process:
        wait_for(process, "sleeping")
        process._commands.close()  # what the shim sees when its supervisor dies
        end = time.monotonic() + 20
        while inhabitants(tmp_path):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_a_kill_asks_nobody(a_hunted: ASpec, tmp_path: Path):
    with agent_process.start(a_hunted("hidden", "sleep", grace_s=30, ladder=INT_FIRST)) as process:
        wait_for(process, "sleeping")
        process.kill()
        assert (process.ended.cause, process.ended.signal) == ("killed", signal.SIGKILL)
        assert process.ended.kill_seconds < 5
    assert inhabitants(tmp_path) == []
