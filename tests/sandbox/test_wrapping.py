"""Git that reads what an agent wrote runs where it can read that, and nothing else."""

import subprocess
from pathlib import Path

import pytest

from orchestration import configuration
from orchestration.sessions.sandbox import Decision, Sandboxes
from tests.orchestration.git.repositories import a_repository
from workspaces.models import Workspace

pytestmark = pytest.mark.needs_namespaces


def wrapped(*argv: str, readable: list[Path], confined: bool = True) -> subprocess.CompletedProcess[str]:
    sandboxes = Sandboxes(configuration.load({}), Workspace(pk="wksp_own", repo="/nowhere"), Decision(confined), "7")
    return subprocess.run(sandboxes.wrap(argv, readable=readable), capture_output=True, text=True)


@pytest.mark.parametrize("confined", [True, False])
def test_git_reads_what_it_may(tmp_path: Path, confined: bool) -> None:
    repo = a_repository(tmp_path / "repo", README="hello\n")
    done = wrapped("git", "-C", str(repo), "log", "--format=%s", readable=[repo], confined=confined)
    assert (done.returncode, bool(done.stdout)) == (0, True), done.stderr


def test_its_exit_code_is_the_commands(tmp_path: Path) -> None:
    assert wrapped("sh", "-c", "exit 7", readable=[]).returncode == 7


def test_it_writes_nowhere_and_has_no_network(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    script = f"echo x > {tmp_path}/file; echo x > /tmp/x; echo x > /x; ls {tmp_path.parent} | wc -l; wc -l < /proc/net/route"
    done = wrapped("sh", "-c", script, readable=[tmp_path / "file"])
    assert done.stderr.count("Read-only file system") + done.stderr.count("Directory nonexistent") == 3, done.stderr
    assert (tmp_path / "file").read_text() == ""
    assert done.stdout.split() == ["1", "1"], "its own folder on the way to the file; a table without a route"
