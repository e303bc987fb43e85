"""`python -m bench copies [--entries 8] [--slots 4] [--light] [--shared] [--two] [--code DIR]`: agents at work on one web application.

Each agent and each judgement runs its tests, which need PostgreSQL and Redis, and a browser on port 3000. Printed: the entries that are done,
with how many sessions and rounds; one of each is what honest work costs. `--light`: SQLite, Redis and port 3000, without a browser.
`--shared`: what one does without services, with one PostgreSQL and one Redis for all on the host, and a setup that copies `.env`.
`--two`: on two hosts of half the slots, which share no disk. `--code`: another checkout of Muster.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.hosts.run import machines
from tests.faults.harness import ROOT, Client, Running, until

HERE = Path(__file__).parent
DATABASE = {
    "name": "db",
    "run": "PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin | tail -n 1); exec postgres -D $MUSTER_SERVICE_DIR -k $TMPDIR",
    "ready": "pg_isready -q -h 127.0.0.1",
    "prepare": {
        "run": "PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin | tail -n 1); initdb -D $MUSTER_SERVICE_DIR -U postgres -A trust --no-sync"
    },
}
CACHE = {
    "name": "cache",
    "run": "exec redis-server --dir $MUSTER_SERVICE_DIR --save ''",
    "ready": "redis-cli ping | grep -q PONG",
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench copies", description=__doc__)
    parser.add_argument("--entries", type=int, default=8)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=15, help="then it gives up")
    parser.add_argument("--light", action="store_true")
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--two", action="store_true")
    parser.add_argument("--code", type=Path, default=ROOT)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="muster-copies-") as folder:
        return measure(Path(folder), chosen)


def measure(folder: Path, chosen: argparse.Namespace) -> int:
    """0 if each entry is done with one session and one round."""
    folder.chmod(0o755)  # services and agents of others' ids read it
    with _muster(folder, chosen) as (running, repositories), _servers(folder, chosen):
        begun = time.monotonic()
        rows = _work(repositories, Client(running), chosen)
        return _print(rows, time.monotonic() - begun)


@contextmanager
def _muster(folder: Path, chosen: argparse.Namespace) -> Iterator[tuple[Running, Path]]:
    """A Muster that is ready, and the folder of its repositories."""
    os.environ["MUSTER_SANDBOX"] = "auto"
    if chosen.two:
        slots = {"one": chosen.slots // 2, "two": chosen.slots // 2}
        with machines(folder, slots, lambda machine, place: None) as site:
            yield site
        return
    slots_here = str(chosen.slots)
    running = Running(folder / "muster/data", code=chosen.code, MUSTER_REPO_ROOTS=str(folder), MUSTER_SESSION_SLOTS=slots_here)
    try:
        until(running.is_ready, 120)
        yield running, folder
    finally:
        running.process.terminate()
        running.process.wait(60)


@contextmanager
def _servers(folder: Path, chosen: argparse.Namespace) -> Iterator[None]:
    """With `--shared`: the host's own database and Redis, as people start them once."""
    if not chosen.shared:
        yield
        return
    data = folder / "shared"
    data.mkdir()
    shutil.chown(data, "nobody", "nogroup")
    started = []
    for service in [CACHE] if chosen.light else [DATABASE, CACHE]:
        place = data / str(service["name"])
        place.mkdir()
        shutil.chown(place, "nobody", "nogroup")
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "MUSTER_SERVICE_DIR": str(place),
            "TMPDIR": str(place),
            "LC_ALL": "C.UTF-8",
        }
        as_user: dict[str, Any] = {"user": "nobody", "group": "nogroup", "env": env, "cwd": place}
        if prepare := service.get("prepare"):
            subprocess.run(["sh", "-c", prepare["run"]], check=True, stdout=subprocess.DEVNULL, **as_user)  # type: ignore[index]
        log = (folder / f"{service['name']}.log").open("wb")
        started.append(subprocess.Popen(["sh", "-c", str(service["run"])], stdout=log, stderr=log, **as_user))
        until(lambda ready=service["ready"]: subprocess.run(["sh", "-c", str(ready)], check=False).returncode == 0, 60, every=0.2)
    yield
    for server in started:
        server.terminate()
        server.wait(30)


def _work(folder: Path, client: Client, chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of the sessions, after each entry has ended or the time is over."""
    env = "SECRET_KEY=a-key-of-the-bench\nREDIS_URL=redis://127.0.0.1:6379/0\n"
    env += "DATABASE_URL=sqlite:\n" if chosen.light else "DATABASE_URL=postgresql://postgres@127.0.0.1/postgres\n"
    (folder / "dotenv").write_text(env)
    python = sys.executable
    config: dict[str, Any] = {
        "agent": {"command": ["sh", str(HERE / "agent.sh"), python]},
        "env": {"PYTHON": python, "PYTHONDONTWRITEBYTECODE": "1"},
        "setup": ["$PYTHON manage.py migrate -v0"],
        "verify": [
            {"name": "tests", "run": "$PYTHON manage.py test --noinput"},
            {"name": "browser", "run": f"$PYTHON browse.py {'--plain' if chosen.light else ''}"},
        ],
        "max_workers": chosen.slots,
        "round_ceiling_usd": 1,
        "sandbox": {"read": [sys.prefix, str(HERE), str(folder / "dotenv")]},
    }
    if chosen.shared:
        config["setup"] = [f"cp {folder}/dotenv .env", *config["setup"]]
        config["sandbox"]["network"] = "open"
    else:
        config["sandbox"]["network"] = "private"  # the default, once hosts have reported that it works
        config["services"] = [CACHE] if chosen.light else [DATABASE, CACHE]
    money = {"total_budget_usd": 1000, "max_project_spend_usd": 1000}
    body = {"name": "Copies", "repo": str(_repository(folder / "repo")), "config": config, **money}
    workspace = client.call("POST", "/workspaces", body)
    path = f"/workspaces/{workspace['id']}/orchestration"
    if not chosen.shared:
        client.call("PUT", f"{path}/files/.env", {"content": env})
    bodies = [{"content": f"Add page {n}", "budget_usd": 10} for n in range(chosen.entries)]
    client.call("POST", f"{path}/todo/entries", {"entries": bodies})
    client.call("POST", f"{path}/executor/start")

    def entries() -> list[dict[str, Any]]:
        return list(client.call("GET", f"{path}/todo")["entries"])

    end = time.monotonic() + chosen.minutes * 60
    until(lambda: time.monotonic() > end or all(e["status"] in ("done", "failed", "blocked") for e in entries()), 4000, every=0.5)
    return [{**entry, "rounds": client.call("GET", f"{path}/todo/entries/{entry['id']}/rounds")["rounds"]} for entry in entries()]


def _repository(path: Path) -> Path:
    shutil.copytree(HERE / "application", path, ignore=shutil.ignore_patterns("__pycache__"))
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-C", str(path)]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "begin"]):
        subprocess.run([*git, *command], check=True)
    return path


def _print(rows: list[dict[str, Any]], seconds: float) -> int:
    honest = 0
    for row in rows:
        sessions, rounds = len(row["session_ids"]), len(row["rounds"])
        honest += (row["status"], sessions, rounds) == ("done", 1, 1)
        findings = [line for each in row["rounds"] for line in each.get("findings", [])]
        print(f"{row['status']:12} {sessions:3} sessions {rounds:3} rounds  {json.dumps(findings)[:300] if findings else ''}")
    print(
        f"{dict(Counter(row['status'] for row in rows))}, {honest} of {len(rows)} with one session and one round, {seconds:.0f} s"
    )
    return 0 if honest == len(rows) else 1
