import shutil
from pathlib import Path
from threading import Timer

import pytest

from orchestration.git import branches
from orchestration.git.command import GitError
from orchestration.git.command import run as git_run
from tests.orchestration.git.repositories import a_repository, git, write


def test_work_starts_from_the_current_or_the_named_branch(tmp_path: Path):
    repo = a_repository(tmp_path / "repo")
    git(repo, "branch", "other")
    assert branches.check_repository(repo) == "main"
    assert branches.check_repository(repo, "other") == "other"


def test_a_bare_repository_is_accepted(tmp_path: Path):
    git(tmp_path, "clone", "--quiet", "--bare", str(a_repository(tmp_path / "repo")), "bare")
    assert branches.check_repository(tmp_path / "bare") == "main"


def test_each_problem_has_a_readable_message(tmp_path: Path):
    def complaint(repo: Path, branch: str | None = None) -> str:
        with pytest.raises(GitError) as raised:
            branches.check_repository(repo, branch)
        return str(raised.value)

    assert complaint(tmp_path / "nowhere") == f"{tmp_path}/nowhere is not a directory"
    assert complaint(tmp_path) == f"{tmp_path} is not a git repository"
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    assert complaint(tmp_path / "empty") == f"{tmp_path}/empty has no commit yet"
    (tmp_path / "fetched").mkdir()
    git(tmp_path / "fetched", "init", "--quiet", "--initial-branch=trunk")
    git(tmp_path / "fetched", "fetch", "--quiet", str(a_repository(tmp_path / "there")), "main:refs/remotes/origin/main")
    assert complaint(tmp_path / "fetched") == f"{tmp_path}/fetched has no commit yet"
    repo = a_repository(tmp_path / "repo", sub__file="x")
    assert complaint(repo, "-q") == f"{repo} has no branch '-q'"
    assert "inside the repository" in complaint(repo / "sub")
    git(repo, "checkout", "--quiet", "--detach")
    assert "name the base branch" in complaint(repo)


def test_a_repository_of_another_user_is_refused_with_gits_own_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "fatal: detected dubious ownership in repository at '/repo'\nTo add an exception, call git config"
    monkeypatch.setattr(branches.git, "attempt", lambda *_, **__: (128, "", words))
    with pytest.raises(GitError, match="To add an exception"):
        branches.check_repository(a_repository(tmp_path / "repo"))


def test_a_repository_whose_files_need_a_filter_is_refused(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo", **{"a__.gitattributes": "*.bin filter=lfs\n"})
    with pytest.raises(GitError, match="uses lfs"):
        branches.check_repository(repo)


def test_a_working_copy_whose_folder_is_gone_holds_no_branch(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    for name in ("gone", "there"):
        git(repo, "worktree", "add", "--quiet", "-b", name, str(tmp_path / name))
    shutil.rmtree(tmp_path / "gone")
    holding = {name: branches.checked_out_in(repo, name) for name in ("main", "gone", "there", "none")}
    assert holding == {"main": repo, "gone": None, "there": tmp_path / "there", "none": None}
    assert branches.checked_out_in(repo, "there", except_in=tmp_path / "there") is None
    assert branches.checked_out_in(repo, "there", except_in=tmp_path / "other") == tmp_path / "there"
    copies = {(copy.path, copy.branch) for copy in branches.working_copies(repo)}
    assert copies == {(repo, "main"), (tmp_path / "gone", "gone"), (tmp_path / "there", "there")}


def test_an_integration_branch_that_another_process_makes_meanwhile_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = a_repository(tmp_path / "repo")
    theirs = git(repo, "commit-tree", "main^{tree}", "-p", "main", "-m", "landed there")
    tip = branches.tip

    def tip_before_theirs(repo: Path, branch: str) -> str | None:
        answer = tip(repo, branch)
        if branch == "integration" and answer is None:
            git(repo, "update-ref", "refs/heads/integration", theirs)
        return answer

    monkeypatch.setattr(branches, "tip", tip_before_theirs)
    assert branches.ensure_integration(repo, "integration", "main") == theirs == git(repo, "rev-parse", "integration")


def test_the_integration_branch_is_created_once_from_the_base(tmp_path: Path):
    repo = a_repository(tmp_path / "repo")
    first = branches.ensure_integration(repo, "muster/integration", "main")
    assert first == git(repo, "rev-parse", "main")
    write(repo / "three", "3\n")
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "the user continues")
    assert branches.ensure_integration(repo, "muster/integration", "main") == first


def test_a_branch_that_the_user_has_checked_out_is_refused(tmp_path: Path):
    repo = a_repository(tmp_path / "repo")
    with pytest.raises(GitError, match="is checked out in"):
        branches.ensure_integration(repo, "main", "main")
    git(repo, "worktree", "add", "--quiet", "-b", "integration", str(tmp_path / "their-own"))
    with pytest.raises(GitError, match="their-own"):
        branches.ensure_integration(repo, "integration", "main")


@pytest.mark.parametrize("name", ["", "-x", "a..b", "a b", "@{-1}", "x.lock"])
def test_an_invalid_branch_name_is_refused(tmp_path: Path, name: str):
    with pytest.raises(GitError, match="is not a name for a branch"):
        branches.ensure_integration(a_repository(tmp_path / "repo"), name, "main")


def test_it_waits_for_a_working_copy_that_is_being_created(tmp_path: Path):
    repo = a_repository(tmp_path / "repo")
    git(repo, "worktree", "add", "--quiet", "-b", "e5", str(tmp_path / "e5"))
    half = repo / ".git/worktrees/e5/commondir"
    whole = half.read_text()
    half.write_text("")  # as git leaves it for a moment
    with pytest.raises(GitError):
        git_run(repo, "worktree", "list")
    Timer(0.2, half.write_text, [whole]).start()
    assert [copy.branch for copy in branches.working_copies(repo)] == ["main", "e5"]
