"""A backup of a Muster under load, restored where nothing is left of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.shop import Shop
from tests.plugins.throwaway import postgresql_program, servers

QUICK = {"MUSTER_LEASE_S": "3", "MUSTER_LEASE_GRACE_S": "1", "MUSTER_TICK_S": "1", "MUSTER_SESSION_SLOTS": "4"}
ENTRIES = range(8)
WAITING = 3  # the last ones wait in their second round until the backup is restored
THREE_ROUNDS = ("1| write part-{n} one", "2| do {gate}", "2,3| write part-{n} two", "3| write ok-{n} yes", "spend 0.25")
CHECK = [{"name": "all", "run": "for f in part-*; do test -f ok-${f#part-} || exit 1; done"}]


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """The settings of the database that is saved, and of an empty one of the same kind."""
    if request.param == "sqlite":
        yield {}, {}
        return
    programs = f"{Path(postgresql_program('pg_dump')).parent}:{os.environ['PATH']}"
    with servers("postgresql") as urls:
        url = urls["DATABASE_URL"]
        subprocess.run([postgresql_program("psql"), "-q", url, "-c", "CREATE DATABASE empty"], check=True)
        yield {"DATABASE_URL": url, "PATH": programs}, {"DATABASE_URL": f"{url.removesuffix('postgres')}empty", "PATH": programs}


@pytest.mark.timeout(700)
def test_a_backup_under_load_goes_on_elsewhere_with_every_commit_and_the_books_right(
    tmp_path: Path, databases: tuple[dict[str, str], dict[str, str]]
) -> None:
    old, new = databases
    file, key_file = tmp_path / "backup.tar", tmp_path / "backup.tar.key"
    first = Running(tmp_path / "first" / "data", MUSTER_REPO_ROOTS=str(tmp_path), **QUICK, **old)
    try:
        until(first.is_ready, 180)
        (tmp_path / "work").mkdir()
        shop = Shop(Client(first), tmp_path / "work", max_workers=4, verify=CHECK, round_ceiling_usd=1.5)
        opened = tmp_path / "restored"
        ids = [
            add(shop, n, f"until test -e {opened}; do sleep 0.1; done" if n >= len(ENTRIES) - WAITING else "true")
            for n in ENTRIES
        ]
        until(lambda: landed(shop, ids) >= 2, 120, every=0.1)
        assert "Saved 1 workspaces" in first.muster("backup", str(file))
    finally:
        first.process.kill()
        first.process.wait(60)
        until(lambda: not first.leftovers(), 30, every=0.1)
    for part in ("first", "work"):
        (tmp_path / part).rename(tmp_path / f"lost-{part}")
    data = tmp_path / "second" / "data"
    data.mkdir(parents=True, mode=0o700)
    assert "Stored secrets need the key" in commanded(data, "restore", str(file), **new).stderr
    (data / "secret_key").unlink(missing_ok=True)
    new = {**new, "MUSTER_SECRET_KEY": key_file.read_text()}
    restored = commanded(data, "restore", str(file), **new)
    assert "a new repository" in restored.stdout, restored.stdout + restored.stderr
    again = commanded(data, "restore", str(file), **new)
    assert again.returncode == 0 and "restored here already: nothing was changed" in again.stdout
    assert "everything adds up" in commanded(data, "ledger", "check", **new).stdout
    opened.touch()
    second = Running(data, MUSTER_REPO_ROOTS=str(tmp_path), **QUICK, **new)
    try:
        until(second.is_ready, 180)
        shop.client, shop.repo = Client(second), next((data / "repos").iterdir())
        assert shop.call("GET", "/executor/status")["state"] == "stopped"
        shop.call("POST", "/executor/start")
        until(lambda: landed(shop, ids) == len(ids), 180, every=0.2)
        for n in ENTRIES:
            assert (shop.merged(f"part-{n}"), shop.merged(f"ok-{n}")) == ("two", "yes")
        assert "everything adds up" in second.muster("ledger", "check")
    finally:
        second.process.terminate()
        second.process.wait(60)


def add(shop: Shop, n: int, gate: str) -> str:
    """A budget of four rounds: one that the backup cut off is charged whole."""
    lines = [line.format(n=n, gate=gate) for line in THREE_ROUNDS]
    return shop.add(*lines, spec={"files_to_create": [f"part-{n}", f"ok-{n}"]}, budget_usd=6)


def landed(shop: Shop, ids: list[str]) -> int:
    states = [shop.entry(id_)["status"] for id_ in ids]
    assert not {"failed", "blocked"} & set(states), states
    return states.count("done")


def commanded(data: Path, *command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
    return subprocess.run(
        [sys.executable, "-m", "manage", *command],
        cwd=ROOT,
        env={**kept, "MUSTER_DATA_DIR": str(data), **env},
        capture_output=True,
        text=True,
        timeout=120,
    )
