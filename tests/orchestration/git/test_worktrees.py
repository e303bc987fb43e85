"""The worktree in which an entry of an earlier version began becomes a clone, with all that is in it."""

import shutil
from pathlib import Path

import pytest

from orchestration.git import branches
from orchestration.git.clones import adopting
from orchestration.git.clones.working_copies import WorkingCopy
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


def test_it_becomes_a_clone_with_all_its_files(begun: WorkingCopy) -> None:
    write(begun.repo / ".git/info/exclude", "ignored\n")
    write(begun.path / "ignored", "installed by setup\n")
    write(begun.path / "half", "done\n")
    prepare(begun)
    assert begun.exists() and (begun.path / ".git").is_dir()
    assert (begun.path / "ignored").exists()
    write(begun.path / "more", "x\n")
    sha = begun.commit("round 2").sha
    assert sha == begun.export() == git(begun.repo, "rev-parse", "muster/e1")
    assert git(begun.repo, "log", "--format=%s", f"{INTEGRATION}..muster/e1").split("\n") == ["round 2", "recovered work"]
    assert git(begun.repo, "worktree", "list").count("\n") == 0
    assert begun.discard() and not begun.path.exists()


def test_what_others_landed_is_merged_into_it(begun: WorkingCopy) -> None:
    write(begun.path / "mine", "x\n")
    git(begun.repo, "checkout", "--quiet", INTEGRATION)
    write(begun.repo / "theirs", "x\n")
    git(begun.repo, "add", "--all")
    git(begun.repo, "commit", "--quiet", "-m", "theirs")
    git(begun.repo, "checkout", "--quiet", "main")
    prepare(begun)
    assert (begun.path / "theirs").exists() and (begun.path / "mine").exists()


def test_commits_on_a_branch_of_the_agents_own_keep_their_files(begun: WorkingCopy) -> None:
    git(begun.path, "checkout", "--quiet", "--detach")
    write(begun.path / "mine", "x\n")
    git(begun.path, "add", "--all")
    git(begun.path, "commit", "--quiet", "-m", "elsewhere")
    prepare(begun)
    assert git(begun.repo, "show", "muster/e1:mine") == "x"


def test_a_moved_data_directory_changes_nothing(begun: WorkingCopy, tmp_path: Path) -> None:
    write(begun.path / "mine", "x\n")
    shutil.move(tmp_path / "root", tmp_path / "moved")
    moved = copies.copy_of(begun.repo, tmp_path / "moved")
    prepare(moved)
    assert (moved.path / "mine").exists() and git(begun.repo, "show", "muster/e1:mine") == "x"


def test_killed_half_way_it_becomes_one_with_the_next_session(begun: WorkingCopy, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def killed(path: Path) -> None:
        raise Killed

    write(begun.path / "mine", "x\n")
    monkeypatch.setattr(adopting.untrusted, "remove", killed)
    with pytest.raises(Killed):
        prepare(begun)
    monkeypatch.undo()
    prepare(begun)
    assert git(begun.repo, "show", "muster/e1:mine") == "x"


def test_one_that_git_had_not_filled_yet_loses_no_file(begun: WorkingCopy) -> None:
    """Its missing files were never deleted."""
    write(begun.repo / ".git/worktrees/e1/locked", "initializing\n")
    (begun.path / "two").unlink()
    assert not adopting.is_worktree(begun.repo, begun.path)
    prepare(begun)
    assert (begun.path / "two").read_text() == "2\n"
    begun.commit("round")
    assert git(begun.repo, "diff", "--name-only", INTEGRATION, "muster/e1") == ""


def test_one_that_the_user_locked_is_one_all_the_time(begun: WorkingCopy) -> None:
    write(begun.repo / ".git/worktrees/e1/locked", "on a disk of mine\n")
    assert adopting.is_worktree(begun.repo, begun.path)


def test_a_worktree_of_the_user_is_left_alone(begun: WorkingCopy, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    git(begun.repo, "worktree", "add", "--quiet", "-b", "their-own", str(theirs))
    write(begun.path / ".git", f"gitdir: {begun.repo}/.git/worktrees/theirs\n")
    assert not adopting.is_worktree(begun.repo, begun.path)
    assert adopting.is_worktree(begun.repo, theirs)
