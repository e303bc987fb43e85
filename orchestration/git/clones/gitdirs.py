"""The .git of a working copy, made anew by Muster without git: a HEAD, a branch, an index, and objects from the store."""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from orchestration.git.clones import agent_git
from orchestration.git.clones.safety import config, untrusted
from orchestration.git.clones.safety.records import Record
from orchestration.git.clones.store.stores import Store

KEPT = "git-before"  # the agent's own, with its stashes and other branches, until the next one


def make(store: Store, path: Path, *, head: str, branches: Mapping[str, str]) -> str:
    """Replaces what is there; an agent's own .git is kept in the record once. `head`: a name in `branches`, or a commit. Returns the identity
    of its index."""
    folder = Record.of(path).folder
    replace(path / ".git", build(store, folder, head=head, branches=branches), folder / KEPT)
    return agent_git.index_identity(path)


def build(store: Store, folder: Path, *, head: str, branches: Mapping[str, str]) -> Path:
    """Make it in `folder`, with a copy of the index that is there."""
    new = folder / "git"
    untrusted.remove(new)
    for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info"):
        (new / name).mkdir(parents=True)
    for name, sha in branches.items():
        ref = new / "refs" / "heads" / name
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(f"{sha}\n")
    (new / "HEAD").write_text(f"ref: refs/heads/{head}\n" if head in branches else f"{head}\n")
    (new / "config").write_text(config.text_for(store.repo, is_bare=False))
    (new / "objects" / "info" / "alternates").write_text(store.alternates)
    shutil.copy2(folder / "index", new / "index")  # with its time: git doubts files that are as new as the index
    for source, name in (
        (store.path / "packed-refs", "packed-refs"),
        (store.path / "shallow", "shallow"),
        (store.path / "info" / "exclude", "info/exclude"),
    ):
        with suppress(FileNotFoundError):
            shutil.copyfile(source, new / name)
    return new


def replace(current: Path, new: Path, kept: Path) -> None:
    if os.path.lexists(current):
        untrusted.remove(kept)
        current.rename(kept)
    new.rename(current)
