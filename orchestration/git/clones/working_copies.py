"""An entry's working copy on this host, as sessions and landers use it: prepare, commit, export, discard. Behind it is a clone with a .git of
its own (`clones`); nothing else depends on that.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestration.git import large_files
from orchestration.git.clones import checkouts, entry_clones
from orchestration.git.clones.entry_clones import Clone
from orchestration.git.clones.safety.records import RECORDS, Record
from orchestration.git.clones.safety.wrapping import Wrap, bare
from orchestration.git.clones.store.stores import Store
from orchestration.git.command import GitError
from orchestration.git.prepared import Committed, Prepared

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """`name`: the folder's, in `root`. `branch`: the entry's, in the workspace's repository. `wrap`: how git is started on what an agent
    wrote."""

    store: Store
    root: Path
    name: str
    branch: str
    wrap: Wrap = bare

    @property
    def path(self) -> Path:
        return self.root / checked_name(self.name)

    @property
    def repo(self) -> Path:
        return self.store.repo

    def exists(self) -> bool:
        return self._clone.exists

    def prepare(self, integration_branch: str, *, start: str, leave_conflicts: bool) -> Prepared:
        """Make it, or recover it after a crash, with `start` merged in if that merges cleanly; `leave_conflicts`: or with the conflicts in its
        files. Call it only while no agent of the entry is running. Raises GitError."""
        return entry_clones.prepare(self._clone, start, integration_branch, leave_conflicts=leave_conflicts)

    def commit(self, message: str, *, max_bytes: int = large_files.MAX_BYTES) -> Committed:
        """Commit everything in it but larger files on the entry's branch, wherever an agent has left HEAD. Raises GitError."""
        return entry_clones.commit(self._clone, message, max_bytes=max_bytes)

    def too_large(self, max_bytes: int) -> dict[str, int]:
        """New and changed files that are larger, with their size: no commit has them."""
        return large_files.over(self.path, entry_clones.uncommitted(self._clone), max_bytes)

    def export(self) -> str:
        """The commit of the entry's work, which the workspace's repository has from now on. Raises GitError."""
        if state := Record.of(self.path).read():
            return state.delivered
        raise GitError("export", f"{self.path} is no working copy")

    def discard(self) -> bool:
        """Remove it; the branch stays. False: it stays, because it has work that exists nowhere else. Raises GitError."""
        return entry_clones.discard(self._clone)

    def is_set_up(self, home: str) -> bool:
        """True if the workspace's setup commands completed in this folder, with this home: an interrupted setup is repeated."""
        return Record.of(self.path).is_set_up(home)

    @contextmanager
    def setting_up(self, home: str) -> Iterator[bool]:
        """True: its setup is due. It is noted as complete when the block ends well."""
        is_due = not self.is_set_up(home)
        yield is_due
        if is_due:
            Record.of(self.path).set_up.write_text(home)

    @property
    def _clone(self) -> Clone:
        return Clone(self.store, self.path, self.branch, self.wrap)


def checkout(store: Store, root: Path, name: str, commit: str) -> AbstractContextManager[Path]:
    """A clean working copy of a commit, on no branch, for the duration of the block; discarded afterwards. Raises GitError."""
    return checkouts.checkout(store, root / checked_name(name), commit)


def names_in(root: Path, pattern: str) -> list[str]:
    """The names of working copies, also of those of which a kill left only the record."""
    return sorted({path.name for folder in (root, root / RECORDS) for path in folder.glob(pattern)})


def checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise GitError("prepare", f"{name!r} cannot be the name of a working copy")
    return name
