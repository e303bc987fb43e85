"""A full disk: what must be written is written anyway, with space that was kept for it."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, transaction

from workspaces.machine import disk

FULL = OperationalError("database or disk is full")


@pytest.fixture
def kept(settings: Any, tmp_path: Path) -> Iterator[list[Path]]:
    settings.DATA_DIR, settings.DISK_RESERVE_MB = tmp_path, 0
    disk.refill()
    yield disk._files()


def test_the_reserve_takes_its_space_once(kept: list[Path]) -> None:
    assert [path.stat().st_size for path in kept] == [disk.FILE_BYTES] * disk.FILES
    assert all(path.stat().st_blocks * 512 >= disk.FILE_BYTES for path in kept), "a file with holes keeps nothing"
    before = kept[0].stat().st_mtime_ns
    disk.refill()
    assert kept[0].stat().st_mtime_ns == before


def test_it_is_made_again_once_there_is_plenty_of_space(kept: list[Path], settings: Any) -> None:
    kept[0].unlink()
    settings.DISK_RESERVE_MB = 100_000_000
    disk.refill()
    assert not kept[0].exists() and disk.is_low()
    settings.DISK_RESERVE_MB = 0
    disk.refill()
    assert kept[0].exists() and not disk.is_low()


@pytest.mark.django_db(transaction=True)
def test_a_write_that_finds_the_disk_full_is_repeated_with_a_file_less_each_time(kept: list[Path]) -> None:
    tries: list[bool] = []

    def write() -> str:
        with transaction.atomic():
            tries.append(True)
            if len(tries) < 3:
                raise FULL
            return "written"

    assert disk.write_anyway(write) == "written"
    assert (len(tries), [path.exists() for path in kept[:4]]) == (3, [False, False, True, True])


@pytest.mark.django_db(transaction=True)
def test_when_nothing_is_left_it_fails_as_before(kept: list[Path]) -> None:
    def write() -> None:
        raise FULL

    with pytest.raises(OperationalError, match="full"):
        disk.write_anyway(write)


@pytest.mark.django_db(transaction=True)
def test_another_error_is_not_repeated(kept: list[Path]) -> None:
    tries: list[bool] = []

    def write() -> None:
        tries.append(True)
        raise OperationalError("the server closed the connection")

    with pytest.raises(OperationalError):
        disk.write_anyway(write)
    assert len(tries) == 1


@pytest.mark.django_db(transaction=True)
def test_another_error_ends_the_tries_and_leaves_the_rest_of_the_reserve(kept: list[Path]) -> None:
    errors = iter([FULL, FULL, OperationalError("no such table")])

    def write() -> None:
        raise next(errors)

    with pytest.raises(OperationalError, match="no such table"):
        disk.write_anyway(write)
    assert [path.exists() for path in kept[:3]] == [False, True, True]


@pytest.mark.django_db(transaction=True)
def test_the_space_is_given_up_before_the_commit_that_needs_it(kept: list[Path]) -> None:
    there: list[bool] = []

    def write() -> None:
        if not there:
            there.append(True)
            raise FULL
        transaction.on_commit(lambda: there.append(kept[0].exists()))

    disk.write_anyway(write)
    assert there == [True, False]


@pytest.mark.django_db
def test_within_a_transaction_nothing_of_the_reserve_is_given_up(kept: list[Path]) -> None:
    def write() -> None:
        raise FULL

    with transaction.atomic(), pytest.raises(OperationalError):
        disk.write_anyway(write)
    assert all(path.exists() for path in kept)


def free(monkeypatch: pytest.MonkeyPatch, mib: float) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=int(mib * disk.MIB)))


def test_a_disk_is_low_below_its_reserve_and_the_files_are_made_beyond_what_they_take(
    kept: list[Path], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DISK_RESERVE_MB = 100
    files = disk.FILES * disk.FILE_BYTES / disk.MIB
    for mib, is_low in ((99.9, True), (100, False), (100 + files, False)):
        free(monkeypatch, mib)
        kept[0].unlink(missing_ok=True)
        disk.refill()
        assert (disk.is_low(), kept[0].exists(), disk.free_mb_known()) == (is_low, False, int(mib))
    free(monkeypatch, 101 + files)
    disk.refill()
    assert kept[0].exists()


def test_a_disk_that_cannot_be_read_is_not_low(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "away"
    assert (disk.free_mb(), disk.free_mb_known(), disk.is_low()) == (float("inf"), None, False)


def test_a_file_that_finds_no_space_is_not_left_as_if_it_kept_some(kept: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    kept[0].unlink()
    monkeypatch.setattr(os, "posix_fallocate", full)
    disk.refill()
    assert not kept[0].exists()


@pytest.mark.parametrize(
    ("words", "is_full"),
    [
        ("database or disk is full", True),
        ("could not extend file: No space left on device", True),
        ("error: unable to write file .git/objects/ab", True),
        ("the database is locked", False),
    ],
)
def test_a_full_disk_is_known_by_the_words_of_a_database_the_system_and_git(words: str, is_full: bool) -> None:
    assert disk.is_full(words) is is_full is disk.is_full(OSError(words))
