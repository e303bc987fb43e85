"""The memory of a process tree where the kernel does not limit it."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from orchestration.processes.shim import memory_watch
from orchestration.processes.shim.memory_watch import MemoryWatch


def memory_of(
    monkeypatch: pytest.MonkeyPatch, limit_mb: int, resident_mb: Iterable[int], shares_mb: Iterable[int]
) -> MemoryWatch:
    """Of processes with so much resident memory, and so much of it by their share of common pages."""
    resident, shares = ({pid: mb * 1024 for pid, mb in enumerate(each)} for each in (resident_mb, shares_mb))
    monkeypatch.setattr(memory_watch, "whole_kb", resident.__getitem__)
    monkeypatch.setattr(memory_watch, "share_kb", shares.__getitem__)
    return MemoryWatch(limit_mb, lambda: resident)


@pytest.mark.parametrize(
    ("resident", "shares", "is_over"),
    [([60, 60], [60, 60], True), ([60, 60], [40, 40], False), ([100], [100], False), ([101], [101], True), ([50], [50], False)],
)
def test_the_processes_count_together_and_what_they_share_once(
    monkeypatch: pytest.MonkeyPatch, resident: list[int], shares: list[int], is_over: bool
) -> None:
    assert memory_of(monkeypatch, 100, resident, shares).is_over(1.0) is is_over


def test_it_looks_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = memory_of(monkeypatch, 100, [200], [200])
    assert [watched.is_over(now) for now in (5.0, 5.5, 5.9, 6.0)] == [True, False, False, True]


def test_without_a_limit_nothing_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not memory_of(monkeypatch, 0, [9999], [9999]).is_over(1.0)


def test_a_process_that_is_gone_has_none() -> None:
    assert (memory_watch.whole_kb(2**22 + 1), memory_watch.share_kb(2**22 + 1)) == (0, 0)


def test_what_is_swapped_out_counts_as_what_is_resident(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tagent\nVmPeak:\t  999 kB\nVmRSS:\t  30 kB\nRssAnon:\t  20 kB\nVmSwap:\t  70 kB\n")
    monkeypatch.setattr(memory_watch, "open", lambda path, mode: (tmp_path / "status").open(mode), raising=False)
    assert memory_watch.whole_kb(1) == 100
