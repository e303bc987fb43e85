"""Limits of memory and processes. A fake hierarchy shows what is written where; the last tests let the real kernel keep them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestration.processes import agent_process, leftovers
from orchestration.processes.agent_process import Spec
from orchestration.processes.shim import cgroup_limits, cgroups
from orchestration.processes.shim.cgroup_limits import Limits
from orchestration.processes.shim.cgroups import DISABLED, Cgroup

ASpec = Callable[..., Spec]


@pytest.fixture
def nothing_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup_limits, "_v1_mount", lambda _controller: None)


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """A group of cgroup v2 with both controllers, as the kernel shows it."""
    group = tmp_path / "muster-one"
    group.mkdir()
    for name in ("memory.max", "memory.swap.max", "pids.max"):
        (group / name).touch()
    (group / "memory.events").write_text("low 0\noom 1\noom_kill 0\n")
    (group / "pids.events").write_text("max 0\n")
    return group


def test_v2_gets_memory_without_swap_and_processes(group: Path):
    limits = Limits("muster-one", str(group), memory_mb=512, processes=100)
    written = [(group / name).read_text() for name in ("memory.max", "memory.swap.max", "pids.max")]
    assert written == [str(512 * 2**20), "0", "100"]
    assert limits.not_in_force == [] and limits.sentences() == []


def test_what_the_kernel_did_is_reported_with_the_limit(group: Path):
    limits = Limits("muster-one", str(group), memory_mb=512, processes=100)
    (group / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    (group / "pids.events").write_text("max 7\n")
    assert limits.sentences() == [
        "the kernel ended a process: together they used more memory than limits.memory_mb allows (512 MiB)",
        "the kernel refused to start a process: there were as many as limits.processes allows (100)",
    ]


def test_a_controller_is_switched_on_in_the_group_above(group: Path, nothing_mounted: None):
    for file in group.iterdir():
        file.unlink()
    (group.parent / "cgroup.subtree_control").touch()
    limits = Limits("muster-one", str(group), processes=5)
    assert (group.parent / "cgroup.subtree_control").read_text() == "+pids"
    assert limits.not_in_force == ["pids"], "a plain folder gets no files by it"


def test_no_limit_is_asked_for_and_none_is_set(group: Path):
    assert Limits("muster-one", str(group)).wanted == {}
    assert (group / "memory.max").read_text() == ""


def test_where_no_group_can_be_had_nothing_is_in_force(nothing_mounted: None):
    limits = Limits("muster-one", None, memory_mb=1, processes=1)
    limits.enter()
    assert limits.not_in_force == ["memory", "pids"]
    assert limits.sentences() == []
    assert limits.watched_mb == 1 and "limits.memory_mb is checked each second" in limits.warnings()[0]


def test_the_kernel_keeps_memory_where_a_group_has_that_controller_and_not_where_one_can_only_be_made(
    group: Path, nothing_mounted: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cgroups, "create", lambda _marker, _parent: Cgroup(str(group)))
    assert cgroups.keeps_memory(str(group.parent)) and not cgroups.keeps_memory(DISABLED)
    (group / "memory.max").unlink()  # not delegated: only its processes are counted
    assert not cgroups.keeps_memory(str(group.parent))
    monkeypatch.setattr(cgroups, "create", lambda _marker, _parent: None)
    assert not cgroups.keeps_memory(str(group.parent))


def test_a_trial_with_a_group_leaves_none_behind(tmp_path: Path, nothing_mounted: None, monkeypatch: pytest.MonkeyPatch):
    (group := tmp_path / "muster-trial").mkdir()
    monkeypatch.setattr(cgroups, "create", lambda _marker, _parent: Cgroup(str(group)))
    assert not cgroups.keeps_memory(str(tmp_path)) and not group.exists()


# The real kernel.


@pytest.fixture
def kept(marker: str) -> Iterator[None]:
    """This machine and this user can limit a group."""
    limits = Limits(f"muster-{marker}", None, memory_mb=100, processes=50)
    missing = limits.not_in_force
    limits.remove()
    if missing:
        pytest.skip(f"no writable control groups for {', '.join(missing)} here")
    yield
    for controller in ("memory", "pids"):
        mounted = cgroup_limits._v1_mount(controller)
        assert mounted and not list(Path(mounted[0]).rglob(f"muster-{marker}"))


EATS = "import time; kept = []\nfor n in range(400): kept.append(bytearray(2**20)); print(n, flush=True)"
FORKS = "import os, time\nfor n in range(200):\n  if os.fork() == 0: time.sleep(60)"


def test_an_agent_that_eats_memory_is_ended_by_the_kernel_and_reported(a_spec: ASpec, kept: None):
    with agent_process.start(a_spec(argv=[sys.executable, "-c", EATS], cgroup_parent="", limits={"memory_mb": 100})) as process:
        lines = [line.text for line in process.lines() if line is not None]
        ended = process.ended
    assert ended.signal == 9
    assert "together they used more memory than limits.memory_mb allows (100 MiB)" in ended.error
    assert lines[-1] == f"muster: {ended.error}"
    assert len(lines) < 101


def test_an_agent_that_forks_without_end_is_refused_by_the_kernel(a_spec: ASpec, kept: None):
    with agent_process.start(a_spec(argv=[sys.executable, "-c", FORKS], cgroup_parent="", limits={"processes": 40})) as process:
        ended = process.ended
    assert ended.exit_code == 1
    assert "as many as limits.processes allows (40)" in ended.error
    assert ended.survivors == 0


def test_groups_that_a_dead_shim_left_are_removed(kept: None, marker: str):
    Limits(f"muster-{marker}", None, memory_mb=100, processes=50)
    assert leftovers.end_marked(marker) == 0


# Without a control group the shim keeps the limit of memory itself.

TREE = "import subprocess, sys, time\nif len(sys.argv) < 2:\n  subprocess.Popen([sys.executable, __file__, 'x'])\nkept = bytearray(60 * 2**20)\ntime.sleep(60)"


@pytest.mark.parametrize("limit", [100, 1000])
def test_without_a_group_the_shim_sums_the_tree_and_ends_it(a_spec: ASpec, tmp_path: Path, limit: int):
    (tmp_path / "tree.py").write_text(TREE)  # two processes of 60 MiB each
    spec = a_spec(argv=[sys.executable, str(tmp_path / "tree.py")], cgroup_parent="none", limits={"memory_mb": limit}, wall_s=8)
    with agent_process.start(spec) as process:
        lines = [line.text for line in process.lines() if line is not None]
        ended = process.ended
    assert "limits.memory_mb is checked each second" in lines[0]
    if limit == 100:
        assert ended.cause == "killed" and ended.survivors == 0
        assert "together used more memory than limits.memory_mb allows (100 MiB), which is checked each second" in ended.error
    else:
        assert ended.cause == "wall_timeout"


def test_what_processes_share_counts_once(a_spec: ASpec, tmp_path: Path):
    forks = "import os, time\nkept = bytearray(60 * 2**20)\nfor n in range(4):\n  if os.fork() == 0: break\ntime.sleep(60)"
    (tmp_path / "forks.py").write_text(forks)  # five processes, 60 MiB of which are the same pages
    spec = a_spec(argv=[sys.executable, str(tmp_path / "forks.py")], cgroup_parent="none", limits={"memory_mb": 150}, wall_s=4)
    with agent_process.start(spec) as process:
        assert process.ended.cause == "wall_timeout" if list(process.lines()) else False
