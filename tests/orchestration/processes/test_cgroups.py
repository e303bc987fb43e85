"""Control groups end a tree in one write where the system has them; elsewhere a stop works without them.

The fake hierarchy is a folder with the kernel's files, played by a thread. The last tests use the real kernel, where permitted.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestration.processes import agent_process, leftovers
from orchestration.processes.agent_process import Spec
from orchestration.processes.shim import cgroup_limits, cgroups, procfs
from orchestration.processes.shim.cgroups import Cgroup
from tests.orchestration.processes.test_agent_process import wait_for

ASpec = Callable[..., Spec]


class Kernel:
    """Plays cgroup v2 for one group in a folder: records who enters, and a kill empties it after a moment."""

    def __init__(self, root: Path, marker: str) -> None:
        self.group = root / f"muster-{marker}"
        self.group.mkdir()
        (self.group / "cgroup.procs").touch()
        (self.group / "cgroup.kill").touch()
        self.set_populated(populated=True)
        self.kills = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def set_populated(self, *, populated: bool) -> None:
        (self.group / "cgroup.events").write_text(f"populated {int(populated)}\nfrozen 0\n")

    @property
    def entered(self) -> str:
        return (self.group / "cgroup.procs").read_text()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _play(self) -> None:
        while not self._over.wait(0.005):
            if (self.group / "cgroup.kill").read_text():
                self.kills += 1
                time.sleep(0.1)
                self.set_populated(populated=False)
                return


@pytest.fixture
def kernel(tmp_path: Path, marker: str) -> Iterator[Kernel]:
    root = tmp_path / "cgroup"
    root.mkdir()
    kernel = Kernel(root, marker)
    yield kernel
    kernel.end()


def test_the_agent_enters_before_its_first_step_and_the_kill_waits_for_empty(a_spec: ASpec, kernel: Kernel):
    """The agent is long dead while the group still reports a living process: the end waits for that."""
    spec = a_spec("ignore_term", "sleep", grace_s=0.2, cgroup_parent=str(kernel.group.parent))
    with agent_process.start(spec) as process:
        wait_for(process, "sleeping")
        assert kernel.entered == "0"
        process.stop()
        ended = process.ended
    assert kernel.kills == 1
    assert (ended.cause, ended.survivors) == ("killed", 0)
    assert ended.kill_seconds >= 0.3


def test_a_group_that_never_gets_empty_counts_as_a_survivor(a_spec: ASpec, kernel: Kernel):
    kernel.end()  # no thread plays the kernel: the kill has no effect
    spec = a_spec("hello", cgroup_parent=str(kernel.group.parent))
    with agent_process.start(spec) as process:
        assert process.ended.survivors == 1


def test_the_reaper_ends_the_group_that_a_dead_session_left(kernel: Kernel, marker: str):
    assert leftovers.end_marked(marker, cgroup_parent=str(kernel.group.parent)) == 0
    assert kernel.kills == 1


def test_a_folder_that_is_no_control_group_is_left_as_it_was(a_spec: ASpec, tmp_path: Path, marker: str):
    parent = tmp_path / "plain"
    parent.mkdir()
    assert cgroups.create(marker, str(parent)) is None
    assert list(parent.iterdir()) == []
    with agent_process.start(a_spec("hello", cgroup_parent=str(parent))) as process:
        assert process.ended.exit_code == 0


@pytest.mark.parametrize("parent", ["none", "/nowhere/at/all", "/proc"])
def test_a_stop_works_without_groups(a_spec: ASpec, parent: str):
    with agent_process.start(a_spec("setsid", "sleep", cgroup_parent=parent)) as process:
        daemon = int(wait_for(process, "daemon").split()[1])
        process.stop()
        assert process.ended.survivors == 0
    assert leftovers.identity(daemon) is None
    assert not Path("/nowhere").exists()


@pytest.mark.parametrize("marker_of_evil", ["", "../../escape", "a/b", "nul\0"])
def test_a_marker_that_is_no_name_gets_no_group(tmp_path: Path, marker_of_evil: str):
    assert cgroups.create(marker_of_evil, str(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_the_workers_own_group_is_found_by_mount_and_path(monkeypatch):
    files = {
        "/proc/self/mountinfo": ["30 1 0:1 / / rw - ext4 d rw", "41 31 0:38 /a /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw"],
        "/proc/self/cgroup": ["1:cpu:/", "0::/a/b/c.scope"],
    }
    monkeypatch.setattr(cgroup_limits, "lines", files.__getitem__)
    assert cgroups.own_folder() == "/sys/fs/cgroup/b/c.scope"
    files["/proc/self/cgroup"] = ["0::/elsewhere"]
    assert cgroups.own_folder() is None
    files["/proc/self/mountinfo"] = []
    assert cgroups.own_folder() is None


# The real kernel.


@pytest.fixture
def real(marker: str) -> Iterator[Cgroup]:
    """This session's group, if this machine and this user may have one."""
    group = cgroups.create(marker)
    if group is None:
        pytest.skip("no writable cgroup v2 here")
    group.remove()
    yield group
    assert not os.path.exists(group.folder)


def test_really_the_agent_lives_in_its_group_and_the_group_goes_with_it(a_spec: ASpec, real: Cgroup):
    with agent_process.start(a_spec("setsid", "sleep", cgroup_parent="")) as process:
        daemon = int(wait_for(process, "daemon").split()[1])
        inside = Path(real.folder, "cgroup.procs").read_text().split()
        assert str(daemon) in inside and str(process.identity.pid) not in inside
        process.stop()
        assert process.ended.survivors == 0
    assert not os.path.exists(real.folder)


def test_really_a_fork_storm_that_ignores_term_is_ended(a_spec: ASpec, real: Cgroup):
    with agent_process.start(a_spec("ignore_term", "storm", grace_s=0.2, cgroup_parent="")) as process:
        wait_for(process, "storming")
        process.stop()
        assert process.ended.survivors == 0
        assert process.ended.kill_seconds < 3


def test_really_the_reaper_finds_the_group_after_worker_and_shim_died(a_spec: ASpec, real: Cgroup, marker: str):
    """Only the group knows this process: no marker in its environment, and its subreaper is dead."""
    with agent_process.start(a_spec("scrub", cgroup_parent="")) as process:
        bare = int(wait_for(process, "bare").split()[1])
        os.kill(process.identity.pid, signal.SIGKILL)
        ended = process.ended
    assert (ended.complete, ended.survivors) == (False, 0)
    assert procfs.read_process(bare) is None
    assert leftovers.marked_pids(marker) == []
