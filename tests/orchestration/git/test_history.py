"""Commits are read from their own files as git reads them, and git is asked where they cannot be read."""

import random
from pathlib import Path

import pytest

from orchestration.git import command, conflicts, history
from orchestration.git.command import GitError
from tests.orchestration.git.repositories import a_repository, git, try_git


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The git commands that the code under test starts."""
    started: list[tuple[str, ...]] = []
    start = command._start

    def noted(folder: Path, line: tuple[str, ...], env: object = None) -> object:
        started.append(line)
        return start(folder, line, env)  # type: ignore[arg-type]

    monkeypatch.setattr(command, "_start", noted)
    return started


def commit(repo: Path, *parents: str, message: str = "x") -> str:
    options = [part for parent in parents for part in ("-p", parent)]
    return git(repo, "commit-tree", "main^{tree}", *options, "-m", message)


def a_graph(repo: Path, dice: random.Random, size: int) -> list[str]:
    commits = [git(repo, "rev-parse", "main")]
    for n in range(size):
        commits.append(commit(repo, *dice.sample(commits, min(dice.choice([1, 1, 1, 2]), len(commits))), message=f"{n}"))
    return commits


def test_it_agrees_with_git_on_any_graph_and_starts_none(tmp_path: Path, calls: list[tuple[str, ...]]) -> None:
    repo = a_repository(tmp_path / "repo")
    commits = a_graph(repo, random.Random(7), 18)
    for tip in commits:
        for other in commits:
            expected = try_git(repo, "merge-base", "--is-ancestor", other, tip)[0] == 0
            assert history.contains(repo, tip, other) == expected, (tip, other)
    assert calls == []


def test_packed_commits_are_gits_to_read(tmp_path: Path, calls: list[tuple[str, ...]]) -> None:
    repo = a_repository(tmp_path / "repo")
    first = git(repo, "rev-parse", "main")
    second = commit(repo, first)
    git(repo, "update-ref", "refs/heads/second", second)
    git(repo, "gc", "--quiet", "--prune=now")
    assert history.contains(repo, second, first) and not history.contains(repo, first, second)
    assert len(calls) == 2
    on_top, sibling = commit(repo, second), commit(repo, second, message="sibling")
    assert history.contains(repo, on_top, second) and not history.contains(repo, on_top, sibling)
    assert len(calls) == 2, "what is new answers by itself"


def test_a_commit_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    with pytest.raises(GitError):
        history.contains(repo, git(repo, "rev-parse", "main"), "1" * 40)


@pytest.mark.parametrize("file", ["shallow", "info/grafts", "refs/replace/x"])
def test_a_replaced_or_shallow_history_is_gits_to_read(tmp_path: Path, calls: list[tuple[str, ...]], file: str) -> None:
    repo = a_repository(tmp_path / "repo")
    first = git(repo, "rev-parse", "main")
    second = commit(repo, first)
    (repo / ".git" / file).parent.mkdir(parents=True, exist_ok=True)
    (repo / ".git" / file).touch()
    history.contains(repo, second, first)
    assert len(calls) == 1


def test_a_long_history_is_gits_to_read(tmp_path: Path, calls: list[tuple[str, ...]]) -> None:
    repo = a_repository(tmp_path / "repo")
    first = tip = git(repo, "rev-parse", "main")
    sibling = commit(repo, first, message="sibling")
    for n in range(history.MAX_COMMITS + 2):
        tip = commit(repo, tip, message=f"{n}")
    assert not history.contains(repo, tip, sibling)
    assert len(calls) == 1


def test_only_commits_that_mention_a_conflict_are_searched_for_it(tmp_path: Path, calls: list[tuple[str, ...]]) -> None:
    repo = a_repository(tmp_path / "repo")
    first = git(repo, "rev-parse", "main")
    plain = commit(repo, first)
    assert conflicts.unresolved(repo, first, plain) == []
    assert calls == []
    conflicted = commit(repo, plain, message=conflicts.message_with_conflicts("merge", ["one"]))
    assert history.may_mention(repo, first, conflicted, conflicts.TRAILER)
    assert not history.may_mention(repo, conflicted, commit(repo, conflicted), conflicts.TRAILER)
    long = conflicts.message_with_conflicts("x" * (history.MAX_BYTES + 100), ["one"])
    at_its_end = commit(repo, plain, message=long)
    assert history.may_mention(repo, first, at_its_end, conflicts.TRAILER), "the end of a long message is git's to read"
