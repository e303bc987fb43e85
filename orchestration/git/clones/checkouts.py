"""Clean working copies of one commit, for what judges it: clones on no branch, which end with the block."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from orchestration.git import branches, changes
from orchestration.git import command as git
from orchestration.git.clones import files, gitdirs, submodules
from orchestration.git.clones.safety import untrusted
from orchestration.git.clones.safety.records import Record
from orchestration.git.clones.store import stores
from orchestration.git.clones.store.stores import Store
from orchestration.git.locking import exclusive
from orchestration.git.places import common_dir

log = structlog.get_logger(__name__)


@contextmanager
def checkout(store: Store, path: Path, commit: str) -> Iterator[Path]:
    """A clean working copy of a commit for the duration of the block; discarded afterwards, with what a crash left there before."""
    discard(store.repo, path)
    try:
        stores.using(store, [commit], lambda: _make(store, path, commit))
        yield path
    finally:
        discard(store.repo, path)


def restore(store: Store, path: Path, commit: str, names: Sequence[str]) -> None:
    """Put files of a checkout back as they are in another commit; what that does not contain is removed. Call it before anything runs in the
    checkout."""
    stores.bring(store, commit)
    tracked = changes.listing(store.repo, commit) if names else {}
    files.restore(store, path, commit, [name for name in names if name in tracked])
    for added in (path / name for name in names if name not in tracked):
        if added.is_dir() and not added.is_symlink():
            shutil.rmtree(added)  # a repository inside the repository
        else:
            added.unlink(missing_ok=True)


def discard(repo: Path, path: Path) -> None:
    """Remove a checkout with all its files, if it exists. Never call it for an entry's working copy."""
    Record.of(path).remove()
    if path.exists() or path.is_symlink():
        untrusted.remove(path)
    if (common_dir(repo) / "worktrees" / path.name).exists():  # of an earlier version, killed meanwhile
        with exclusive(path.parent):
            if any(copy.path == path.resolve() for copy in branches.working_copies(repo)):
                git.run(repo, "worktree", "remove", "--force", "--force", str(path))


def _make(store: Store, path: Path, commit: str) -> None:
    record = Record.of(path)
    record.folder.mkdir(parents=True, exist_ok=True)
    path.mkdir(parents=True, exist_ok=True)
    files.put(store, path, commit)
    gitdirs.make(store, path, head=commit, branches={})
    for sentence in submodules.put(store, path, commit):
        log.warning("submodule.missing", checkout=path.name, reason=sentence)
