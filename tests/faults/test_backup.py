"""A backup of a Muster at work, restored where nothing is left of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.shop import Shop


def commanded(data: Path, *command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "manage", *command],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")},
            "MUSTER_DATA_DIR": str(data),
            **env,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.timeout(240)
def test_what_was_at_work_goes_on_from_a_backup_and_the_books_are_right(tmp_path: Path) -> None:
    first = Running(
        tmp_path / "first" / "data",
        MUSTER_REPO_ROOTS=str(tmp_path),
        MUSTER_LEASE_S="3",
        MUSTER_LEASE_GRACE_S="1",
        MUSTER_TICK_S="1",
    )
    try:
        until(first.is_ready, 60)
        (tmp_path / "work").mkdir()
        shop = Shop(Client(first), tmp_path / "work")
        done = shop.add("spend 0.5", "write done yes", "write ok yes", spec={"files_to_create": ["done", "ok"]})
        shop.becomes(done, "done", 60)
        at_work = shop.add("1| sleep 600", "write later yes", spec={"files_to_create": ["later"]}, budget_usd=20)
        until(lambda: shop.session(at_work)["phase"] == "implementation", 30, every=0.2)
        output = first.muster("backup", str(tmp_path / "backup.tar"))
        assert "Saved 1 workspaces" in output
    finally:
        first.process.terminate()
        first.process.wait(60)
    for part in ("first", "work"):
        (tmp_path / part).rename(tmp_path / f"lost-{part}")
    data, key = tmp_path / "second" / "data", (tmp_path / "backup.tar.key").read_text()
    data.mkdir(parents=True, mode=0o700)
    assert "Stored secrets need the key" in commanded(data, "restore", str(tmp_path / "backup.tar")).stderr
    (data / "secret_key").unlink(missing_ok=True)
    restored = commanded(data, "restore", str(tmp_path / "backup.tar"), MUSTER_SECRET_KEY=key)
    assert "a new repository" in restored.stdout, restored.stdout + restored.stderr
    again = commanded(data, "restore", str(tmp_path / "backup.tar"), MUSTER_SECRET_KEY=key)
    assert again.returncode and "not empty" in again.stderr
    assert "everything adds up" in commanded(data, "ledger", "check", MUSTER_SECRET_KEY=key).stdout
    second = Running(
        data,
        MUSTER_SECRET_KEY=key,
        MUSTER_REPO_ROOTS=str(tmp_path),
        MUSTER_LEASE_S="3",
        MUSTER_LEASE_GRACE_S="1",
        MUSTER_TICK_S="1",
    )
    try:
        until(second.is_ready, 60)
        shop.client = Client(second)
        assert shop.entry(done)["status"] == "done"
        assert shop.becomes(at_work, "done", 90)["spent_usd"] >= 0
        repo = next((data / "repos").iterdir())
        shown = subprocess.run(
            ["git", "-C", str(repo), "show", "muster/integration:later"], capture_output=True, text=True
        ).stdout
        assert shown == "yes\n"
    finally:
        second.process.terminate()
        second.process.wait(60)
