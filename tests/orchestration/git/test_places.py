"""The places of git's files are read from the disk, and are the same as in git's own answer."""

import subprocess
from pathlib import Path

import pytest

from orchestration.git import command as git
from orchestration.git.places import common_dir, git_path, has_loose, ref

OWN_FILES = ("index.lock", "HEAD.lock", "MERGE_HEAD", "rebase-merge", "logs/HEAD", "muster-set-up")


def asked(path: Path, *question: str) -> Path:
    return Path(git.run(path, "rev-parse", "--path-format=absolute", *question)).resolve()


def layouts(folder: Path) -> list[Path]:
    """A repository, a working copy linked to it, a folder inside, a bare one, a working copy of that, and one whose .git is elsewhere."""
    plain, bare, apart = folder / "plain", folder / "bare.git", folder / "apart"
    subprocess.run(["git", "init", "-q", str(plain)], check=True)
    git.run(plain, "commit", "-q", "--allow-empty", "-m", "first")
    git.run(plain, "worktree", "add", "-q", "--detach", str(folder / "linked"))
    (plain / "inside").mkdir()
    subprocess.run(["git", "clone", "-q", "--bare", str(plain), str(bare)], check=True)
    git.run(bare, "worktree", "add", "-q", "--detach", str(folder / "linked-to-bare"))
    subprocess.run(["git", "clone", "-q", f"--separate-git-dir={folder / 'elsewhere'}", str(plain), str(apart)], check=True)
    return [plain, folder / "linked", plain / "inside", bare, folder / "linked-to-bare", apart]


def test_every_layout_of_a_repository_has_the_folders_that_git_names(tmp_path: Path) -> None:
    for path in layouts(tmp_path):
        assert common_dir(path).resolve() == asked(path, "--git-common-dir"), path
        for name in OWN_FILES:
            assert git_path(path, name).resolve() == asked(path, "--git-path", name), (path, name)


def test_a_ref_is_read_as_git_reads_it(tmp_path: Path) -> None:
    names = ["refs/heads/master", "refs/heads/main", "refs/heads/a/b", "refs/heads/none", "refs/muster/landed/ws"]
    for path in layouts(tmp_path):
        sha = git.run(path, "rev-parse", "HEAD")
        for packed in (False, True):
            git.run(path, "update-ref", "refs/heads/a/b", sha)
            git.run(path, "update-ref", "refs/muster/landed/ws", sha)
            if packed:
                git.run(path, "pack-refs", "--all")
            for name in names:
                code, answer, _ = git.attempt(path, "rev-parse", "--verify", "--quiet", name)
                assert ref(path, name) == (answer.strip() if code == 0 else ""), (path, name)
    assert ref(path, "refs/heads/a/../b") is None and ref(path, "refs/heads/-x y") is None


def test_a_packed_ref_is_found_by_its_whole_name_and_other_formats_are_gits_to_read(tmp_path: Path) -> None:
    plain = layouts(tmp_path)[0]
    (plain / ".git/packed-refs").write_text(
        f"{'1' * 40} refs/x/refs/heads/a\n{'2' * 40} refs/heads/ab\n{'3' * 40} refs/heads/b\n"
    )
    assert [ref(plain, f"refs/heads/{name}") for name in ("a", "ab", "b")] == ["", "2" * 40, "3" * 40]
    (plain / ".git/reftable").mkdir()
    assert ref(plain, "refs/heads/b") is None


def test_a_ref_that_names_another_one_is_left_to_git(tmp_path: Path) -> None:
    plain = layouts(tmp_path)[0]
    current = git.run(plain, "symbolic-ref", "HEAD")
    git.run(plain, "symbolic-ref", "refs/heads/alias", current)
    assert ref(plain, "refs/heads/alias") is None
    assert has_loose(plain, git.run(plain, "rev-parse", "HEAD")) and not has_loose(plain, "1" * 40)


def test_a_file_that_names_no_linked_folder_is_not_believed(tmp_path: Path) -> None:
    _, linked, *_ = layouts(tmp_path)
    (tmp_path / "trap").mkdir()
    (linked / ".git").write_text(f"gitdir: {tmp_path / 'trap'}\n")
    with pytest.raises(git.GitError):
        git_path(linked, "index.lock")
