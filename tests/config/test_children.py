"""The children of `up`: their restarts, logs and record, also when nothing can be written any more."""

import errno
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Never

import pytest

from config.up import children
from config.up.children import Child, Record
from tests.faults.harness import until


def full(*_: Any, **__: Any) -> Never:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_record_that_cannot_be_written_is_reported_and_ends_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = Record(tmp_path / "children.json")
    record.write([])
    monkeypatch.setattr(Path, "write_text", full)
    record.write([])
    assert "could not be written (No space left on device)" in capsys.readouterr().err
    assert record.leftovers() == [] and record.path.read_text() == "[]"


def test_a_long_log_is_cut_although_there_is_no_room_for_its_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "LOG_LIMIT", 10)
    monkeypatch.setattr(shutil, "copyfile", full)
    child = Child("web", [], {}, tmp_path / "web.log")
    child.log.write_text("a line that is longer than the limit")
    child.cap_log()
    assert child.log.read_text() == ""


def test_each_quick_crash_doubles_the_wait_up_to_half_a_minute_and_a_long_life_ends_the_count(tmp_path: Path) -> None:
    child = Child("web", [], {}, tmp_path / "web.log", started_at=100.0)
    delays = [child.crashed(now=109.9) for _ in range(10)]
    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]
    assert (child.quick_crashes, child.restart_at) == (10, 139.9)
    assert child.crashed(now=100.0 + children.QUICK_S) == 0.2
    assert (child.quick_crashes, child.restart_at) == (1, 110.2)


def test_the_errors_of_a_log_are_read_once_from_where_this_run_began(tmp_path: Path) -> None:
    child = Child("web", [], {}, tmp_path / "web.log")
    old, bad = "level='error' of an earlier run\n", "timestamp=x level='critical' event='it broke'\n"
    child.log.write_text(old)
    child.read_to = len(old)
    assert child.new_problems() == []
    with child.log.open("a") as log:
        log.write(f"level='info' event='well'\n{bad}" + '{"level": "error", "message": "as JSON"}\n{"message": "level error"}\n')
    assert child.new_problems() == [bad.strip(), '{"level": "error", "message": "as JSON"}']
    assert child.new_problems() == []
    child.log.write_text("")
    assert child.new_problems() == []
    child.log.write_text(bad)
    assert child.new_problems() == [bad.strip()], "it was cut, and read on from its beginning"


def test_a_long_log_keeps_one_older_copy_and_is_read_from_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "LOG_LIMIT", 10)
    child = Child("web", [], {}, tmp_path / "web.log")
    child.cap_log()
    for text, left, copy in (
        ("ten bytes!", "ten bytes!", None),
        ("eleven byte", "", "eleven byte"),
        ("the next one", "", "the next one"),
    ):
        child.log.write_text(text)
        child.read_to = len(text)
        child.cap_log()
        assert child.log.read_text() == left and child.read_to == len(left)
        older = tmp_path / "web.log.1"
        assert (older.read_text() if older.exists() else None) == copy


def test_the_last_lines_of_a_log_are_the_newest(tmp_path: Path) -> None:
    child = Child("web", [], {}, tmp_path / "web.log")
    child.log.write_text("".join(f"line {n} {'x' * 100}\n" for n in range(200)))
    assert [line.split()[1] for line in child.last_lines(3)] == ["197", "198", "199"]
    assert len(child.last_lines()) == 12


def test_a_process_of_an_earlier_run_is_known_by_its_start_and_boot(tmp_path: Path) -> None:
    """A pid may be another program's by now: that one is left alone."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        child = Child("web", [], {}, tmp_path / "web.log", process=process)
        record = Record(tmp_path / "children.json")
        record.write([child, Child("control", [], {}, tmp_path / "control.log")])
        [row] = json.loads(record.path.read_text())
        assert (row["name"], row["pid"]) == ("web", process.pid)
        again = Record(record.path)
        assert again.leftovers() == [row]
        for change in ({"started": "1"}, {"boot": "another"}, {"started": None}, {"pid": os.getpid()}):
            record.path.write_text(json.dumps([{**row, **change}]))
            assert again.leftovers() == []
        for text in ("", "no json"):
            record.path.write_text(text)
            assert again.leftovers() == []
        record.path.write_text(json.dumps([row]))
        reported: list[str] = []
        again.clear_leftovers(20, reported.append)
        assert reported == ["Ending processes of an earlier run: web"] and not record.path.exists()
        assert process.wait(20) == -signal.SIGTERM
        again.clear_leftovers(20, reported.append)
        assert len(reported) == 1
    finally:
        process.kill()
        process.wait()


def test_an_earlier_process_that_ignores_the_request_is_killed_with_its_group(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 600 & echo $!; wait"
    process = subprocess.Popen(["sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        inner = int(process.stdout.readline())
        record = Record(tmp_path / "children.json")
        record.write([Child("control", [], {}, tmp_path / "control.log", process=process)])
        record.clear_leftovers(0.2, lambda text: None)
        assert process.wait(20) == -signal.SIGKILL
        until(lambda: children._start_time(inner) is None, 20)
    finally:
        process.kill()
        process.wait()


def test_a_child_that_has_ended_gets_no_signal(tmp_path: Path) -> None:
    process = subprocess.Popen(["true"], start_new_session=True)
    process.wait(20)
    child = Child("web", [], {}, tmp_path / "web.log", process=process)
    for sig in (signal.SIGTERM, signal.SIGKILL):
        child.signal(sig)
        Child("none", [], {}, tmp_path / "none.log").signal(sig)
    assert not child.alive
