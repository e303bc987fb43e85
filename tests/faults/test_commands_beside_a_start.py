"""Commands that a person runs while the first start prepares everything: they wait, or say why not, and never end with a traceback."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import pytest

from tests.faults.harness import ROOT, Running

COMMANDS = (
    ("token", "create", "a"),
    ("manage", "login_link"),
    ("workspace", "list"),
    ("ledger", "check"),
    ("doctor",),
    ("upgrade",),
    ("upgrade", "--check"),
    ("entries", "add", "nothing.md", "--workspace", "none"),
    ("plan", "a goal", "--workspace", "none"),
    ("backup", "{folder}/{n}.tar"),
    ("workspace", "add", "{folder}/none", "--command", "true"),
    ("worker", "drain"),
    ("restore", "{folder}/none.tar"),
    ("manage", "changepassword", "nobody"),
    ("manage", "migrate"),
)
WORKS = ("token", "login_link", "list", "check", "upgrade", "migrate")
"""Words of those that end well once all is prepared."""


@pytest.mark.timeout(300)
def test_no_command_during_a_first_start_ends_with_a_traceback(tmp_path: Path) -> None:
    data = tmp_path / "first" / "data"
    names = cycle(COMMANDS)
    up = Running(data, MUSTER_REPO_ROOTS=str(tmp_path))
    results: list[tuple[tuple[str, ...], subprocess.CompletedProcess[str]]] = []
    try:
        with ThreadPoolExecutor(3) as pool:

            def commands(_: int) -> None:
                while not up.is_ready() or len(results) < len(COMMANDS):
                    name = next(names)
                    results.append((name, _run(up, tmp_path, len(results), name)))

            list(pool.map(commands, range(3)))
    finally:
        up.process.terminate()
        up.process.wait(60)
    for name, done in results:
        printed = done.stdout + done.stderr
        assert "Traceback" not in printed and "locked" not in printed, (name, printed)
        if set(WORKS) & set(name) and "add" not in name:
            assert done.returncode == 0, (name, printed)


def test_without_a_start_its_error_names_the_remedy(tmp_path: Path) -> None:
    env = {"MUSTER_DATA_DIR": str(tmp_path / "data")}
    began = time.monotonic()
    done = _manage(env, "token", "create", "a")
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith(
        "muster: the database is not prepared: start ./muster up"
    )
    assert "Traceback" not in done.stderr and time.monotonic() - began < 60


def _run(up: Running, folder: Path, n: int, name: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
    words = [word.format(folder=folder, n=n) for word in name]
    if words[0] == "worker":
        return _python(up.env, "config.work", *words[1:])
    return _manage(up.env, *(words[1:] if words[0] == "manage" else words))


def _manage(env: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    return _python(env, "manage", *words)


def _python(env: dict[str, str], module: str, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", module, *words]
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin", **env}
    return subprocess.run(command, cwd=ROOT, env=path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200)
