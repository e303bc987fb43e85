"""Each attack of a hostile agent is refused, or has no effect outside of its sandbox."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration import configuration
from orchestration.processes import agent_process, leftovers
from orchestration.processes.agent_process import Spec
from orchestration.sessions.sandbox import Decision, Sandboxes
from tests.plugins import namespaces
from workspaces.models import Workspace

pytestmark = pytest.mark.needs_namespaces
HOSTILE = Path(__file__).with_name("hostile.py")
FILE_MB, PROCESSES = 1, 40
LEFT_BEHIND = f"86399{os.getpid()}"  # seconds
MARKER = f"hostile-{os.getpid()}"  # several of them run at a time


class Host:
    """A host with everything that an agent might look for: a data directory, repositories, a home, other sessions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown = folder / "shown"  # named in sandbox.read; the data directory and a repository lie in it
        self.data = self.shown / "data"
        self.home, self.tools = folder / "home", folder / "home/tools/bin"
        self.repo, self.other_repo = folder / "repo", self.shown / "other-repo"
        for name in ("sessions/other", "sessions/own", "homes/other/claude", "worktrees/own", "worktrees/other/src", "scratch"):
            (self.data / name).mkdir(parents=True)
        for path, text in {
            self.data / "muster.sqlite3": "SQLite format 3",
            self.data / "secret_key": "the secret",
            self.data / "sessions/own/prompt.md": "Do it",
            self.data / "sessions/own/journal": "",
            self.home / ".bashrc": "mine\n",
            self.home / ".ssh/id_ed25519": "a key",
            self.tools / "agent": "#!/bin/sh\n",
            self.repo / ".git/hooks/pre-commit": "#!/bin/sh\n",
            self.other_repo / "secret.py": "",
        }.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.shared_memory = Path("/dev/shm") / f"muster-{os.getpid()}"
        self.shared_memory.write_text("of the host")
        self.valkey = socket.socket(socket.AF_UNIX)
        self.socket = Path(tempfile.mkdtemp(prefix="muster-", dir="/tmp")) / "valkey.sock"
        self.valkey.bind(str(self.socket))
        self.valkey.listen()

    def facts(self, victim: int, shim: int) -> dict[str, Any]:
        return {
            "data": str(self.data), "data_below_shown": str(self.data), "other_repo": str(self.other_repo), "home": str(self.home),
            "repo": str(self.repo), "victim": victim, "shim": shim, "marker": "victim-86398", "valkey": str(self.socket),
            "program": str(self.tools / "agent"), "readable": str(self.shown), "prompt": str(self.data / "sessions/own/prompt.md"),
            "file_limit": FILE_MB * 2**20, "process_limit": PROCESSES,
            "left_behind": LEFT_BEHIND,
            "shared_memory": str(self.shared_memory),
        }  # fmt: skip


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    return Host(tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="module")
def results(host: Host) -> Iterator[dict[str, dict[str, Any]]]:
    """The results of the hostile agent, by attack: all in one sandbox, beside another session."""
    if namespaces.missing():
        pytest.skip(f"no namespaces: {namespaces.missing()}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.DATA_DIR", host.data)
        patch.setenv("HOME", str(host.home))
        config = configuration.load(
            {
                "agent": {"command": f"{sys.executable} {HOSTILE} {host.folder}/facts.json; {host.tools}/agent"},
                "sandbox": {"read": [str(host.shown)]},
                "limits": {"write_mb": FILE_MB, "processes": PROCESSES},
            }
        )
        sandboxes = Sandboxes(config, Workspace(pk="wksp_own", repo=str(host.repo)), Decision(True), "7")
        sandboxes.__dict__["_hidden"] = {str(host.data), str(host.other_repo)}  # as found in the database
        victim = subprocess.Popen(["sh", "-c", "sleep 86398; : victim-86398"], stdout=subprocess.PIPE, start_new_session=True)
        (host.folder / "facts.json").write_text(json.dumps(host.facts(victim.pid, os.getpid())))
        try:
            yield _run(host, sandboxes)
            assert victim.poll() is None, "another session was ended"
        finally:
            host.shared_memory.unlink()
            os.killpg(victim.pid, 9)
            victim.wait()


def _run(host: Host, sandboxes: Sandboxes) -> dict[str, dict[str, Any]]:
    work = host.data / "worktrees/own"
    prompt = host.data / "sessions/own/prompt.md"
    env = {"PATH": os.environ["PATH"], "HOME": str(host.home)}
    started = sandboxes.start(work, env, scratch=host.data / "scratch", files=[prompt])
    spec = Spec(
        argv=[sys.executable, str(HOSTILE), f"{host.folder}/facts.json"],
        cwd=str(work),
        env=started.env,
        marker=MARKER,
        status_path=str(host.data / "sessions/own/status.json"),
        journal_path=str(host.data / "sessions/own/journal"),
        wall_s=60,
        sandbox=started.sandbox,
    )
    with agent_process.start(spec) as process:
        lines = [line.text for line in process.lines() if line]
        assert (process.ended.cause, process.ended.exit_code, process.ended.survivors) == ("exited", 0, 0), lines
    return {result["attack"]: result for line in lines if line.startswith("{") and (result := json.loads(line))}


def attacks() -> list[str]:
    text = HOSTILE.read_text().split("@attack\ndef ")[1:]
    return [part.partition("(")[0] for part in text]


@pytest.mark.parametrize("attack", attacks())
def test_it_cannot(results: dict[str, dict[str, Any]], attack: str) -> None:
    assert not results[attack]["got"], results[attack]


def test_the_users_home_is_as_before(results: object, host: Host) -> None:
    assert (host.home / ".bashrc").read_text() == "mine\n"
    assert "evil" in (host.data / "scratch/home/.bashrc").read_text(), "it has a home of its own"


def test_nothing_of_it_lives_on(results: object) -> None:
    assert leftovers.marked_pids(MARKER) == []
    commands = [Path("/proc", pid, "cmdline") for pid in os.listdir("/proc") if pid.isdigit()]
    assert not [path for path in commands if path.exists() and LEFT_BEHIND.encode() in path.read_bytes()]


def test_the_repository_and_programs_are_as_before(results: object, host: Host) -> None:
    assert os.listdir(host.repo / ".git/hooks") == ["pre-commit"]
    assert (host.tools / "agent").read_text() == "#!/bin/sh\n"
    assert not Path("/usr/bin/muster-was-here").exists()
