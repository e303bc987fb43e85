"""The workspace's files that git ignores, in the working copies of agents and judges: those that the base asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from orchestration.git import changes
from orchestration.git.clones import placed_files, working_copies
from orchestration.git.names import worktree_include
from orchestration.worker.preparing.workbench import Workbench

log = structlog.get_logger(__name__)


@contextmanager
def checkout(bench: Workbench, name: str, commit: str, *, base: str) -> Iterator[Path]:
    """A clean working copy of a commit with them, for what judges it."""
    with working_copies.checkout(bench.store, bench.copies, name, commit) as folder:
        for sentence in place(bench, folder, commit, base=base):
            log.warning("ignored_file.not_placed", checkout=name, reason=sentence)
        yield folder


def place(bench: Workbench, folder: Path, commit: str, *, base: str) -> list[str]:
    """Write them, while no agent runs there; `commit`: of the other files. Also removes those that count no more. Returns sentences on those
    that could not be written. Raises GitError."""
    contents = {path: bench.files.contents[path] for path in _chosen(bench, commit, base)}
    return [f"{path} was not written: {problem}" for path, problem in placed_files.put(folder, contents).items()]


def are_alike(bench: Workbench, commit: str, *, base: str) -> bool:
    """True if the commit as a base would ask for the same files: only then its verdict counts for that. Raises GitError."""
    return _chosen(bench, commit, base) == _chosen(bench, commit, commit)


def _chosen(bench: Workbench, commit: str, base: str) -> list[str]:
    """Those that the base asks for and the commit has not: the work's own file stays."""
    paths = sorted(bench.files.contents)
    if not paths:
        return []
    unused = worktree_include.read(bench.repo, base, paths).unused
    files = changes.listing(bench.repo, commit)
    return [path for path in paths if path not in unused and not worktree_include.is_tracked(files, path)]
