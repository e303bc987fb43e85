"""What `up` does for its children goes on when nothing can be written any more."""

import errno
import shutil
from pathlib import Path
from typing import Any, Never

import pytest

from config.up import children
from config.up.children import Child, Record


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
