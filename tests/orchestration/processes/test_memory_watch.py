"""The memory of a process tree where the kernel does not limit it."""

from collections.abc import Iterable
from io import BytesIO

import pytest

from orchestration.processes.shim import memory_watch
from orchestration.processes.shim.memory_watch import MemoryWatch


def memory_of(
    monkeypatch: pytest.MonkeyPatch, limit_mb: int, resident_mb: Iterable[int], shares_mb: Iterable[int]
) -> MemoryWatch:
    """A watch of processes with so much resident memory, and so much of it by their share of common pages."""
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


STATUS = "Name:\tagent\nVmPeak:\t  999 kB\nVmRSS:\t  60 kB\nRssAnon:\t  20 kB\nVmSwap:\t  70 kB\n"
ROLLUP = "5581-7ffc ---p 00000000 00:00 0  [rollup]\nRss:  60 kB\nPss:  30 kB\nPss_Anon:  20 kB\nSwap:  70 kB\nSwapPss:  50 kB\n"


@pytest.mark.parametrize(
    ("rollup", "whole", "share"),
    [(ROLLUP, 130, 80), (PermissionError(), 130, 130), (ProcessLookupError(), 130, 130)],
    ids=["readable", "not dumpable", "ending"],
)
def test_what_is_swapped_out_counts_and_all_of_a_process_that_may_not_be_read_closely(
    monkeypatch: pytest.MonkeyPatch, rollup: str | OSError, whole: int, share: int
) -> None:
    def opened(path: str, _: str) -> BytesIO:
        text = {"/proc/7/status": STATUS, "/proc/7/smaps_rollup": rollup}.get(path, FileNotFoundError())
        if isinstance(text, OSError):
            raise text
        return BytesIO(text.encode())

    monkeypatch.setattr(memory_watch, "open", opened, raising=False)
    assert (memory_watch.whole_kb(7), memory_watch.share_kb(7), memory_watch.whole_kb(8), memory_watch.share_kb(8)) == (
        whole,
        share,
        0,
        0,
    )
    limits = [
        MemoryWatch(limit, lambda: [7, 8] * 1024) for limit in (share - 1, share)
    ]  # in MiB, of as many processes of that many KiB
    assert [each.is_over(1.0) for each in limits] == [True, False]
