import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from orchestration.processes import leftovers
from orchestration.processes.shim import procfs


@contextmanager
def a_process(marker: str = "", script: str = "sleep 60") -> Iterator[subprocess.Popen]:
    with subprocess.Popen(["sh", "-c", script], env={"MUSTER_SESSION_MARKER": marker, "PATH": os.environ["PATH"]}) as process:
        # Until the exec the child still has this process's environment.
        while marker and process.pid not in leftovers.marked_pids(marker):
            time.sleep(0.005)
        yield process
        process.kill()


def test_a_process_is_identified_by_pid_start_and_boot():
    with a_process() as process:
        identity = leftovers.identity(process.pid)
        assert identity and leftovers.is_alive(identity)
        assert not leftovers.is_alive(replace(identity, starttime=identity.starttime - 1)), "the pid is used again"
        assert not leftovers.is_alive(replace(identity, boot_id="another boot"))
    assert not leftovers.is_alive(identity)


def test_a_zombie_is_not_alive():
    with a_process(script="exit 0") as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert leftovers.identity(process.pid) is None


def test_a_reused_pid_is_not_signalled():
    with a_process() as process:
        seen = procfs.read_process(process.pid)
        assert seen
        assert not procfs.send_signal(seen._replace(started=seen.started - 1), 9)
        assert process.poll() is None


def test_only_the_exact_marker_is_ended(marker: str):
    with a_process(marker + "0") as other, a_process(marker) as ours:
        assert ours.pid in leftovers.marked_pids(marker)
        assert other.pid not in leftovers.marked_pids(marker)
        assert leftovers.end_marked(marker) == 0
        assert ours.wait() != 0
        assert other.poll() is None


def test_a_git_of_a_dead_worker_is_left_to_finish_unless_it_hangs(marker: str):
    environment = {procfs.GIT_VARIABLE: marker, "PATH": os.environ["PATH"]}
    with subprocess.Popen(["sleep", "60"], env=environment) as process:
        while not leftovers.end_stale_gits(marker, after_s=60):
            time.sleep(0.005)
        assert process.poll() is None and leftovers.marked_pids(marker) == []
        leftovers.end_stale_gits(marker, after_s=0)
        assert process.wait(5) == -signal.SIGTERM
        assert leftovers.end_stale_gits(marker, after_s=0) == 0


def test_it_sends_term_before_kill_when_there_is_grace(marker: str, tmp_path: Path):
    with a_process(marker, script=f"trap ': > {tmp_path}/asked; exit' TERM; : > {tmp_path}/ready; while :; do sleep 0.05; done"):
        while not (tmp_path / "ready").exists():
            time.sleep(0.01)
        assert leftovers.end_marked(marker, grace_s=5) == 0
    assert (tmp_path / "asked").exists()


def test_a_marker_without_processes_ends_at_once(marker: str):
    assert leftovers.end_marked(marker) == 0
    assert leftovers.marked_pids(marker) == []


def test_a_status_that_is_missing_or_broken_is_none(tmp_path: Path):
    broken = tmp_path / "status"
    broken.write_text('{"cause": "exi')
    assert leftovers.read_status(broken) is None
    assert leftovers.read_status(tmp_path / "missing") is None


def test_a_journal_line_cut_by_death_is_left_out(tmp_path: Path):
    journal = tmp_path / "journal"
    journal.write_bytes(b'one\nt\x00w\xffo\n{"type": "usa')
    assert list(leftovers.read_journal(journal)) == ["one", "tw\\xffo"]
    assert list(leftovers.read_journal(tmp_path / "missing")) == []
