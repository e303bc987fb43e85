"""The .git of a clone is read as files: what it says of HEAD, the entry's branch, merges and conflicts."""

from pathlib import Path

import pytest

from orchestration.git.clones import agent_git
from orchestration.git.clones.agent_git import AgentGit
from tests.orchestration.git.repositories import a_repository, git, try_git, write

FIRST, SECOND = "1" * 40, "2" * 40


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for folder in (".git/refs/heads/muster", ".git/objects"):
        (tmp_path / folder).mkdir(parents=True)
    write(tmp_path / ".git/HEAD", "ref: refs/heads/muster/e1\n")
    return tmp_path


def read(clone: Path) -> AgentGit:
    return agent_git.read(clone, "muster/e1")


def test_a_branch_is_read_from_its_file_else_from_the_packed_refs(clone: Path) -> None:
    assert read(clone) == AgentGit()
    write(clone / ".git/packed-refs", f"# pack-refs\n{SECOND} refs/heads/muster/e11\n{FIRST} refs/heads/muster/e1\n")
    assert read(clone) == AgentGit(head=FIRST, branch_tip=FIRST)
    write(clone / ".git/refs/heads/muster/e1", f"{SECOND}\n")
    assert read(clone) == AgentGit(head=SECOND, branch_tip=SECOND)


def test_an_agent_is_astray_on_another_branch_or_on_none(clone: Path) -> None:
    write(clone / ".git/refs/heads/muster/e1", f"{FIRST}\n")
    write(clone / ".git/refs/heads/side", f"{SECOND}\n")
    for head, commit in (("ref: refs/heads/side", SECOND), (SECOND, SECOND), ("ref: ../../x", ""), ("nonsense", "")):
        write(clone / ".git/HEAD", f"{head}\n")
        assert read(clone) == AgentGit(head=commit, branch_tip=FIRST, is_astray=True)
    (clone / ".git/HEAD").unlink()
    assert read(clone) == AgentGit(branch_tip=FIRST)


@pytest.mark.parametrize("state", ["rebase-merge", "rebase-apply"])
def test_a_rebase_under_way_is_seen(clone: Path, state: str) -> None:
    assert not read(clone).is_rebasing
    (clone / ".git" / state).mkdir()
    assert read(clone).is_rebasing


def test_a_half_done_merge_names_sixteen_commits_at_most(clone: Path) -> None:
    shas = [f"{n:040x}" for n in range(1, 19)]
    write(clone / ".git/MERGE_HEAD", "\n".join(["nonsense", *shas]))
    assert read(clone).merges == tuple(shas[:16])
    assert read(clone).commits() == set(shas[:16])


@pytest.mark.parametrize("version", [2, 3, 4])
def test_files_with_a_conflict_are_found_in_each_version_of_an_index(tmp_path: Path, version: int) -> None:
    """In version 4 a name begins where it differs from the one before, which is far back here."""
    far = "/".join(["d" * 100, "e" * 100, "f" * 100])
    repo = a_repository(tmp_path / "repo", **{"a": "1\n", f"a{far}/x": "1\n", "b": "1\n", "c": "1\n"})
    git(repo, "checkout", "--quiet", "-b", "side")
    for name in (f"a{far}/x", "b"):
        write(repo / name, "2\n")
    git(repo, "commit", "--quiet", "--all", "-m", "side")
    git(repo, "checkout", "--quiet", "main")
    for name in (f"a{far}/x", "b"):
        write(repo / name, "3\n")
    git(repo, "commit", "--quiet", "--all", "-m", "main")
    try_git(repo, "merge", "side")
    write(repo / "a-new", "x\n")
    git(repo, "update-index", "--index-version", str(version))
    if version == 3:
        git(repo, "add", "--intent-to-add", "a-new")  # an extended entry, before the conflicts
    assert int.from_bytes((repo / ".git/index").read_bytes()[4:8]) == version
    assert agent_git.unmerged(repo, sha_bytes=20) == [f"a{far}/x", "b"]


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"DIRC",
        b"DIRC\0\0\0\x02\0\0\0\x05",
        b"NFIRST\0\0\0\x02\0\0\0\x01" + b"x" * 100,
        b"DIRC\0\0\0\x09\0\0\0\x01" + b"x" * 100,
    ],
)
def test_an_index_that_is_none_has_no_conflicts(clone: Path, index: bytes) -> None:
    (clone / ".git/index").write_bytes(index)
    assert agent_git.unmerged(clone, sha_bytes=20) == []


def test_an_index_is_another_one_after_a_git_wrote_it(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    before = agent_git.index_identity(repo)
    assert before and agent_git.index_identity(repo) == before
    write(repo / "one", "changed\n")
    git(repo, "add", "one")
    assert agent_git.index_identity(repo) != before
    (repo / ".git/index").unlink()
    assert agent_git.index_identity(repo) == ""
