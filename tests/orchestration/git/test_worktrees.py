"""An entry that began in a worktree of an earlier version finishes in it."""

import shutil
from pathlib import Path

import pytest

from orchestration.git import branches
from orchestration.git.working_copies import WorkingCopy
from tests.orchestration.git import copies
from tests.orchestration.git.repositories import a_repository, git, write

INTEGRATION = "muster/integration"


@pytest.fixture
def begun(tmp_path: Path) -> WorkingCopy:
    """The working copy of an entry whose first round was in a worktree."""
    repo = a_repository(tmp_path / "repo")
    branches.ensure_integration(repo, INTEGRATION, "main")
    git(repo, "worktree", "add", "--quiet", "-b", "muster/e1", str(tmp_path / "root/e1"), INTEGRATION)
    return copies.copy_of(repo, tmp_path / "root")


def prepare(copy: WorkingCopy) -> None:
    prepared = copy.prepare(INTEGRATION, start=git(copy.repo, "rev-parse", INTEGRATION), leave_conflicts=False)
    assert not prepared.fresh


def test_it_is_recovered_committed_and_removed(begun: WorkingCopy) -> None:
    assert begun.is_shared and begun.exists()
    write(begun.path / "half", "done\n")
    prepare(begun)
    assert not begun.is_set_up()
    begun.mark_set_up()
    assert begun.is_set_up()
    write(begun.path / "more", "x\n")
    sha = begun.commit("round 2").sha
    assert sha == begun.export() == git(begun.repo, "rev-parse", "muster/e1")
    assert git(begun.repo, "log", "--format=%s", f"{INTEGRATION}..muster/e1").split("\n") == ["round 2", "recovered work"]
    assert begun.discard() and not begun.path.exists()
    assert git(begun.repo, "worktree", "list").count("\n") == 0


def test_what_others_landed_is_merged_into_it(begun: WorkingCopy) -> None:
    write(begun.path / "mine", "x\n")
    git(begun.repo, "checkout", "--quiet", INTEGRATION)
    write(begun.repo / "theirs", "x\n")
    git(begun.repo, "add", "--all")
    git(begun.repo, "commit", "--quiet", "-m", "theirs")
    git(begun.repo, "checkout", "--quiet", "main")
    prepare(begun)
    assert (begun.path / "theirs").exists() and (begun.path / "mine").exists()


def test_once_its_folder_is_gone_it_goes_on_in_a_clone(begun: WorkingCopy) -> None:
    write(begun.path / "mine", "x\n")
    begun.commit("round 1")
    shutil.rmtree(begun.path)
    prepare(begun)
    assert not begun.is_shared and (begun.path / ".git").is_dir()
    assert (begun.path / "mine").exists()
    write(begun.path / "more", "x\n")
    assert begun.commit("round 2").sha == git(begun.repo, "rev-parse", "muster/e1")


def test_a_moved_data_directory_is_repaired(begun: WorkingCopy, tmp_path: Path) -> None:
    write(begun.path / "mine", "x\n")
    shutil.move(tmp_path / "root", tmp_path / "moved")
    moved = copies.copy_of(begun.repo, tmp_path / "moved")
    prepare(moved)
    assert moved.is_shared and (moved.path / "mine").exists()
