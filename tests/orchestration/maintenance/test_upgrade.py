"""An upgrade names what is in its way before it changes anything."""

import os
from contextlib import nullcontext
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from orchestration.maintenance import upgrade
from tests.factories import a_session, a_workspace, an_entry, ended

pytestmark = pytest.mark.django_db


def checked() -> str:
    out = StringIO()
    call_command("upgrade", "--check", stdout=out)
    return out.getvalue()


def test_a_database_of_this_version_needs_nothing() -> None:
    assert "database: as this version needs it" in checked() and "none is at work" in checked()


def test_missing_migrations_and_sessions_at_work_are_named() -> None:
    a_session(an_entry(a_workspace()))
    MigrationRecorder(connection).migration_qs.filter(app="workspaces", name="0024_without_like_indexes").delete()
    assert "1 migration is missing" in checked() and "workspaces 0024_without_like_indexes" in checked()
    assert "sessions: 1 at work" in checked()


def test_a_database_of_a_newer_version_is_left_alone() -> None:
    MigrationRecorder(connection).record_applied("orchestration", "9999_of_tomorrow")
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("upgrade", stdout=StringIO())


def test_a_session_that_has_ended_is_not_at_work() -> None:
    ended(a_session(an_entry(a_workspace())))
    assert "none is at work" in checked()


def test_migrations_of_other_programs_in_the_database_are_no_newer_version() -> None:
    MigrationRecorder(connection).record_applied("another_program", "9999_of_tomorrow")
    assert "database: as this version needs it" in checked()


class Deadlock(Exception):
    sqlstate = "40P01"


@pytest.mark.parametrize(("deadlocks", "passes"), [(1, True), (19, True), (20, False)])
def test_a_migration_that_a_deadlock_ended_runs_again(monkeypatch: pytest.MonkeyPatch, deadlocks: int, passes: bool) -> None:
    calls: list[str] = []

    def migrate(command: str, **_: object) -> None:
        calls.append(command)
        if len(calls) <= deadlocks:
            raise OperationalError("deadlock detected") from Deadlock()

    monkeypatch.setattr(upgrade, "call_command", migrate)
    monkeypatch.setattr(upgrade, "PAUSE_S", 0)
    out = StringIO()
    with nullcontext() if passes else pytest.raises(OperationalError):
        call_command("upgrade", stdout=out)
    assert calls == ["migrate"] * (deadlocks + 1 if passes else 20)
    assert out.getvalue().count("it runs again") == len(calls) - 1 and ("Now restart" in out.getvalue()) is passes


def test_another_problem_of_a_migration_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse = Mock(side_effect=OperationalError("disk full"))
    monkeypatch.setattr(upgrade, "call_command", refuse)
    with pytest.raises(OperationalError, match="disk full"):
        call_command("upgrade", stdout=StringIO())
    assert refuse.call_count == 1


@pytest.mark.parametrize(("free_mb", "is_full"), [(99, True), (101, False)])
def test_on_sqlite_a_disk_needs_twice_the_database_beyond_its_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mb: int, is_full: bool
) -> None:
    file = tmp_path / "muster.sqlite3"
    file.write_bytes(b"")
    os.truncate(file, 25 * 2**20)
    database = {"default": {"NAME": str(file)}}
    monkeypatch.setattr(upgrade, "settings", SimpleNamespace(DATA_DIR=tmp_path, DISK_RESERVE_MB=50, DATABASES=database))
    monkeypatch.setattr(upgrade.shutil, "disk_usage", lambda _: SimpleNamespace(free=free_mb * 2**20))
    finding = upgrade._disk()
    assert finding.is_ == f"{free_mb} MiB free, the database has 25"
    assert (bool(finding.problem), finding.is_needed) == (is_full, is_full)
