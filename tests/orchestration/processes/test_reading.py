"""Processes and a shim's pipe are read byte by byte, from this process's own /proc, and from files that a dead worker left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.processes import frames, leftovers
from orchestration.processes.frames import Damaged, FrameReader
from orchestration.processes.shim import memory_watch, procfs
from orchestration.processes.shim.procfs import ProcessInfo
from orchestration.processes.shim.shim_output import BEAT, STDERR, STDOUT


def frame(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(4, "big") + payload


def test_frames_are_read_whole_however_the_pipe_cuts_them() -> None:
    sent = [(STDOUT, b"one\n"), (BEAT, b""), (STDERR, b"x" * 300)]
    data, reader = b"".join(frame(*each) for each in sent), FrameReader()
    assert FrameReader().feed(data) == sent
    assert [each for byte in data for each in reader.feed(bytes([byte]))] == sent
    assert reader.feed(frame(BEAT, b"")[:4]) == []


@pytest.mark.parametrize("data", [frame(b"X", b"a"), BEAT + (frames.MAX_FRAME_BYTES + 1).to_bytes(4, "big")])
def test_a_kind_or_a_size_that_no_shim_sends_is_damage(data: bytes) -> None:
    with pytest.raises(Damaged):
        FrameReader().feed(frame(STDOUT, b"a") + data)
    assert FrameReader().feed(BEAT + frames.MAX_FRAME_BYTES.to_bytes(4, "big")) == []


def test_a_process_is_read_with_its_parent_and_its_group() -> None:
    own = procfs.read_process(os.getpid())
    assert own is not None
    assert (own.pid, own.parent, own.group, own.session) == (os.getpid(), os.getppid(), os.getpgrp(), os.getsid(0))
    assert 0 < procfs.age_s(own) < 86_400 and not procfs.is_frozen(own.pid)
    assert procfs.read_process(2**22 + 1) is None and own.pid in procfs.all_pids()


def test_the_end_of_a_process_is_its_code_until_its_parent_has_waited() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "input(); raise SystemExit(3)"], stdin=subprocess.PIPE) as child:
        info = procfs.read_process(child.pid)
        assert info is not None and procfs.exit_code(info) is None and info.pid in procfs.below(os.getpid())
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert procfs.exit_code(info) == 3 and procfs.exit_code(info._replace(started=info.started - 1)) is None
        child.wait()
    assert procfs.exit_code(info) is None and not procfs.send_signal(info, 0)


def test_descendants_are_all_below_their_roots_and_no_others() -> None:
    tree = {pid: ProcessInfo(pid, parent, 1, 1, 1) for pid, parent in ((2, 1), (3, 2), (4, 3), (5, 1), (6, 5))}
    assert procfs.descendants(tree, [2]) == {3, 4}
    assert procfs.descendants(tree, [2, 5]) == {3, 4, 6} and procfs.descendants(tree, [4]) == set()
    loop = {7: ProcessInfo(7, 8, 1, 1, 1), 8: ProcessInfo(8, 7, 1, 1, 1)}
    assert procfs.descendants(loop, [7]) == {7, 8}


def test_the_memory_of_a_process_counts_shared_pages_by_their_share() -> None:
    resident, share = memory_watch.whole_kb(os.getpid()), memory_watch.share_kb(os.getpid())
    assert 1024 < share <= resident + 64 < 2**22
    assert "(300 MiB)" in memory_watch.MemoryWatch(300, list).sentence()


def test_a_journal_is_read_from_a_place_and_up_to_a_limit(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.write_bytes(b"one\r\ntwo\nthree\n")
    assert list(leftovers.read_journal(journal)) == ["one", "two", "three"]
    assert list(leftovers.read_journal(journal, start=5)) == ["two", "three"]
    assert list(leftovers.read_journal(journal, limit_bytes=1)) == ["one"]
    assert list(leftovers.read_journal(journal, start=5, limit_bytes=4)) == ["two"]
    (tmp_path / "folder").mkdir()
    assert list(leftovers.read_journal(tmp_path / "folder")) == []


def test_a_status_is_an_object(tmp_path: Path) -> None:
    file = tmp_path / "status"
    for text, status in (('{"cause": "exited"}', {"cause": "exited"}), ("[1]", None), ("3", None), ("", None)):
        file.write_text(text)
        assert leftovers.read_status(file) == status
