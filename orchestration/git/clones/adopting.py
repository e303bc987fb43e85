"""A worktree of the user's repository, in which an entry of an earlier version began, becomes a clone: its files stay as they are, ignored ones
too, and no longer share the user's .git."""

import re
from pathlib import Path

import structlog

from orchestration.git.clones import files
from orchestration.git.clones.safety import untrusted
from orchestration.git.clones.safety.records import Record, State
from orchestration.git.clones.store.stores import Store
from orchestration.git.places import common_dir

log = structlog.get_logger(__name__)

_POINTER = re.compile(r"gitdir: (?:.*/)?worktrees/([A-Za-z0-9_-]+)\s*")


def adopt(store: Store, path: Path, *, tip: str, base: str, base_name: str) -> State | None:
    """Its state from now on, as of the entry's branch: what differs from `tip` is work that is not committed. None: it is no worktree of this
    repository. The store must have both commits. Raises GitError."""
    entry = _administration(store.repo, path)
    if entry is None:
        return None
    state = State(tip, base, base_name, delivered=tip, is_moving=False)
    record = Record.of(path)
    record.folder.mkdir(parents=True, exist_ok=True)
    files.begin_from(store, path, tip)
    record.write(state)
    untrusted.remove(entry)
    log.info("worktree.adopted", path=str(path))
    return state


def is_worktree(repo: Path, path: Path) -> bool:
    return _administration(repo, path) is not None


def _administration(repo: Path, path: Path) -> Path | None:
    """The worktree's folder in the user's .git, if it names this path, or one that is gone: the data directory was moved."""
    pointer = _POINTER.fullmatch((untrusted.read(path, ".git", limit=4096) or b"").decode("utf-8", "replace"))
    if pointer is None:
        return None
    folder = common_dir(repo) / "worktrees" / pointer[1]
    try:
        named = Path((folder / "gitdir").read_text().strip())
        is_half_made = (folder / "locked").exists() and (folder / "locked").read_text().strip() == "initializing"
    except OSError:
        return None
    is_ours = named.resolve() == (path / ".git").resolve() or not named.exists()
    return folder if is_ours and not is_half_made else None  # files that a half-made one lacks were never deleted
