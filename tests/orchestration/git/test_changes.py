"""Every file, link and line that commits changed is read, whatever the repository's attributes are."""

from pathlib import Path

import pytest

from orchestration.git import changes, large_files, unsupported
from orchestration.git.command import GitError
from tests.orchestration.git.repositories import a_repository, git, write

HERE, ELSEWHERE = "1" * 40, "2" * 40


def link(repo: Path, name: str, commit: str) -> None:
    git(repo, "update-index", "--add", "--replace", "--cacheinfo", f"{changes.SUBMODULE},{commit},{name}")


def committed(repo: Path, message: str = "x") -> str:
    git(repo, "commit", "--quiet", "-m", message)
    return git(repo, "rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """With links to other repositories beside files."""
    repo = a_repository(tmp_path / "repo", one="1\n", file="2\n", moved="3\n" * 20)
    for name in ("kept", "pinned", "removed", "replaced"):
        link(repo, name, HERE)
    committed(repo)
    return repo


def test_a_link_that_is_added_moved_removed_or_replaced_is_changed(repo: Path) -> None:
    before = git(repo, "rev-parse", "HEAD")
    blob = git(repo, "rev-parse", "HEAD:one")
    git(repo, "rm", "--quiet", "--cached", "removed", "file")
    git(repo, "update-index", "--replace", "--cacheinfo", f"100644,{blob},replaced")
    for name in ("pinned", "added", "file"):
        link(repo, name, ELSEWHERE)
    write(repo / "one", "more\n")
    git(repo, "add", "one")
    after = committed(repo)
    linked = ["added", "file", "pinned", "removed", "replaced"]
    assert changes.between(repo, before, after).submodules == linked
    assert changes.changed_files(repo, before, after) == sorted([*linked, "one"])
    assert changes.submodules(repo, before) == ["kept", "pinned", "removed", "replaced"]
    assert changes.submodules(repo, after) == ["added", "file", "kept", "pinned"]


def test_a_file_that_the_repository_calls_binary_counts_without_lines_and_a_moved_one_twice(repo: Path) -> None:
    before = git(repo, "rev-parse", "HEAD")
    write(repo / ".gitattributes", "*.lock binary\n")
    write(repo / "a.lock", "1\n2\n3\n")
    git(repo, "mv", "moved", "elsewhere")
    git(repo, "add", ".gitattributes", "a.lock")
    after = committed(repo)
    assert changes.changed_files(repo, before, after) == [".gitattributes", "a.lock", "elsewhere", "moved"]
    assert changes.diffstat(repo, before, after) == {"files": 4, "insertions": 21, "deletions": 20}
    assert "\n+3\n" in changes.diff(repo, before, after)


def test_a_diff_that_is_as_long_as_its_limit_is_whole(repo: Path) -> None:
    before = git(repo, "rev-parse", "HEAD")
    write(repo / "one", "caf\u00e9 \u2014 \u00fc\n")
    git(repo, "add", "one")
    after = committed(repo)
    text = changes.diff(repo, before, after)
    size = len(text.encode())
    assert changes.diff(repo, before, after, limit_bytes=size) == text
    for limit in (size - 1, size // 2):
        cut = changes.diff(repo, before, after, limit_bytes=limit)
        assert (
            cut == text.encode()[:limit].decode(errors="backslashreplace") + f"\n[cut: the diff is longer than {limit} bytes]\n"
        )


def test_the_text_that_commits_publish_has_their_messages_and_all_that_they_added(repo: Path) -> None:
    before = git(repo, "rev-parse", "HEAD")
    write(repo / ".gitattributes", "*.bin binary\n")
    write(repo / "x.bin", "in a binary file\n")
    write(repo / "one", "added for a moment\n")
    git(repo, "add", ".gitattributes", "x.bin", "one")
    committed(repo, "the subject\n\nin the body of a message")
    write(repo / "one", "1\n")
    git(repo, "mv", "moved", "named-anew")
    git(repo, "add", "one")
    after = committed(repo, "take it back")
    text = changes.added_text(repo, before, after, limit_bytes=100_000)
    published = ("in a binary file", "added for a moment", "the subject", "in the body of a message", "take it back")
    assert [words for words in published if words not in text] == []
    assert [line for line in text.split("\n") if line.startswith("-")] == []
    assert text.count("+3") == 20, "a file that moved is published under its new name"


def test_what_a_merge_alone_adds_is_published_too(repo: Path) -> None:
    """An agent that ends in the middle of a merge leaves all of its work in one."""
    before = git(repo, "rev-parse", "HEAD")
    theirs = git(repo, "commit-tree", f"{before}^{{tree}}", "-p", before, "-m", "theirs")
    write(repo / "new", "in a merge\n")
    git(repo, "add", "new")
    merge = git(repo, "commit-tree", git(repo, "write-tree"), "-p", before, "-p", theirs, "-m", "merged")
    assert "in a merge" in changes.added_text(repo, before, merge, limit_bytes=100_000)


def test_the_tree_of_a_name_is_never_remembered(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_trees", {})
    monkeypatch.setattr(changes, "MAX_TREES", 2)
    first = git(repo, "rev-parse", "HEAD")
    for n in range(5):
        write(repo / "one", f"{n}\n")
        git(repo, "add", "one")
        sha = committed(repo)
        tree = git(repo, "rev-parse", "HEAD^{tree}")
        assert changes.tree_of(repo, "main") == changes.tree_of(repo, sha) == tree
        assert len(changes._trees) <= 2
    assert changes.tree_of(repo, first) == git(repo, "rev-parse", f"{first}^{{tree}}")


def test_a_file_as_large_as_the_bound_may_be_committed_and_neither_a_link_nor_a_folder_has_a_size(repo: Path) -> None:
    before = git(repo, "rev-parse", "HEAD")
    write(repo / "at", "x" * 100)
    write(repo / "beyond", "x" * 101)
    write(repo / "form\ffeed", "x" * 102)
    (repo / "link").symlink_to("beyond")
    names = ["at", "beyond", "form\ffeed", "link", "nowhere"]
    assert large_files.over(repo, names, 100) == {"beyond": 101, "form\ffeed": 102}
    for n in range(9):
        write(repo / f"folder/{n}", "x")  # whose list in git is longer than each of them
    git(repo, "add", "at", "beyond", "form\ffeed", "link", "folder")
    assert large_files.committed(repo, before, committed(repo), 100) == {"beyond": 101, "form\ffeed": 102}


def test_a_filter_is_found_in_any_folder_and_a_line_that_only_mentions_it_is_none(repo: Path) -> None:
    write(repo / "a/.gitattributes", "# *.bin filter=lfs\n*.txt text\n")
    git(repo, "add", "a")
    plain = committed(repo)
    unsupported.refuse(repo, plain)
    write(repo / "a/.gitattributes", "*.txt text\n*.bin filter=lfs diff=lfs\n")
    git(repo, "add", "a")
    with pytest.raises(GitError, match=r"a/\.gitattributes of the repository uses lfs"):
        unsupported.refuse(repo, committed(repo))
