"""Files that an agent can write are read and removed without a link followed, a wait, or a bound passed."""

import os
from pathlib import Path

import pytest

from orchestration.git.clones.safety import untrusted


def test_a_file_is_read_up_to_its_limit_and_not_one_byte_beyond(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(b"12345")
    assert untrusted.read(tmp_path, "folder/file", limit=5) == b"12345"
    assert untrusted.read(tmp_path, "folder/file", limit=4) is None


@pytest.mark.parametrize(
    "name", ["", "/file", "file/", "a//file", ".", "..", "../file", "folder/../file", "./file", "folder", "missing", "a\0b"]
)
def test_what_is_no_plain_path_to_a_file_is_not_read(tmp_path: Path, name: str) -> None:
    for folder in ("top/folder", "top/a"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("file", "top/file", "top/a/file"):
        (tmp_path / file).write_text("x")
    assert untrusted.read(tmp_path / "top", name, limit=100) is None


def test_a_file_behind_a_link_to_its_folder_and_a_pipe_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    assert untrusted.read(tmp_path, "link/file", limit=100) is None
    assert untrusted.read(tmp_path / "link", "file", limit=100) is None
    assert untrusted.read(tmp_path, "pipe", limit=100) is None


def test_a_folder_is_held_only_where_no_link_stands_for_it_or_its_parent(tmp_path: Path) -> None:
    (tmp_path / "top/.git").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "top")
    (tmp_path / "top/file").write_text("")
    (tmp_path / "top/inner").symlink_to(tmp_path / "top/.git")
    assert untrusted.holds(tmp_path / "top", ".git")
    assert not any(
        untrusted.holds(top, name)
        for top, name in ((tmp_path / "link", ".git"), (tmp_path / "top", "inner"), (tmp_path / "top", "file"))
    )


def test_a_link_is_removed_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("x")
    (tmp_path / "top").mkdir()
    (tmp_path / "top/link").symlink_to(tmp_path / "kept")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    for path in ("top", "link", "missing"):
        untrusted.remove(tmp_path / path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"] and (tmp_path / "kept/file").exists()


def test_a_folder_nested_deeper_than_a_path_can_be_long_is_removed_with_its_files_and_links(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("x")
    top = tmp_path / "top"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(60):
        for name in ("file", "link"):
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=here)) if name == "file" else os.symlink(
                tmp_path / "kept", name, dir_fd=here
            )
        os.mkdir("d" * 200, dir_fd=here)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    untrusted.remove(top)
    assert not top.exists() and (tmp_path / "kept/file").exists()


def test_pipes_of_these_names_are_found_at_any_depth_but_not_in_a_git_folder(tmp_path: Path) -> None:
    for folder in ("a/b", ".git"):
        (tmp_path / folder).mkdir(parents=True)
        os.mkfifo(tmp_path / folder / ".gitignore")
    os.mkfifo(tmp_path / "other")
    (tmp_path / ".gitignore").write_text("")
    (tmp_path / "a/.gitattributes").symlink_to("b")
    assert list(untrusted.special_files(tmp_path, (".gitignore", ".gitattributes"))) == [tmp_path / "a/b/.gitignore"]


def test_the_owner_gets_back_the_rights_to_files_and_folders_and_to_nothing_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "top/folder").mkdir(parents=True)
    for file in ("outside", "top/folder/file"):
        (tmp_path / file).write_text("x")
        (tmp_path / file).chmod(0o022)
    (tmp_path / "top/link").symlink_to(tmp_path / "outside")
    (tmp_path / "top/folder").chmod(0o005)
    untrusted.give_rights(tmp_path / "top")
    modes = [(tmp_path / path).stat().st_mode & 0o777 for path in ("top/folder", "top/folder/file", "outside")]
    assert modes == [0o705, 0o422, 0o022]


@pytest.mark.parametrize("error", [RecursionError(), OSError()])
def test_a_folder_that_is_not_removed_as_usual_is_emptied_flat_without_a_link_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    (tmp_path / "kept").write_text("x")
    (tmp_path / "top/a/b/c").mkdir(parents=True)
    (tmp_path / "top/a/b/file").write_text("x")
    (tmp_path / "top/a/link").symlink_to(tmp_path / "kept")
    (tmp_path / "top/folder").symlink_to(tmp_path)
    (tmp_path / "top/a").chmod(0o500)

    def fail(path: Path) -> None:
        raise error

    monkeypatch.setattr(untrusted.shutil, "rmtree", fail)
    untrusted.remove(tmp_path / "top")
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]
