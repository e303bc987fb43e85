"""A clean checkout of one commit, for judging it: nothing in it that is not in the commit."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestration.runtime import git
from orchestration.runtime.worktree import one_at_a_time


@contextmanager
def of(repo: Path, root: Path, name: str, commit: str) -> Iterator[Path]:
    """The commit in `root/name` for as long as the block lasts. What a crash left there is replaced."""
    path = root / name
    _remove(repo, root, path)
    with one_at_a_time(root):
        git.run(repo, "worktree", "add", "--quiet", "--force", "--detach", str(path), commit)
    try:
        yield path
    finally:
        _remove(repo, root, path)


def sweep(repo: Path, root: Path, name: str) -> None:
    """Take away what a dead session left."""
    _remove(repo, root, root / name)


def _remove(repo: Path, root: Path, path: Path) -> None:
    with one_at_a_time(root):
        if path.exists():
            code, _, _ = git.attempt(repo, "worktree", "remove", "--force", "--force", str(path))
            if code:
                shutil.rmtree(path, ignore_errors=True)
