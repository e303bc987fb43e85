"""Files where an agent may write too: its links and pipes lead Muster nowhere."""

import os
from pathlib import Path

import pytest

from orchestration.sessions.folders import own_files
from orchestration.worker.agents.shared.file_tail import FileTail


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim/file").write_text("as before")
    return tmp_path / "home"


def test_a_file_is_written_with_the_folders_on_its_way(home: Path) -> None:
    assert own_files.write(home, ".cli/deep/settings.json", "{}").read_text() == "{}"
    assert own_files.write(home, ".cli/deep/settings.json", "[]").read_text() == "[]"


@pytest.mark.parametrize(("link", "target"), [("settings.json", "../victim/file"), ("settings.json", "/nowhere")])
def test_a_link_in_place_of_the_file_is_replaced(home: Path, link: str, target: str) -> None:
    (home / link).symlink_to(target)
    assert own_files.write(home, "settings.json", "{}").is_symlink() is False
    assert (home.parent / "victim/file").read_text() == "as before"


def test_a_link_in_place_of_a_folder_is_replaced(home: Path) -> None:
    (home / ".cli").symlink_to(home.parent / "victim")
    own_files.write(home, ".cli/file", "{}")
    assert (home.parent / "victim/file").read_text() == "as before"
    assert (home / ".cli/file").read_text() == "{}"


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("../victim/file"), os.mkfifo, Path.mkdir])
def test_what_is_no_plain_file_is_not_read(home: Path, make: object) -> None:
    """A pipe would be read for ever, and a link leads to whatever the worker may read."""
    make(home / "chat.jsonl")  # type: ignore[operator]
    assert not own_files.is_plain(home / "chat.jsonl")
    assert list(FileTail(home, "*.jsonl").lines()) == []
