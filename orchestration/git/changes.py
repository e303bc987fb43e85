"""The changes of commits, read from a repository that Muster trusts."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from orchestration.git import command as git

_trees: dict[str, str] = {}
MAX_TREES = 8192
SUBMODULE = "160000"


def tree_of(repo: Path, commit: str, *, env: Mapping[str, str] | None = None) -> str:
    """The tree of a commit, which is the same in every repository; remembered, as it never gets another."""
    if (tree := _trees.get(commit)) is None:
        tree = git.run(repo, "rev-parse", f"{commit}^{{tree}}", env=env)
        if len(commit) == len(tree):  # a whole hash, no name
            remember_tree(commit, tree)
    return tree


def remember_tree(commit: str, tree: str) -> None:
    if len(_trees) >= MAX_TREES:
        _trees.clear()
    _trees[commit] = tree


def listing(repo: Path, commit: str, *, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Every file of a commit, with its mode. `commit`: a whole hash."""
    return _listing(tree_of(repo, commit, env=env), _Where(repo, env))


def submodules(repo: Path, commit: str, *, env: Mapping[str, str] | None = None) -> list[str]:
    return [name for name, mode in listing(repo, commit, env=env).items() if mode == SUBMODULE]


class _Where:
    """The place to read a tree from that is not cached. All are equal: it is no part of the cache's key."""

    def __init__(self, repo: Path, env: Mapping[str, str] | None) -> None:
        self.repo, self.env = repo, env

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Where)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=32)
def _listing(tree: str, where: _Where) -> dict[str, str]:
    lines = git.run(where.repo, "ls-tree", "-r", "-z", tree, env=where.env).split("\0")
    return {name: head.split(" ", 1)[0] for head, _, name in (line.partition("\t") for line in lines) if name}


@dataclass(frozen=True)
class Changes:
    """The difference between two commits. `files`: a moved file counts twice: deleted and new. `submodules`: those of the files that are or were the
    link to a commit of another repository. `diffstat`: binary files count as files, without lines."""

    files: list[str]
    submodules: list[str]
    diffstat: dict[str, int]


@lru_cache(maxsize=64)
def between(repo: Path, since: str, until: str) -> Changes:
    # `--raw` gives `:modes hashes kind` and then a name; `--numstat` counts and a name in one.
    options = ("--raw", "--numstat", "--text", "--no-renames", "--no-ext-diff", "-z")
    parts = iter(git.run(repo, "diff", *options, since, until).split("\0"))
    numbers, submodules = [], []
    for part in parts:
        if part.startswith(":"):
            name = next(parts)
            submodules.extend([name] if SUBMODULE in part[1:].split(" ")[:2] else [])
        elif part:
            inserted, deleted, name = part.split("\t", 2)
            numbers.append((name, (inserted, deleted)))
    counts = [pair for _, pair in numbers]
    added, removed = (sum(int(pair[side]) for pair in counts if pair[side].isdigit()) for side in (0, 1))
    diffstat = {"files": len(counts), "insertions": added, "deletions": removed}
    return Changes(sorted(name for name, _ in numbers), sorted(submodules), diffstat)


def changed_files(repo: Path, since: str, until: str) -> list[str]:
    return between(repo, since, until).files


def diffstat(repo: Path, since: str, until: str) -> dict[str, int]:
    return between(repo, since, until).diffstat


def diff(repo: Path, since: str, until: str, *, limit_bytes: int = 200_000) -> str:
    """The changes as text, cut at `limit_bytes`."""
    command = ("diff", "--text", "--no-ext-diff", "--no-textconv", since, until)  # whatever .gitattributes marks as binary
    text, whole = git.read_start(repo, *command, limit_bytes=limit_bytes)
    return text if whole else text + f"\n[cut: the diff is longer than {limit_bytes} bytes]\n"


def added_text(repo: Path, since: str, until: str, *, limit_bytes: int) -> str:
    """All text that commits would publish: their messages and added lines, also lines that a later commit removes, and what a merge has that none of
    its parents has."""
    options = ("--cc", "-U0", "--text", "--no-ext-diff", "--no-textconv", "--no-renames")
    text, _ = git.read_start(repo, "log", "-p", *options, "--format=%B", f"{since}..{until}", limit_bytes=limit_bytes)
    return "\n".join(line for line in text.split("\n") if not line.startswith("-"))
