"""An agent must not change the shared parts of its repository."""

from pathlib import Path

from orchestration.git import repo_guard, worktrees
from tests.orchestration.git.repositories import a_repository, git, write

BRANCH = "muster/integration"


def a_worktree(repo: Path, folder: Path) -> Path:
    path = folder / "worktrees" / "entry_1"
    git(repo, "worktree", "add", "-q", "-b", "muster/entry_1", str(path), BRANCH)
    return path


def a_guarded_worktree(tmp_path: Path) -> tuple[Path, Path, repo_guard.SharedState]:
    repo = a_repository(tmp_path / "repo")
    git(repo, "branch", BRANCH)
    path = a_worktree(repo, tmp_path)
    return repo, path, repo_guard.record_state(repo, path, BRANCH)


def test_work_on_its_own_branch_gives_no_finding(tmp_path: Path) -> None:
    repo, path, before = a_guarded_worktree(tmp_path)
    write(path / "new", "x\n")
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "work")
    assert repo_guard.restore(repo, path, BRANCH, before) == []


def test_a_commit_on_the_integration_branch_is_removed_and_kept_elsewhere(tmp_path: Path) -> None:
    repo, path, before = a_guarded_worktree(tmp_path)
    git(path, "checkout", "-q", BRANCH)
    write(path / "new", "unverified\n")
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "oops")
    strayed = git(path, "rev-parse", "HEAD")
    (finding,) = repo_guard.restore(repo, path, BRANCH, before)
    assert finding.startswith("integration_moved:") and "it is put back" in finding
    assert git(repo, "rev-parse", BRANCH) == before.tip
    assert git(repo, "for-each-ref", f"--contains={strayed}", "refs/muster/strayed")


def test_a_person_may_move_the_integration_branch(tmp_path: Path) -> None:
    repo, path, before = a_guarded_worktree(tmp_path)
    git(repo, "checkout", "-q", BRANCH)
    write(repo / "manual", "x\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "manual change")
    assert repo_guard.restore(repo, path, BRANCH, before) == []
    assert git(repo, "rev-parse", BRANCH) != before.tip


def test_a_new_git_filter_is_removed(tmp_path: Path) -> None:
    repo, path, before = a_guarded_worktree(tmp_path)
    git(path, "config", "filter.j.smudge", "sed s/1/0/")
    attributes = Path(git(path, "rev-parse", "--path-format=absolute", "--git-common-dir")) / "info" / "attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("tests/** filter=j\n")
    findings = repo_guard.restore(repo, path, BRANCH, before)
    assert [finding.split(" was ")[0] for finding in findings] == [
        "judge_changed: the repository's setting filter.j.smudge",
        "judge_changed: the repository's info/attributes",
    ]
    assert not attributes.exists() and "filter.j" not in git(repo, "config", "--local", "--list")


def test_the_users_own_settings_are_restored(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    git(repo, "branch", BRANCH)
    git(repo, "config", "filter.lfs.clean", "git-lfs clean %f")
    path = a_worktree(repo, tmp_path)
    before = repo_guard.record_state(repo, path, BRANCH)
    git(path, "config", "filter.lfs.clean", "evil")
    assert repo_guard.restore(repo, path, BRANCH, before)
    assert git(repo, "config", "filter.lfs.clean") == "git-lfs clean %f"


def test_an_inner_repository_is_kept_as_files(tmp_path: Path) -> None:
    _, path, _ = a_guarded_worktree(tmp_path)
    for name in ("empty", "full"):
        write(path / name / "file", "work\n")
        git(path / name, "init", "-q")
    git(path / "full", "add", "-A")
    git(path / "full", "commit", "-q", "-m", "inner")
    assert worktrees.commit(path, "all of it", branch="muster/entry_1")
    assert git(path, "ls-tree", "-r", "--name-only", "HEAD").split() == ["empty/file", "full/file", "one", "two"]
