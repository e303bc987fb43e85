"""A full disk: what must be written is written anyway, with space that was kept for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, transaction

from workspaces import disk

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
