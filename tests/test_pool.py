"""A run of several processes: whole files, and what is alone at the end, with no other test beside it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins import pool

ROOT = Path(__file__).resolve().parents[1]
MODULE = """
import os, pathlib, pytest, time

def log(word):
    with open("log", "a") as file:
        file.write(f"{word} {os.environ['PYTEST_XDIST_WORKER']} {os.environ['PYTEST_CURRENT_TEST'].split()[0]}\\n")

@pytest.fixture(autouse=True)
def _logged():
    log("began")
    time.sleep(0.02)
    yield
    log("ended")

@pytest.mark.alone
def test_alone(): pass

@pytest.mark.parametrize("n", range(3))
def test_beside(n): pass
"""


@pytest.fixture(params=["loadfile", "worksteal"])
def log(tmp_path: Path, request: pytest.FixtureRequest) -> list[list[str]]:
    """The log of four files of tests: began or ended, in which process, and which test."""
    for name in "abcd":
        (tmp_path / f"test_{name}.py").write_text(MODULE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = alone: alone\n")
    options = ["-p", "no:django", "-p", "no:schemathesis", "-p", "tests.plugins.pool", "-n", "3", "--dist", request.param]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    env |= {"PYTHONPATH": str(ROOT), "MUSTER_TEST_TURN": str(tmp_path / "turn")}
    done = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.split() for line in (tmp_path / "log").read_text().splitlines()]


def test_no_other_test_runs_while_one_is_alone(log: list[list[str]]) -> None:
    assert len(log) == 2 * 4 * 4
    for n, (word, _, test) in enumerate(log):
        if word == "began" and test.endswith("test_alone"):
            assert log[n + 1][0] == "ended" and log[n + 1][2] == test
            running = sum(1 if earlier[0] == "began" else -1 for earlier in log[:n])
            assert running == 0


@pytest.mark.parametrize("log", ["loadfile"], indirect=True)
def test_the_tests_of_a_file_run_in_one_process(log: list[list[str]]) -> None:
    processes = {(test.split("::")[0], worker) for _, worker, test in log if "test_beside" in test}
    assert len(processes) == 4
    assert len({worker for _, worker, test in log if "test_alone" in test}) == 1


def test_a_file_is_given_out_as_a_whole_and_what_is_alone_of_all_files_too() -> None:
    ids = [
        "tests/hosts/test_a.py::one",
        "tests/hosts/test_b.py::two",
        "tests/faults/test_c.py::three",
        "tests/hosts/test_a.py::four",
        "tests/faults/test_c.py::five",
    ]
    units = pool._units(ids, frozenset(ids[3:]))
    assert units[ids[0]] == units[ids[1]] and units[ids[3]] == units[ids[4]]
    assert len(set(units.values())) == 3


def test_every_file_that_is_named_as_long_exists() -> None:
    assert [name for name in pool.LONGEST if not (ROOT / "tests" / name).exists()] == []
