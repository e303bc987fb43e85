"""A look at a repository shows what keeps it from being used at all."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.git import health
from tests.orchestration.git.repositories import a_repository, git


def code(repo: Path, *, lock_age_s: float = health.OLD_LOCK_S, all_objects: bool = False) -> str:
    trouble = health.find(repo, "main", lock_age_s=lock_age_s, all_objects=all_objects)
    return trouble.code if trouble else ""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return a_repository(tmp_path / "repo", one="1\n", a__two="2\n")


def object_file(repo: Path, name: str) -> Path:
    sha = git(repo, "rev-parse", name)
    return repo / ".git/objects" / sha[:2] / sha[2:]


def test_a_repository_that_is_there_has_nothing_wrong(repo: Path) -> None:
    assert code(repo, lock_age_s=0, all_objects=True) == ""
    git(repo, "worktree", "add", "--quiet", "../linked", "-b", "other")
    assert code(repo.parent / "linked") == ""


def test_a_folder_that_is_gone_or_no_repository_is_missing(repo: Path) -> None:
    (repo / ".git/objects").rename(repo / "aside")
    assert code(repo) == "missing"
    assert code(repo.parent / "nowhere") == "missing"
    assert code(Path("/proc")) == "missing"


def test_an_old_lock_file_is_in_the_way_and_a_fresh_one_only_after_a_failure(repo: Path) -> None:
    for name in ("packed-refs.lock", "refs/heads/main.lock"):
        lock = repo / ".git" / name
        lock.touch()
        assert (code(repo), code(repo, lock_age_s=0)) == ("", "locked")
        os.utime(lock, (1, 1))
        assert code(repo) == "locked"
        lock.unlink()


def test_a_commit_that_cannot_be_read_is_a_bad_object(repo: Path) -> None:
    tree = object_file(repo, "main^{tree}")
    kept = tree.read_bytes()
    tree.unlink()
    assert code(repo) == "bad_object"
    tree.write_bytes(kept)
    object_file(repo, "main:a/two").unlink()
    assert (code(repo), code(repo, all_objects=True)) == ("", "bad_object")


def test_a_branch_checked_out_by_a_person_is_named_with_its_folder(repo: Path, tmp_path: Path) -> None:
    git(repo, "branch", "muster/1-x")
    git(repo, "worktree", "add", "--quiet", str(tmp_path / "own/1"), "muster/1-x")
    assert health.checked_out(repo, "muster/1-x", own=tmp_path / "own") is None
    trouble = health.checked_out(repo, "main", own=tmp_path / "own")
    assert trouble and trouble.branch == "main" and str(repo) in trouble.message
    git(repo, "branch", "muster/2-y")
    git(repo, "worktree", "add", "--quiet", str(tmp_path / "own-of-ana/2"), "muster/2-y")
    other = health.checked_out(repo, "muster/2-y", own=tmp_path / "own")
    assert other and other.code == "checked_out" and "own-of-ana/2" in other.message
    shutil.rmtree(tmp_path / "own-of-ana")
    assert health.checked_out(repo, "muster/2-y", own=tmp_path / "own") is None


def test_the_commit_of_a_submodule_is_no_lost_object(repo: Path) -> None:
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    git(repo, "commit", "--quiet", "-m", "with a library")
    assert code(repo, all_objects=True) == ""


def test_the_lock_of_another_branch_is_in_nobodys_way(repo: Path) -> None:
    lock = repo / ".git/refs/heads/other.lock"
    lock.touch()
    os.utime(lock, (1, 1))
    assert code(repo) == ""


@pytest.mark.needs_namespaces
def test_a_repository_that_cannot_be_written_is_read_only(repo: Path) -> None:
    look = f"from pathlib import Path; from orchestration.git import health; print(health.find(Path({str(repo)!r}), 'main'))"
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$1" -c "$2"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(repo), sys.executable, look]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "code='read_only'" in done.stdout, done.stderr
