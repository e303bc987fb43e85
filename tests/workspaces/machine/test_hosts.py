"""A host is a data directory: its id is made once, and one process at a time works in it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from workspaces.machine import hosts


def test_its_id_is_made_once_whoever_asks_first(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: hosts.id_in.__wrapped__(folder), range(16)))
    assert ids == {(folder / "host_id").read_text()} and next(iter(ids)).startswith("host_")
    assert [path.name for path in folder.iterdir()] == ["host_id"]
    assert hosts.id_in.__wrapped__(tmp_path / "other") not in ids


def test_the_id_of_this_host_is_that_of_its_data_directory(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "host_id").write_text("host_of_before\n")
    settings.DATA_DIR = tmp_path
    assert hosts.host_id() == "host_of_before"


def test_a_data_directory_is_taken_by_one_process_until_it_lets_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "LOOKS", 1)
    assert not hosts.is_taken(tmp_path)
    lock = hosts.take(tmp_path)
    assert lock is not None
    assert hosts.is_taken(tmp_path) and hosts.take(tmp_path) is None
    lock.close()
    assert not hosts.is_taken(tmp_path)
    again = hosts.take(tmp_path)
    assert again is not None
    again.close()


def test_a_moment_in_which_another_looks_does_not_keep_one_from_taking_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, pauses = hosts.take(tmp_path), list[float]()
    assert first is not None

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == hosts.LOOKS - 1:
            first.close()

    monkeypatch.setattr(hosts.time, "sleep", pause)
    second = hosts.take(tmp_path)
    assert second is not None and sum(pauses) < 1
    second.close()


def test_a_heartbeat_is_of_its_queue_and_a_disk_that_is_full_ends_no_worker(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    hosts.beat("sessions")
    assert [path.name for path in tmp_path.iterdir()] == ["alive.sessions"]
    settings.DATA_DIR = tmp_path / "away"
    hosts.beat("sessions")
