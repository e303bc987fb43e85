"""Growing files are read from their last offset."""

from pathlib import Path

from orchestration.worker.agents.shared.file_tail import FileTail


def test_only_complete_new_lines_are_returned(tmp_path: Path) -> None:
    file = tmp_path / "a/b.jsonl"
    file.parent.mkdir()
    reading = FileTail(tmp_path, "*/*.jsonl")
    assert list(reading.lines()) == []
    file.write_text("one\ntw")
    assert list(reading.lines()) == ["one"]
    file.write_text("one\ntwo\n")
    assert list(reading.lines()) == ["two"] and list(reading.lines()) == []


def test_it_continues_at_kept_offsets(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n")
    first = FileTail(tmp_path, "*")
    list(first.lines())
    (tmp_path / "a").write_text("one\ntwo\n")
    (tmp_path / "b").write_text("three\n")
    assert list(FileTail(tmp_path, "*", first.offsets).lines()) == ["two", "three"]


def test_a_rewritten_file_is_read_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a long first line\n")
    reading = FileTail(tmp_path, "*")
    list(reading.lines())
    (tmp_path / "a").write_text("short\n")
    assert list(reading.lines()) == ["short"]


def test_invalid_offsets_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n")
    for offsets in (None, [], {"a": "x"}, {"a": -1}):
        assert list(FileTail(tmp_path, "*", offsets).lines()) == ["one"]


def test_files_of_one_name_in_two_folders_are_two(tmp_path: Path) -> None:
    for folder, text in (("a", "one\n"), ("b", "two\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "chat").write_text(text)
    reading = FileTail(tmp_path, "*/chat")
    assert list(reading.lines()) == ["one", "two"] and reading.offsets == {"a/chat": 4, "b/chat": 4}
