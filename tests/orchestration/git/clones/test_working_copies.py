"""F46: whatever a crash leaves in a worktree, the next round can use it, and the user's own working copy stays untouched."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.git import branches, changes, conflicts, large_files, merging
from orchestration.git.clones import working_copies
from orchestration.git.clones.safety import config
from orchestration.git.clones.safety.records import Record
from orchestration.git.command import GitError
from orchestration.git.prepared import Prepared
from tests.orchestration.git import copies
from tests.orchestration.git.repositories import a_repository, git, try_git, user_state, write

INTEGRATION = "integration"


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Path]:
    """With an uncommitted change by the user, a hook that always fails, and signing that cannot work."""
    repo = a_repository(tmp_path / "repo")
    branches.ensure_integration(repo, INTEGRATION, "main")
    for name in ("pre-commit", "commit-msg", "post-checkout", "reference-transaction", "pre-merge-commit"):
        write(repo / ".git/hooks" / name, "#!/bin/sh\nexit 1\n").chmod(0o755)
    for option in ("commit.gpgsign true", "gpg.program false", "merge.ff only", "core.editor false", "user.useConfigOnly true"):
        git(repo, "config", *option.split())
    write(repo / "one", "the user is at work\n")
    before = user_state(repo)
    yield repo
    assert user_state(repo) == before
    assert (repo / "one").read_text() == "the user is at work\n"


@pytest.fixture
def prepare(repo: Path, tmp_path: Path) -> Callable[..., Prepared]:
    return lambda entry="e1": copies.prepare(repo, tmp_path / "root", entry, INTEGRATION)


def changed(tree: Prepared) -> list[str]:
    """The files that the entry's branch changed, as the clone itself sees it."""
    names = git(tree.path, "-c", "core.quotePath=false", "diff", "--name-only", "--no-renames", "-z", tree.base_sha, "HEAD")
    return sorted(name for name in names.split("\0") if name)


def land(repo: Path, tree: Prepared) -> None:
    assert isinstance(merging.merge(repo, tree.branch, INTEGRATION, "land"), merging.Merged)


def test_a_new_worktree_starts_from_the_integration_branch(repo: Path, prepare, tmp_path: Path):
    tree = prepare()
    tip = git(repo, "rev-parse", INTEGRATION)
    assert tree == Prepared(tmp_path / "root/e1", "muster/e1", tip, fresh=True, tip=tip)
    assert (tree.path / "one").read_text() == "1\n"


def test_a_new_worktree_copies_no_objects_however_many_files_there_are(repo: Path, prepare):
    """Only the files themselves: what history and trees weigh does not count."""
    git(repo, "stash", "-q")
    for n in range(300):
        write(repo / f"many/{n}", f"{n}\n")
    git(repo, "add", "many")
    git(repo, "-c", "core.hooksPath=/dev/null", "commit", "-qm", "many")
    git(repo, "-c", "core.hooksPath=/dev/null", "update-ref", f"refs/heads/{INTEGRATION}", "main")
    git(repo, "reset", "-q", "--hard", "HEAD~1")
    git(repo, "stash", "pop", "-q")
    for entry in ("e1", "e2"):
        tree = prepare(entry)
        assert (tree.path / "many/299").read_text() == "299\n"
        assert [path.name for path in (tree.path / ".git/objects").rglob("*") if path.is_file()] == ["alternates"]


def test_a_commit_leaves_out_what_is_too_large_without_reading_it(repo: Path, prepare):
    """A sparse file of a terabyte would keep git busy for hours. A name may look like a pattern."""
    tree = prepare()
    write(tree.path / "small", "x\n")
    for name in ("data/*.bin", ":(top)big"):
        write(tree.path / name, "")
        os.truncate(tree.path / name, 2**40)
    write(tree.path / "data/other.bin", "x\n")
    assert copies.commit(repo, tree.path, "Round 1")
    assert changed(tree) == ["data/other.bin", "small"]
    assert copies.copy_of(repo, tree.path.parent).too_large(2**20) == {":(top)big": 2**40, "data/*.bin": 2**40}


def test_a_large_file_is_found_in_the_work_and_in_its_history(repo: Path, prepare):
    tree = prepare()
    write(tree.path / "in history", "x" * 5000)
    git(tree.path, "add", ".")
    git(tree.path, "commit", "--no-verify", "--no-gpg-sign", "-qm", "the agent's own")
    (tree.path / "in history").unlink()
    write(tree.path / "now", "y" * 6000)
    sha = copies.commit(repo, tree.path, "Round 1")
    assert sha and large_files.committed(repo, tree.base_sha, sha, 4000) == {"in history": 5000, "now": 6000}
    assert large_files.committed(repo, tree.base_sha, sha, 5000) == {"now": 6000}


def test_a_commit_includes_all_but_ignored_files(repo: Path, prepare):
    tree = prepare()
    write(tree.path / ".gitignore", "*.tmp\n")
    write(tree.path / "new/file.py", "x\n")
    write(tree.path / "junk.tmp", "x\n")
    (tree.path / "two").unlink()
    sha = copies.commit(repo, tree.path, "Round 1\n\nMore.")
    assert sha == git(tree.path, "rev-parse", "muster/e1")
    assert changed(tree) == [".gitignore", "new/file.py", "two"]
    assert git(tree.path, "log", "-1", "--format=%an <%ae> %s") == "Muster <muster@localhost> Round 1"
    assert copies.commit(repo, tree.path, "again") == sha, "there was nothing to commit"


def test_changed_files_have_their_exact_names(repo: Path, prepare):
    tree = prepare()
    write(tree.path / "n\u00ef ce\tfile", "x\n")
    write(tree.path / "two", "22\n")
    sha = copies.commit(repo, tree.path, "named")
    assert changes.changed_files(repo, tree.base_sha, sha) == ["n\u00ef ce\tfile", "two"]


def test_what_the_user_excludes_is_not_committed(repo: Path, prepare, tmp_path: Path):
    write(repo / ".git/info/exclude", "*.local\n")
    write(tmp_path / "ignored-everywhere", "*.mine\n")
    git(repo, "config", "core.excludesFile", str(tmp_path / "ignored-everywhere"))
    config.settings_of.cache_clear()
    tree = prepare()
    for name in ("a.local", "b.mine", "c"):
        write(tree.path / name, "x\n")
    assert git(tree.path, "status", "--porcelain") == "?? c"
    copies.commit(repo, tree.path, "round")
    assert changed(tree) == ["c"]
    write(repo / ".git/info/exclude", "")
    prepare()
    copies.commit(repo, tree.path, "round")
    assert changed(tree) == ["a.local", "c"], "what the user no longer excludes is committed"


def test_the_diff_is_counted_and_cut(repo: Path, prepare):
    tree = prepare()
    write(tree.path / "two", "22\n" + "y\n" * 10_000)
    (tree.path / "binary").write_bytes(b"\0\xff" * 50)
    (tree.path / b"caf\xe9".decode("utf-8", "surrogateescape")).write_bytes(b"caf\xe9\n")
    copies.commit(repo, tree.path, "much")
    assert changes.diffstat(repo, tree.base_sha, git(repo, "rev-parse", tree.branch)) == {
        "files": 3,
        "insertions": 10_002,
        "deletions": 1,
    }
    text = changes.diff(repo, tree.base_sha, tree.branch)
    assert "caf\\xe9" in text and text.encode()
    assert changes.diff(repo, tree.base_sha, tree.branch, limit_bytes=300).endswith("[cut: the diff is longer than 300 bytes]\n")


def test_it_is_reused_with_the_landed_work_of_others(repo: Path, prepare):
    mine, other = prepare("e1"), prepare("e2")
    write(mine.path / "mine", "x\n")
    copies.commit(repo, mine.path, "mine")
    write(other.path / "other", "x\n")
    copies.commit(repo, other.path, "other")
    land(repo, other)
    again = prepare("e1")
    assert (again.path / "other").exists() and not again.fresh
    assert changed(again) == ["mine"], "what others landed is not the entry's own change"


def test_a_conflicting_merge_changes_nothing(repo: Path, prepare):
    mine, other = prepare("e1"), prepare("e2")
    write(mine.path / "two", "mine\n")
    sha = copies.commit(repo, mine.path, "mine")
    write(other.path / "two", "theirs\n")
    copies.commit(repo, other.path, "other")
    land(repo, other)
    again = prepare("e1")
    assert git(again.path, "rev-parse", "HEAD") == sha
    assert git(again.path, "status", "--porcelain") == ""
    assert changed(again) == ["two"]


def test_leftovers_of_a_crash_are_committed(prepare):
    tree = prepare()
    write(tree.path / "half", "done\n")
    gitdir = Path(git(tree.path, "rev-parse", "--absolute-git-dir"))
    write(gitdir / "index.lock", "")
    write(gitdir / "HEAD.lock", "")
    write(gitdir.parents[1] / "refs/heads/muster/e1.lock", "")
    again = prepare()
    assert git(again.path, "log", "-1", "--format=%s") == "recovered work"
    assert (again.path / "half").read_text() == "done\n"


def half_done(how: str, repo: Path, tree: Prepared) -> str:
    """An agent that was stopped in the middle of a merge or rebase. Returns its own last commit."""
    write(tree.path / "two", "mine\n")
    sha = copies.commit(repo, tree.path, "mine")
    assert sha
    git(tree.path, "checkout", "--quiet", "-b", "side", tree.base_sha)
    write(tree.path / "two", "side\n")
    git(tree.path, "commit", "--quiet", "-am", "side")
    git(tree.path, "checkout", "--quiet", "muster/e1")
    assert try_git(tree.path, how, "side")[0] == 1
    return sha


@pytest.mark.parametrize("how", ["merge", "cherry-pick"])
def test_a_half_done_merge_is_kept_and_reported_as_unresolved(repo: Path, prepare, how: str):
    tree = prepare()
    half_done(how, repo, tree)
    write(tree.path / "kept", "of the agent's work on it\n")
    again = prepare()
    assert git(again.path, "status", "--porcelain") == ""
    assert (again.path / "kept").exists() and "<<<<<<<" in (again.path / "two").read_text()
    assert conflicts.unresolved(repo, again.base_sha, again.branch) == ["two"]


@pytest.mark.parametrize("kept_first", [True, False])
def test_a_half_done_rebase_is_undone(repo: Path, prepare, kept_first: bool):
    """Committed by the reaper before the next session comes, or not."""
    tree = prepare()
    sha = half_done("rebase", repo, tree)
    if kept_first:
        copies.commit(repo, tree.path, "Recovered")
    again = prepare()
    assert git(again.path, "rev-parse", "HEAD") == sha
    assert (again.path / "two").read_text() == "mine\n"
    assert git(again.path, "status", "--porcelain") == ""


def test_a_deleted_directory_is_recreated_from_its_branch(repo: Path, prepare):
    tree = prepare()
    copy = copies.copy_of(repo, tree.path.parent)
    assert not copy.is_set_up("home")
    with pytest.raises(OSError, match="interrupted"), copy.setting_up("home") as is_due:
        assert is_due
        raise OSError("interrupted")
    with copy.setting_up("home") as is_due:
        assert is_due
    with copy.setting_up("home") as is_due:
        assert not is_due
    write(tree.path / "mine", "x\n")
    sha = copies.commit(repo, tree.path, "mine")
    shutil.rmtree(tree.path)
    assert copy.is_set_up("home") and not copy.is_set_up("another home")
    again = prepare()
    assert git(again.path, "rev-parse", "HEAD") == sha
    assert not again.fresh and not copy.is_set_up("home")


def test_a_branch_without_a_worktree_gets_a_new_worktree(repo: Path, prepare):
    git(repo, "branch", "muster/e1", "main")
    assert not prepare().fresh


def test_a_folder_that_is_no_worktree_is_put_aside(prepare, tmp_path: Path):
    write(tmp_path / "root/e1/precious", "work\n")
    tree = prepare()
    assert tree.fresh and not (tree.path / "precious").exists()
    assert [file.read_text() for file in (tmp_path / "root/.lost").glob("*/precious")] == ["work\n"]


def test_files_that_a_killed_git_had_not_written_yet_do_not_count_as_deleted(prepare):
    tree = prepare()
    record = Record.of(tree.path)
    state = record.read()
    assert state
    record.write(replace(state, is_moving=True))
    record.index.unlink()
    write(record.folder / "index.lock", "")
    (tree.path / "two").unlink()
    again = prepare()
    assert (again.path / "two").read_text() == "2\n"
    assert changed(again) == []


def test_a_deleted_branch_is_recreated(repo: Path, prepare):
    tree = prepare()
    write(tree.path / "mine", "x\n")
    sha = copies.commit(repo, tree.path, "mine")
    os.unlink(repo / ".git/refs/heads/muster/e1")
    assert git(prepare().path, "rev-parse", "HEAD") == sha


def test_commits_on_a_branch_of_the_agents_own_are_brought_back(repo: Path, prepare):
    tree = prepare()
    git(tree.path, "checkout", "--quiet", "-b", "feature#1/caf\u00e9")
    write(tree.path / "mine", "x\n")
    git(tree.path, "add", "mine")
    git(tree.path, "commit", "--quiet", "-m", "theirs")
    write(tree.path / "more", "x\n")
    sha = copies.commit(repo, tree.path, "round")
    assert sha == git(tree.path, "rev-parse", "muster/e1")
    assert changed(tree) == ["mine", "more"]


def test_an_agent_that_detached_loses_nothing(repo: Path, prepare):
    tree = prepare()
    write(tree.path / "first", "x\n")
    first = copies.commit(repo, tree.path, "first")
    git(tree.path, "checkout", "--quiet", "--detach", tree.base_sha)
    write(tree.path / "second", "x\n")
    copies.commit(repo, tree.path, "second")
    assert git(tree.path, "symbolic-ref", "HEAD") == "refs/heads/muster/e1"
    assert git(tree.path, "rev-parse", "HEAD^") == first


def test_an_agent_that_checks_out_an_older_commit_undoes_nothing(repo: Path, prepare):
    tree = prepare()
    write(tree.path / "mine", "x\n")
    git(tree.path, "add", "mine")
    git(tree.path, "commit", "--quiet", "-m", "its own commit")
    git(tree.path, "checkout", "--quiet", "--detach", tree.base_sha)
    copies.commit(repo, tree.path, "round")
    assert (tree.path / "mine").exists() and git(tree.path, "symbolic-ref", "HEAD") == "refs/heads/muster/e1"
    assert changed(tree) == ["mine"]


def test_work_on_two_branches_is_joined_and_no_other_branch_moves(repo: Path, prepare):
    tree = prepare()
    write(tree.path / "first", "x\n")
    copies.commit(repo, tree.path, "first")
    git(tree.path, "checkout", "--quiet", "-b", "feature", tree.base_sha)
    write(tree.path / "second", "x\n")
    git(tree.path, "add", "second")
    git(tree.path, "commit", "--quiet", "-m", "second")
    write(tree.path / "third", "x\n")
    sha = copies.commit(repo, tree.path, "round")
    assert changed(tree) == ["first", "second", "third"]
    assert git(repo, "for-each-ref", "--format=%(refname:short)", "refs/heads").split() == [INTEGRATION, "main", "muster/e1"]
    assert git(repo, "rev-parse", "muster/e1") == sha


@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize("how", [["--orphan", "elsewhere"], ["-b", "feature", INTEGRATION]])
def test_where_two_branches_conflict_the_files_stay_as_the_agent_left_them(repo: Path, prepare, how: list[str], commits: bool):
    tree = prepare()
    write(tree.path / "two", "first\n")
    first = copies.commit(repo, tree.path, "first")
    git(tree.path, "checkout", "--quiet", *how)
    write(tree.path / "two", "last\n")
    if commits:
        git(tree.path, "commit", "--quiet", "--all", "-m", "last")
    copies.commit(repo, tree.path, "round")
    assert (tree.path / "two").read_text() == "last\n"
    assert first in git(tree.path, "log", "--format=%H", "muster/e1")


def test_a_conflict_is_left_in_the_files_for_an_agent_to_resolve(repo: Path, prepare, tmp_path: Path):
    mine, other = prepare("e1"), prepare("e2")
    write(mine.path / "two", "mine\n")
    write(mine.path / "caf\u00e9 one", "mine\n")
    copies.commit(repo, mine.path, "mine")
    write(other.path / "two", "theirs\n")
    write(other.path / "caf\u00e9 one", "theirs\n")
    write(other.path / "new", "x\n")
    copies.commit(repo, other.path, "other")
    land(repo, other)
    again = copies.prepare(repo, tmp_path / "root", "e1", INTEGRATION, leave_conflicts=True)
    assert again.conflicts == (
        "CONFLICT (add/add): Merge conflict in caf\u00e9 one",
        "CONFLICT (content): Merge conflict in two",
    )
    assert {"mine", "theirs"} <= set((again.path / "two").read_text().splitlines())
    assert again.base_sha == git(repo, "rev-parse", INTEGRATION)
    assert conflicts.unresolved(repo, again.base_sha, again.branch) == ["caf\u00e9 one", "two"]
    write(again.path / "two", "mine and theirs\n")
    copies.commit(repo, again.path, "resolved one")
    once_more = copies.prepare(repo, tmp_path / "root", "e1", INTEGRATION, leave_conflicts=True)
    assert once_more.conflicts == () and conflicts.unresolved(repo, once_more.base_sha, once_more.branch) == ["caf\u00e9 one"]
    write(again.path / "caf\u00e9 one", "both\n")
    copies.commit(repo, again.path, "resolved")
    assert conflicts.unresolved(repo, again.base_sha, again.branch) == []
    land(repo, again)


def test_a_moved_data_directory_is_repaired(repo: Path, prepare, tmp_path: Path):
    tree = prepare()
    write(tree.path / "mine", "x\n")
    shutil.move(tmp_path / "root", tmp_path / "moved")
    again = copies.prepare(repo, tmp_path / "moved", "e1", INTEGRATION)
    assert (again.path / "mine").exists()


def test_an_inner_repository_is_kept_as_files(repo: Path, prepare):
    tree = prepare()
    for name in ("empty", "full", "ignored"):
        write(tree.path / name / "file", "work\n")
        git(tree.path / name, "init", "-q")
    write(tree.path / ".gitignore", "ignored\n")
    git(tree.path / "full", "add", "-A")
    git(tree.path / "full", "commit", "-q", "-m", "inner")
    assert copies.commit(repo, tree.path, "all of it")
    files = git(repo, "ls-tree", "-r", "--name-only", "muster/e1").split()
    assert files == [".gitignore", "empty/file", "full/file", "one", "two"]
    assert (tree.path / "ignored/.git").is_dir()


def test_commits_that_the_agent_rewrote_are_its_own_and_the_old_ones_are_kept(repo: Path, prepare):
    tree = prepare()
    write(tree.path / "mine", "x\n")
    first = copies.commit(repo, tree.path, "first")
    git(tree.path, "commit", "--quiet", "--amend", "-m", "better")
    write(tree.path / "more", "x\n")
    copies.commit(repo, tree.path, "round")
    assert git(repo, "log", "--format=%s", f"{tree.base_sha}..muster/e1").split("\n") == ["round", "better"]
    assert git(repo, "for-each-ref", "--format=%(objectname)", "refs/muster/strayed/e1") == first
    second = git(tree.path, "rev-parse", "HEAD")
    git(tree.path, "commit", "--quiet", "--amend", "-m", "best")
    copies.commit(repo, tree.path, "again")
    strayed = git(repo, "for-each-ref", "--format=%(objectname)", "refs/muster/strayed/e1").split()
    assert set(strayed) == {first, second}, "each is kept"


def test_a_branch_that_was_reset_to_before_its_base_still_has_it(repo: Path, prepare):
    second = git(repo, "commit-tree", "main^{tree}", "-p", "main", "-m", "second")
    git(repo, "update-ref", f"refs/heads/{INTEGRATION}", second)
    tree = prepare()
    git(tree.path, "reset", "--quiet", "--hard", "HEAD^")
    write(tree.path / "mine", "x\n")
    sha = copies.commit(repo, tree.path, "round")
    assert git(repo, "merge-base", str(sha), INTEGRATION) == tree.base_sha
    assert changes.changed_files(repo, tree.base_sha, str(sha)) == ["mine"]


def test_what_a_person_committed_on_the_branch_is_joined(repo: Path, prepare):
    tree = prepare()
    write(tree.path / "mine", "x\n")
    copies.commit(repo, tree.path, "first")
    theirs = git(repo, "commit-tree", "muster/e1^{tree}", "-p", "muster/e1", "-m", "a person's")
    git(repo, "update-ref", "refs/heads/muster/e1", theirs)
    write(tree.path / "more", "x\n")
    sha = copies.commit(repo, tree.path, "second")
    assert theirs in git(repo, "log", "--format=%H", "muster/e1") and sha == git(repo, "rev-parse", "muster/e1")
    assert changed(tree) == ["mine", "more"]


def test_work_on_a_branch_that_the_user_checks_out_meanwhile_waits_in_the_clone(repo: Path, prepare, tmp_path: Path):
    tree = prepare()
    git(repo, "worktree", "add", "--quiet", str(tmp_path / "looking"), "muster/e1")
    write(tree.path / "mine", "x\n")
    for _ in range(2):
        with pytest.raises(GitError, match="looking"):
            copies.commit(repo, tree.path, "round")
        assert git(tree.path, "log", "-1", "--format=%s", "muster/e1") == "round"
        assert git(tree.path, "status", "--porcelain") == ""
    assert user_state(tmp_path / "looking")[2] == ""
    git(repo, "worktree", "remove", str(tmp_path / "looking"))
    assert copies.commit(repo, tree.path, "round") == git(repo, "rev-parse", "muster/e1")
    assert changed(tree) == ["mine"]


def test_the_users_own_worktrees_are_not_forgotten(repo: Path, prepare, tmp_path: Path):
    """For example on a disk that is not mounted at the moment."""
    git(repo, "worktree", "add", "--quiet", "-b", "theirs", str(tmp_path / "theirs"))
    (tmp_path / "theirs").rename(tmp_path / "unmounted")
    shutil.rmtree(prepare().path)
    prepare()
    assert any(copy.branch == "theirs" for copy in branches.working_copies(repo))


def test_a_branch_that_the_user_has_checked_out_is_not_taken(repo: Path, prepare, tmp_path: Path):
    git(repo, "worktree", "add", "--quiet", "-b", "muster/e1", str(tmp_path / "looking"))
    with pytest.raises(GitError, match="looking"):
        prepare()


def test_a_name_cannot_leave_the_folder(prepare):
    for name in ("../x", "", ".lock", "-x", "a/b"):
        with pytest.raises(GitError, match="cannot be the name"):
            prepare(name)


def test_it_is_removed_only_when_nothing_is_lost(repo: Path, prepare):
    tree = prepare()
    write(tree.path / "mine", "x\n")
    assert not copies.copy_of(repo, tree.path.parent, tree.path.name).discard()
    copies.commit(repo, tree.path, "mine")
    (tree.path / "two").unlink()
    assert not copies.copy_of(repo, tree.path.parent, tree.path.name).discard(), "a deletion is work too"
    write(tree.path / "two", "2\n")
    git(tree.path, "checkout", "--quiet", "--detach")
    git(repo, "update-ref", "-d", "refs/heads/muster/e1")
    assert not copies.copy_of(repo, tree.path.parent, tree.path.name).discard(), "no branch holds its commit"
    git(repo, "branch", "muster/e1", git(tree.path, "rev-parse", "HEAD"))
    assert copies.copy_of(repo, tree.path.parent, tree.path.name).discard()
    assert not tree.path.exists()
    assert copies.copy_of(repo, tree.path.parent, tree.path.name).discard(), "and again"
    assert (prepare().path / "mine").exists()


@pytest.mark.parametrize("ref", ["refs/tags/kept", "refs/muster/strayed/e1/x", "refs/heads/another"])
def test_it_is_removed_where_any_ref_of_the_repository_has_its_commit(repo: Path, prepare, ref: str):
    tree = prepare()
    write(tree.path / "mine", "x\n")
    sha = copies.commit(repo, tree.path, "mine")
    git(repo, "update-ref", "-d", "refs/heads/muster/e1")
    later = git(repo, "commit-tree", f"{sha}^{{tree}}", "-p", str(sha), "-m", "later")
    git(repo, "update-ref", ref, later)
    assert copies.copy_of(repo, tree.path.parent).discard() and not tree.path.exists()


def test_a_branch_that_is_deleted_while_an_agent_works_is_there_again(repo: Path, prepare):
    tree = prepare()
    write(tree.path / "mine", "x\n")
    git(repo, "branch", "-D", "muster/e1")
    assert copies.commit(repo, tree.path, "mine") == git(repo, "rev-parse", "muster/e1")


def test_a_merge_whose_files_are_all_of_one_side_is_kept(repo: Path, prepare):
    tree = prepare()
    git(tree.path, "checkout", "--quiet", "-b", "side")
    write(tree.path / "two", "side\n")
    git(tree.path, "commit", "--quiet", "-am", "side")
    side = git(tree.path, "rev-parse", "HEAD")
    git(tree.path, "checkout", "--quiet", "muster/e1")
    git(tree.path, "merge", "--quiet", "--no-commit", "--no-ff", "-s", "ours", "side")
    copies.commit(repo, tree.path, "round")
    assert git(repo, "log", "-1", "--format=%P", "muster/e1").split() == [tree.base_sha, side]
    assert git(repo, "show", "muster/e1:two") == "2"


def test_a_removal_that_was_killed_is_finished(repo: Path, prepare, monkeypatch):
    tree = prepare()
    copy = copies.copy_of(repo, tree.path.parent)
    with monkeypatch.context() as killed:
        killed.setattr(Record, "remove", lambda record: None)
        copy.discard()
    assert not tree.path.exists()
    assert working_copies.names_in(tree.path.parent, "e*") == ["e1"]
    assert copy.discard()
    assert working_copies.names_in(tree.path.parent, "e*") == []


def test_a_checkout_is_clean_and_leaves_nothing(repo: Path, prepare, tmp_path: Path):
    tree = prepare()
    write(tree.path / "mine", "x\n")
    sha = copies.commit(repo, tree.path, "mine")
    write(tree.path / "mine", "changed after the round\n")
    (tmp_path / "root/s1").mkdir()
    write(tmp_path / "root/s1/left", "by a crash\n")
    with working_copies.checkout(copies.copy_of(repo, tmp_path / "root").store, tmp_path / "root", "s1", sha) as clean:
        assert sorted(file.name for file in clean.iterdir()) == [".git", "mine", "one", "two"]
        assert (clean / "mine").read_text() == "x\n"
        write(clean / "made/by-a-check", "x\n")
    assert not clean.exists()
    assert all(copy.path != clean for copy in branches.working_copies(repo))


def test_a_worktree_of_the_users_that_has_a_checkouts_name_stays(repo: Path, tmp_path: Path):
    git(repo, "worktree", "add", "--quiet", "--detach", str(tmp_path / "theirs/s1"), INTEGRATION)
    store, tip = copies.copy_of(repo, tmp_path / "root").store, git(repo, "rev-parse", INTEGRATION)
    with working_copies.checkout(store, tmp_path / "root", "s1", tip) as clean:
        assert (clean / "one").read_text() == "1\n"
    assert not clean.exists()
    assert git(tmp_path / "theirs/s1", "status", "--porcelain") == ""


def test_a_checkout_that_a_crash_left_is_taken_over(repo: Path, tmp_path: Path):
    git(repo, "worktree", "add", "--quiet", "--detach", str(tmp_path / "root/s1"), INTEGRATION)
    with working_copies.checkout(
        copies.copy_of(repo, tmp_path / "root").store, tmp_path / "root", "s1", git(repo, "rev-parse", INTEGRATION)
    ) as clean:
        assert (clean / "one").read_text() == "1\n"


def test_git_variables_of_the_worker_do_not_reach_git(repo: Path, prepare, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    tree = prepare()
    write(tree.path / "mine", "x\n")
    assert copies.commit(repo, tree.path, "mine")
