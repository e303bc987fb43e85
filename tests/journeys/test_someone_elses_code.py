"""The main job on a package that others wrote: ten functions broken, ten entries repair them, its own tests pass at the end."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import ROOT, Client, Running, until
from tests.journeys.repairing_agent import replace

PACKAGE = "toolz==1.2.0"
WORKERS = 3
BROKEN: list[tuple[str, str, str, dict[str, Any]]] = [
    ("toolz/itertoolz.py", "interleave", "test_interleave", {}),
    ("toolz/itertoolz.py", "unique", "test_unique", {"twice": True}),
    ("toolz/itertoolz.py", "sliding_window", "test_sliding_window", {}),
    ("toolz/itertoolz.py", "topk", "test_topk", {"after": ["unique"]}),
    ("toolz/dicttoolz.py", "valmap", "test_valmap", {}),
    ("toolz/dicttoolz.py", "keyfilter", "test_keyfilter", {"twice": True}),
    ("toolz/dicttoolz.py", "assoc", "test_assoc and not test_assoc_in", {"after": ["keyfilter"]}),
    ("toolz/functoolz.py", "do", "test_do", {}),
    ("toolz/functoolz.py", "thread_last", "test_thread_last", {"twice": True}),
    ("toolz/recipes.py", "partitionby", "test_partitionby", {"also": ["toolz/itertoolz.py"]}),
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    pip = (
        [sys.executable, "-m", "pip"]
        if subprocess.run([sys.executable, "-m", "pip", "-V"], capture_output=True).returncode == 0
        else ["pip"]
    )
    command = [*pip, "download", "-q", "--no-deps", "--timeout", "20", "-d", str(folder), PACKAGE]
    for _ in range(3):
        try:
            got = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except subprocess.TimeoutExpired:
            continue
        if got.returncode == 0:
            break
    if not list(folder.glob("*.whl")):
        pytest.skip("the package index does not answer")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "original")
    return folder / "original"


def _repository(original: Path, path: Path) -> None:
    shutil.copytree(original, path)
    for file, name, _, _ in BROKEN:
        replace(path / file, name, [f'    raise NotImplementedError("{name}")'])
    (path / ".gitignore").write_text("__pycache__/\n*.pyc\n.pytest_cache/\njunit.xml\n")
    git = ["git", "-C", str(path), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "broken"]):
        subprocess.run([*git, *command], check=True)


def _entry(file: str, name: str, tests: str, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "ref": name,
        "content": f"Repair {file}:{name}{' (twice)' if more.get('twice') else ''}",
        "spec": {"files_to_modify": [file, *more.get("also", [])], "acceptance_criteria": [tests]},
        "depends_on": more.get("after", []),
        "budget_usd": 1,
    }


def _suite(folder: Path, *args: str) -> int:
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "toolz/tests", *args]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "PYTEST", "MUSTER"))}
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True).returncode


@pytest.mark.timeout(400)
def test_ten_entries_repair_a_package_and_its_own_tests_pass(
    package: Path, start: Callable[..., Running], tmp_path: Path
) -> None:
    repo, notes = tmp_path / "repo", tmp_path / "notes"
    notes.mkdir()
    _repository(package, repo)
    assert _suite(repo) == 1, "it must be broken to begin with"
    client = Client(start(MUSTER_REPO_ROOTS=str(tmp_path), MUSTER_TICK_S="1"))
    agent = [sys.executable, str(ROOT / "tests/journeys/repairing_agent.py"), str(package), str(notes)]
    judge = f"{sys.executable} -B -m pytest -q -p no:cacheprovider --rootdir . --junitxml junit.xml toolz/tests -k \"$(python3 -c \"import json,os;print(json.load(open(os.environ['MUSTER_SPEC_FILE']))['spec']['acceptance_criteria'][0])\")\""
    config = {
        "max_workers": WORKERS,
        "agent": {"command": agent},
        "verify": [{"name": "its tests", "run": judge, "junit": "junit.xml"}],
        "round_ceiling_usd": 0.25,
    }
    created = {"name": "toolz", "repo": str(repo), "total_budget_usd": 20, "max_project_spend_usd": 20, "config": config}
    orchestration = f"/workspaces/{client.call('POST', '/workspaces', created)['id']}/orchestration"
    client.call("POST", f"{orchestration}/todo/entries", {"entries": [_entry(*row) for row in BROKEN]})
    client.call("POST", f"{orchestration}/executor/start")

    def done() -> bool:
        entries = client.call("GET", f"{orchestration}/todo")["entries"]
        assert not [e for e in entries if e["status"] in ("failed", "blocked")], entries
        return all(entry["status"] == "done" for entry in entries)

    took = until(done, 240, every=0.5)
    merged = tmp_path / "merged"
    subprocess.run(["git", "clone", "-q", "-b", "muster/integration", str(repo), str(merged)], check=True)
    assert _suite(merged) == 0
    assert subprocess.run(["git", "-C", str(repo), "status", "--porcelain"], capture_output=True).stdout == b""

    entries = {e["content"].split(":")[1]: e for e in client.call("GET", f"{orchestration}/todo")["entries"]}
    rounds = {name: entry["rounds_completed"] for name, entry in entries.items()}
    assert all(created == (2 if "(twice)" in name else 1) for name, created in rounds.items()), rounds
    budget = client.call("GET", f"{orchestration}/budget")
    assert budget["global"]["entries_spent_usd"] == pytest.approx(sum(e["spent_usd"] for e in budget["entries"]), abs=1e-9)

    lives = [json.loads(line) for line in (notes / "lived").read_text().splitlines()]
    for target, other in combinations(lives, 2):
        if set(target["files"]) & set(other["files"]):
            assert target["ended"] <= other["began"] or other["ended"] <= target["began"], (target, other)
    moments = sorted([(life["began"], 1) for life in lives] + [(life["ended"], -1) for life in lives])
    at_once = [sum(change for _, change in moments[: n + 1]) for n in range(len(moments))]
    assert max(at_once) <= WORKERS
    print(f"{len(lives)} rounds in {took:.0f} s, at most {max(at_once)} at once")
