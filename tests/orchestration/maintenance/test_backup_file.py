"""The file of a backup: whole or refused, and never a half that passes for one."""

import json
import os
import sqlite3
import tarfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from orchestration.landing import branch
from orchestration.maintenance.backup import archive, databases, restoring, saving
from orchestration.maintenance.backup.databases import Impossible
from orchestration.models import Backup, Integration
from tests.factories import ANA, a_channel, a_workspace, blocked_event
from tests.orchestration.git.repositories import a_repository, git
from tests.plugins.throwaway import postgresql_program
from workspaces import activity
from workspaces.models import Workspace
from workspaces.notices import deliveries


def a_backup(folder: Path, *, database: str = "sqlite") -> Path:
    """A small one, written without a running database."""
    parts = folder / "parts"
    (parts / archive.BUNDLES).mkdir(parents=True)
    with sqlite3.connect(parts / archive.DATABASE) as tables:
        tables.execute("CREATE TABLE a (b)")
    tables.close()
    archive.write(parts, folder / "backup.tar", {"database": database, "at": "2026-11-01T10:00", "workspaces": []})
    return folder / "backup.tar"


def changed(backup: Path, name: str, content: bytes) -> Path:
    """The same file with another content of one part."""
    folder = backup.parent / "changed"
    with tarfile.open(backup) as tar:
        tar.extractall(folder, filter="data")
    (folder / name).write_bytes(content)
    with tarfile.open(backup, "w") as tar:
        for part in sorted(folder.iterdir()):
            tar.add(part, part.name)
    return backup


def no_database(target: Path, read: Callable[[], Any]) -> list[Any]:
    target.write_bytes(b"")
    return [read()]


def verify(file: Path) -> Any:
    return call_command("backup", str(file), verify=True)


def test_a_whole_one_is_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verify(a_backup(tmp_path))
    assert "is whole: 0 workspaces at 2026-11-01T10:00 UTC, with the right checksums" in capsys.readouterr().out


def test_one_byte_that_differs_is_found(tmp_path: Path) -> None:
    file = a_backup(tmp_path)
    with tarfile.open(file) as tar:
        content = bytearray(tar.extractfile(archive.DATABASE).read())  # type: ignore[union-attr]
    content[-1] ^= 1
    with pytest.raises(CommandError, match="is damaged: database is not what was saved"):
        verify(changed(file, archive.DATABASE, bytes(content)))


def test_each_end_before_the_last_is_found(tmp_path: Path) -> None:
    file = a_backup(tmp_path)
    content = file.read_bytes()
    with tarfile.open(file) as tar:
        last = tar.getmember(archive.DATABASE)
    used = last.offset_data + last.size
    for size in range(0, used, used // 40):
        (tmp_path / "cut.tar").write_bytes(content[:size])
        with pytest.raises(CommandError, match="damaged"):
            verify(tmp_path / "cut.tar")


def test_one_of_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    file = a_backup(tmp_path)
    with tarfile.open(file) as tar:
        manifest = json.load(tar.extractfile(archive.MANIFEST))  # type: ignore[arg-type]
    with pytest.raises(CommandError, match="of a newer version"):
        verify(changed(file, archive.MANIFEST, json.dumps(manifest | {"format": 3}).encode()))


@pytest.mark.parametrize("sums", [{}, {archive.DATABASE: ""}])
def test_a_part_without_its_checksum_is_damaged(tmp_path: Path, sums: dict[str, str]) -> None:
    file = a_backup(tmp_path)
    with tarfile.open(file) as tar:
        manifest = json.load(tar.extractfile(archive.MANIFEST))  # type: ignore[arg-type]
    with pytest.raises(CommandError, match="is damaged: database is not what was saved"):
        verify(changed(file, archive.MANIFEST, json.dumps(manifest | {"sha256": sums}).encode()))


def test_one_of_the_first_format_is_read_without_checksums(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = a_backup(tmp_path)
    with tarfile.open(file) as tar:
        manifest = json.load(tar.extractfile(archive.MANIFEST))  # type: ignore[arg-type]
    del manifest["sha256"]
    verify(changed(file, archive.MANIFEST, json.dumps(manifest | {"format": 1}).encode()))
    assert "of a version that wrote no checksums" in capsys.readouterr().out
    lacking = json.dumps(manifest | {"format": 1, "workspaces": ["ws_gone"]})
    with pytest.raises(CommandError, match=r"bundles/ws_gone\.bundle is missing"):
        verify(changed(file, archive.MANIFEST, lacking.encode()))


def packed(folder: Path, *, content: bytes = b"", bundle: bytes | None = None) -> Path:
    """A backup whose checksums are right, whatever is in it."""
    parts = folder / "parts"
    (parts / archive.BUNDLES).mkdir(parents=True)
    (parts / archive.DATABASE).write_bytes(content)
    if bundle is not None:
        (parts / archive.BUNDLES / "ws_1.bundle").write_bytes(bundle)
    manifest = {"database": "sqlite", "at": "2026-11-01T10:00", "workspaces": ["ws_1"] if bundle is not None else []}
    archive.write(parts, folder / "backup.tar", manifest)
    return folder / "backup.tar"


def test_a_database_that_was_damaged_before_it_was_saved_is_found(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="The saved database is damaged"):
        verify(packed(tmp_path, content=b"no database" * 100))


def test_a_bundle_that_was_damaged_before_it_was_saved_is_found(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    git(repo, "bundle", "create", "--quiet", str(tmp_path / "b"), "--all")
    whole = (tmp_path / "b").read_bytes()
    verify(packed(tmp_path / "whole", bundle=whole))
    git(tmp_path, "init", "--quiet", "--object-format=sha256", str(tmp_path / "sha256"))
    git(tmp_path / "sha256", "commit", "--quiet", "--allow-empty", "-m", "first")
    git(tmp_path / "sha256", "bundle", "create", "--quiet", str(tmp_path / "c"), "--all")
    verify(packed(tmp_path / "of-sha256", bundle=(tmp_path / "c").read_bytes()))
    for name, bundle in (("short", whole[:-30]), ("none", b"no bundle")):
        with pytest.raises(CommandError, match=r"ws_1\.bundle is damaged"):
            verify(packed(tmp_path / name, bundle=bundle))


@pytest.mark.django_db
def test_a_database_with_tables_is_left_alone(tmp_path: Path) -> None:
    file = a_backup(tmp_path)
    if connection.vendor == "sqlite":
        with pytest.raises(Impossible, match="not empty"):
            list(restoring.restore(file))
    else:
        with pytest.raises(Impossible, match="here is postgresql"):
            list(restoring.restore(file))
    assert not list(Path(settings.DATA_DIR).glob(".muster-restore-*"))


@pytest.mark.django_db
def test_the_command_ends_with_three_and_names_what_the_backup_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(databases, "save", no_database)
    a_workspace(name="Lost", repo=str(tmp_path / "gone"))
    with pytest.raises(SystemExit) as ended:
        call_command("backup", str(tmp_path / "b.tar"))
    assert ended.value.code == 3
    assert f"Not in it: Lost: {tmp_path / 'gone'} has no branch of this workspace" in capsys.readouterr().out
    assert Backup.objects.get().is_whole is False


@pytest.mark.django_db
def test_what_is_named_after_the_database_was_saved_or_no_longer_is_not_called_lacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = a_workspace(repo=str(a_repository(tmp_path / "repo")))
    tips = Integration.objects.filter(pk=branch.ensure(workspace.pk).pk)

    def while_work_goes_on(target: Path, read: Callable[[], Any]) -> list[Any]:
        readings = []
        for tip in ("a" * 40, "b" * 40):
            tips.update(tip=tip)
            readings += [read()]
        return readings

    monkeypatch.setattr(databases, "save", lambda target, read: no_database(target, list) and while_work_goes_on(target, read))
    assert saving.save(tmp_path / "b.tar")["lacks"] == {}


if connection.vendor == "postgresql":  # SQLite exports no snapshot: it reads before and after

    @pytest.mark.django_db(transaction=True)
    def test_what_is_read_is_of_the_moment_of_the_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run = databases._run

        def while_work_goes_on(command: Sequence[str]) -> None:
            if command[0] == "pg_dump":
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(add, "Later").result()
            run(command)

        def add(name: str) -> None:
            a_workspace(name=name)
            connection.close()

        programs = Path(postgresql_program("pg_dump")).parent
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        add("Before")
        monkeypatch.setattr(databases, "_run", while_work_goes_on)
        [names] = databases.save(tmp_path / "saved", lambda: list(Workspace.objects.values_list("name", flat=True)))
        run(["pg_restore", "--data-only", "--table=workspaces_workspace", f"--file={tmp_path / 'rows'}", str(tmp_path / "saved")])
        assert names == ["Before"] and "Later" not in (tmp_path / "rows").read_text()


@pytest.mark.django_db
def test_a_second_try_after_a_killed_one_writes_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "save", no_database)
    a_workspace(repo=str(a_repository(tmp_path / "repo")))
    target = tmp_path / "b.tar"
    left = tmp_path / ".b.tar.unfinished" / "bundles"
    left.mkdir(parents=True)
    saving.key_file(target).write_text(settings.SECRET_KEY)
    call_command("backup", str(target))
    assert target.exists() and not left.parent.exists()
    assert Backup.objects.get().is_whole
    with pytest.raises(CommandError, match="exists: name a new file"):
        call_command("backup", str(target))


@pytest.mark.django_db
def test_the_key_of_another_site_is_never_overwritten(tmp_path: Path) -> None:
    saving.key_file(tmp_path / "b.tar").write_text("of another site")
    with pytest.raises(CommandError, match=r"b\.tar\.key exists"):
        call_command("backup", str(tmp_path / "b.tar"))


@pytest.mark.django_db
def test_only_its_owner_reads_a_backup_and_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "save", no_database)
    before = os.umask(0)
    try:
        saving.save(tmp_path / "b.tar")
    finally:
        os.umask(before)
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "b.tar", tmp_path / "b.tar.key")} == {"0o600"}


def test_what_is_restored_is_not_restored_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = a_backup(tmp_path, database=connection.vendor)
    with archive.unpacked(file) as (_, manifest):
        name = archive.name_of(manifest)
    monkeypatch.setattr(databases, "await_interrupted", lambda: None)
    monkeypatch.setattr(databases, "restored", lambda: (name, True))
    monkeypatch.setattr(restoring, "_load", lambda *_: pytest.fail("it was loaded again"))
    assert list(restoring.restore(file)) == ["This backup is restored here already: nothing was changed"]


@pytest.mark.django_db
def test_a_restored_copy_sends_nothing_that_waited_in_the_backup_and_nothing_that_happens_in_it() -> None:
    workspace = a_workspace()
    channel = a_channel(workspace, "Ops", "entry.blocked")
    activity.record(workspace.pk, blocked_event(), by=ANA)
    assert deliveries.list_due()
    with connection.cursor() as cursor:
        for statement in databases.AT_REST.format(backup="a", of_a_copy=databases.OF_A_COPY).split(";")[:-1]:
            cursor.execute(statement)
    assert not deliveries.list_due()
    activity.record(workspace.pk, blocked_event(), by=ANA)
    assert list(channel.deliveries.values_list("state", "answer")) == [("failed", databases.OF_A_COPY)]
    channel.refresh_from_db()
    assert not channel.enabled and channel.off_because == databases.OF_A_COPY
