"""Reading on in files that grow."""

from pathlib import Path

from orchestration.worker.agents.shared.appended import Appended


def test_only_whole_new_lines_are_told(tmp_path: Path) -> None:
    file = tmp_path / "a/b.jsonl"
    file.parent.mkdir()
    reading = Appended(tmp_path, "*/*.jsonl")
    assert list(reading.lines()) == []
    file.write_text("one\ntw")
    assert list(reading.lines()) == ["one"]
    file.write_text("one\ntwo\n")
    assert list(reading.lines()) == ["two"] and list(reading.lines()) == []


def test_it_goes_on_where_another_stopped(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n")
    first = Appended(tmp_path, "*")
    list(first.lines())
    (tmp_path / "a").write_text("one\ntwo\n")
    (tmp_path / "b").write_text("three\n")
    assert list(Appended(tmp_path, "*", first.offsets).lines()) == ["two", "three"]


def test_a_file_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a long first line\n")
    reading = Appended(tmp_path, "*")
    list(reading.lines())
    (tmp_path / "a").write_text("short\n")
    assert list(reading.lines()) == ["short"]


def test_offsets_of_another_kind_are_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n")
    for offsets in (None, [], {"a": "x"}, {"a": -1}):
        assert list(Appended(tmp_path, "*", offsets).lines()) == ["one"]
