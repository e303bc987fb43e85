import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestration.git import branches, command, conflicts, locking, merging, recovery
from orchestration.git.command import GitError
from orchestration.git.merging import Conflict, Merged
from tests.orchestration.git import copies
from tests.orchestration.git.repositories import a_repository, git, user_state, write


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = a_repository(tmp_path / "repo")
    branches.ensure_integration(repo, "integration", "main")
    return repo


def make_branch(repo: Path, entry: str, **files: str) -> str:
    """An entry's branch with these files changed, from the integration branch as it is."""
    tree = copies.prepare(repo, repo.parent / "root", entry, "integration")
    for name, text in files.items():
        write(tree.path / name, text)
    copies.commit(repo, tree.path, entry)
    return tree.branch


def test_work_lands_without_touching_the_users_copy(repo: Path):
    write(repo / "one", "the user is at work\n")
    before = user_state(repo)
    branch = make_branch(repo, "e1", two="22\n")
    landed = merging.merge(repo, branch, "integration", "Land e1")
    assert landed == Merged(git(repo, "rev-parse", "integration"))
    assert git(repo, "show", "integration:two") == "22"
    assert git(repo, "log", "-1", "--format=%s %an", "integration") == "Land e1 Muster"
    parents = [git(repo, "rev-parse", name) for name in ("main", branch)]
    assert git(repo, "log", "-1", "--format=%P", "integration").split() == parents, "what was there comes first"
    assert user_state(repo) == before
    assert merging.is_merged(repo, branch, "integration")


def test_what_is_merged_already_is_not_merged_again(repo: Path):
    branch = make_branch(repo, "e1", two="22\n")
    first = merging.merge(repo, branch, "integration", "once")
    assert merging.merge(repo, branch, "integration", "twice") == first


def test_a_conflict_names_its_files_and_changes_nothing(repo: Path):
    first, second = make_branch(repo, "e1", two="a\n", new="a\n"), make_branch(repo, "e2", two="b\n", new="b\n")
    merging.merge(repo, first, "integration", "e1")
    before = git(repo, "rev-parse", "integration")
    conflict = merging.merge(repo, second, "integration", "e2")
    assert isinstance(conflict, Conflict) and conflict.files == ["new", "two"]
    assert conflict.notes == ["CONFLICT (add/add): Merge conflict in new", "CONFLICT (content): Merge conflict in two"]
    assert git(repo, "rev-parse", "integration") == before
    assert not merging.is_merged(repo, second, "integration")


def test_of_many_conflicts_the_first_are_described_and_no_file_that_merged_by_itself(repo: Path):
    names = [f"file-{n:02}" for n in range(conflicts.MAX_NOTES + 5)]
    both = "".join(f"{n}\n" for n in range(20))
    base = make_branch(repo, "e0", both=both)
    merging.merge(repo, base, "integration", "e0")
    first = make_branch(repo, "e1", both=f"first\n{both}", **dict.fromkeys(names, "a\n"))
    second = make_branch(repo, "e2", both=f"{both}last\n", **dict.fromkeys(names, "b\n"))
    merging.merge(repo, first, "integration", "e1")
    conflict = merging.merge(repo, second, "integration", "e2")
    assert isinstance(conflict, Conflict) and conflict.files == names
    assert conflict.notes == [f"CONFLICT (add/add): Merge conflict in {name}" for name in names[: conflicts.MAX_NOTES]]


def test_a_merge_that_another_repository_has_made_is_made_in_this_one_too(repo: Path):
    branch, other = make_branch(repo, "e1", two="22\n"), make_branch(repo, "e2", new="x\n")
    merging.merge(repo, other, "integration", "e2")
    ours = git(repo, "rev-parse", "integration")
    git(repo.parent, "clone", "--quiet", "--mirror", str(repo), "mirror")
    theirs = git(repo, "rev-parse", branch)
    for place in (repo, repo.parent / "mirror"):
        tree = conflicts.merge_trees(place, ours, theirs)
        assert tree.files == [] and git(place, "cat-file", "-t", tree.sha) == "tree"


def test_a_commit_is_undone_on_top_of_what_came_after_it(repo: Path):
    first, second = make_branch(repo, "e1", two="22\n"), make_branch(repo, "e2", new="x\n")
    landed = merging.merge(repo, first, "integration", "e1")
    assert isinstance(landed, Merged)
    merging.merge(repo, second, "integration", "e2")
    undone = conflicts.revert_trees(repo, "integration", landed.sha)
    assert undone.files == []
    assert git(repo, "show", f"{undone.sha}:two") == "2" and git(repo, "show", f"{undone.sha}:new") == "x"


def test_a_file_whose_name_no_trailer_can_hold_is_left_out_of_the_message():
    assert conflicts.message_with_conflicts("merge \n", ["a", "b\nc"]) == "merge\n\nMuster-Conflict: a"
    assert conflicts.message_with_conflicts("merge", ["b\nc"]) == "merge"


def test_a_folder_is_locked_by_one_at_a_time(tmp_path: Path):
    folder = tmp_path / "new"
    with (
        locking.exclusive(folder),
        pytest.raises(GitError, match="has been held for 0 s"),
        locking.exclusive(folder, timeout_s=0),
    ):
        pass
    with locking.exclusive(folder, timeout_s=0):
        pass


def test_a_lock_of_a_ref_is_removed_once_no_git_can_hold_it(repo: Path):
    lock = write(repo / ".git/refs/muster/landed.lock", "")
    recovery.release_old_lock(repo, "refs/muster/landed", after_s=600)
    assert lock.exists()
    os.utime(lock, (0, 0))
    for _ in range(2):
        recovery.release_old_lock(repo, "refs/muster/landed", after_s=600)
    assert not lock.exists()


def test_a_branch_that_the_user_has_checked_out_is_not_moved(repo: Path):
    branch = make_branch(repo, "e1", two="22\n")
    with pytest.raises(GitError, match="is checked out in"):
        merging.merge(repo, branch, "main", "e1")


def test_a_missing_branch_is_an_error_and_not_merged(repo: Path):
    with pytest.raises(GitError, match="no branch 'muster/e9'"):
        merging.merge(repo, "muster/e9", "integration", "e9")
    assert not merging.is_merged(repo, "muster/e9", "integration")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """git itself waits for no lock: the waits are those of the module."""
    monkeypatch.setattr("orchestration.git.command._GIT", [*command._GIT, "-c", "core.filesRefLockTimeout=10"])


def test_a_lock_that_stays_is_a_readable_error(repo: Path, impatient: None, monkeypatch):
    branch = make_branch(repo, "e1", two="22\n")
    monkeypatch.setattr(merging, "TRIES", 2)
    write(repo / ".git/refs/heads/integration.lock", "")
    with pytest.raises(GitError, match="could not be moved"):
        merging.merge(repo, branch, "integration", "e1")


def test_a_lock_that_a_dead_git_left_is_removed(repo: Path, impatient: None):
    branch = make_branch(repo, "e1", two="22\n")
    lock = write(repo / ".git/refs/heads/integration.lock", "")
    os.utime(lock, (0, 0))
    assert isinstance(merging.merge(repo, branch, "integration", "e1"), Merged)


def test_a_lock_that_ends_in_a_moment_is_waited_for_and_stays_its_owners(repo: Path, impatient: None, monkeypatch):
    branch = make_branch(repo, "e1", two="22\n")
    lock = write(repo / ".git/refs/heads/integration.lock", "")
    seen = []

    def pause(_: float) -> None:
        seen.append(lock.exists())
        if len(seen) == 4:
            lock.unlink()

    monkeypatch.setattr(merging.time, "sleep", pause)
    assert isinstance(merging.merge(repo, branch, "integration", "e1"), Merged)
    assert seen[:4] == [True] * 4, "a young lock is a living git's"


def test_eight_concurrent_entries_all_land(repo: Path):
    def whole_life(number: int) -> str:
        branch = make_branch(repo, f"e{number}", **{f"file{number}": "x\n"})
        assert isinstance(merging.merge(repo, branch, "integration", branch), Merged)
        return branch

    with ThreadPoolExecutor(8) as threads:
        landed = list(threads.map(whole_life, range(16)))
    assert all(merging.is_merged(repo, branch, "integration") for branch in landed)
    assert len(git(repo, "ls-tree", "--name-only", "integration").split()) == 2 + 16
    git(repo, "fsck", "--strict")
