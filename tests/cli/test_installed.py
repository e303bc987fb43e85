"""The package as people get it: built from its folder alone, installed where no checkout is, against a real Muster."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.package import CLI
from tests.faults.conftest import data, start
from tests.faults.harness import Client, Running, until
from tests.faults.shop import Shop
from tests.faults.test_kills import QUICK

__all__ = ["data", "start"]
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")
LINES = 100_000
AGENT = f"seq {LINES}; echo done > ok"


def run(*command: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DJANGO_SETTINGS_MODULE")} | environ
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, env=env, cwd="/")


def checked(*command: str | Path) -> str:
    done = run(*command)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    copied = shutil.ignore_patterns("muster_client", "__pycache__", "dist")
    shutil.copytree(CLI, folder / "cli", ignore=copied)
    checked(sys.executable, "-m", "venv", folder / "venv")
    checked(folder / "venv/bin/pip", "wheel", "-q", "--no-deps", "-w", folder / "dist", folder / "cli")
    (built,) = (folder / "dist").iterdir()
    return built


@pytest.fixture
def program(wheel: Path, tmp_path: Path) -> Path:
    return installed(wheel, sys.executable, tmp_path / "venv")


def installed(wheel: Path, python: str, venv: Path) -> Path:
    checked(python, "-m", "venv", venv)
    checked(venv / "bin/pip", "install", "-q", wheel)
    return venv / "bin/muster"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("python", PYTHONS)
def test_it_starts_with_every_python_of_this_machine(wheel: Path, python: str, tmp_path: Path) -> None:
    if not shutil.which(python) or run(python, "-c", "import venv, ensurepip").returncode != 0:
        return  # not on this machine: most have one or two
    program = installed(wheel, python, tmp_path / "venv")
    assert checked(program, "--version").startswith("muster-cli ")
    check = "import muster_client.api.executor.executor_start, muster_client.models as m; m.EntryOut"
    checked(program.parent / "python", "-c", check)
    assert "django" not in checked(program.parent / "pip", "list").lower()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_from_a_login_to_work_that_has_landed(program: Path, start: Callable[..., Running], tmp_path: Path) -> None:
    client = Client(start(**QUICK, MUSTER_REPO_ROOTS=str(tmp_path)))
    work = Shop(
        client,
        tmp_path / "shop",
        agent={"command": ["sh", "-c", AGENT]},
        approve={"mode": "always"},
        log_limit_bytes=50_000_000,
    )
    environ = {"MUSTER_CONFIG": str(tmp_path / "config.toml")}

    def muster(*arguments: str, code: int = 0) -> str:
        done = run(program, *arguments, **environ)
        assert done.returncode == code, f"{arguments}: {done.returncode} {done.stdout}{done.stderr}"
        return done.stdout

    muster("status", code=4)
    url = f"http://127.0.0.1:{client.up.port}"
    login = subprocess.run(
        [program, "login", url, "--with-token"], input=client.up.token(), text=True, capture_output=True, env=os.environ | environ
    )
    assert login.returncode == 0, login.stderr
    assert json.loads(muster("add", "Write it", "--budget", "3", "--json", "seq")) == [{"seq": 1}]
    with open(tmp_path / "followed", "w") as out:
        follow = subprocess.Popen([program, "logs", "1", "-f"], stdout=out, stderr=subprocess.PIPE, env=os.environ | environ)
    until(lambda: json.loads(muster("approve", "--json", "seq")) == [{"seq": 1}], 60, every=0.3)
    assert "waits for approval" in muster("status")
    assert "passed" in muster("diff", "1", "--rounds") and "\n+done\n" in muster("diff", "1")
    muster("approve", "1", "--yes")
    until(lambda: json.loads(muster("entries", "1", "--json", "status"))["status"] == "done", 60, every=0.3)
    assert follow.wait(60) == 0, follow.stderr and follow.stderr.read()
    numbers = [line for line in (tmp_path / "followed").read_text().splitlines() if line.isdigit()]
    assert numbers == [str(number) for number in range(1, LINES + 1)]
    assert work.merged("ok") == "done"
    muster("budget", "--cap", "40")
    muster("stop")
    muster("entries", "9", code=1)
    muster("nonsense", code=2)

    pipe = f"'{program}' logs 1 | head -n 1; echo ${{PIPESTATUS[0]}}"
    piped = run("bash", "-c", pipe, **environ)
    headings = [line.startswith("-- ") for line in piped.stderr.splitlines()]
    assert piped.stdout.splitlines()[-1] == "141" and all(headings), piped
    muster("add", "Never done")
    watching = subprocess.Popen(
        [program, "entries", "--watch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | environ
    )
    assert watching.stdout and watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    assert watching.communicate(timeout=30)[1] == b"" and watching.returncode == 130


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_server_has_the_commands_itself(start: Callable[..., Running], tmp_path: Path) -> None:
    up = start(**QUICK, MUSTER_REPO_ROOTS=str(tmp_path))
    Shop(Client(up), tmp_path / "shop")
    here = (CLI.parent / "muster", "--data-dir", up.data)
    assert json.loads(checked(*here, "add", "Write it", "--json", "seq")) == [{"seq": 1}]
    assert "Write it" in checked(*here, "entries")
    tokens = up.muster(
        "shell", "-v0", "-c", "from workspaces.models import ApiToken; print(*ApiToken.objects.values_list('name', flat=True))"
    )
    assert tokens.count("./muster on this host") == 1
    done = run(*here, "nonsense")
    assert done.returncode == 2 and "there is no command 'nonsense'" in done.stderr
