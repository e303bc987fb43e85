"""The user's tags in the store: checks name the version of a commit by them (`git describe`)."""

import os
from contextlib import suppress
from pathlib import Path

import structlog

from orchestration.git import command as git
from orchestration.git.clones.store import packs, stores
from orchestration.git.clones.store.packs import Repository
from orchestration.git.clones.store.stores import Store
from orchestration.git.command import GitError
from orchestration.git.places import common_dir

log = structlog.get_logger(__name__)


def follow(store: Store, commit: str) -> None:
    """Have the tags that a commit contains, so that checks can name its version. Reads them only where the user's tags may have changed."""
    common = common_dir(store.repo)
    folders = [folder for folder, _, _ in os.walk(common / "refs/tags")]  # a tag's name may have slashes
    stamp = " ".join(str(_changed_at(place)) for place in (common / "packed-refs", *map(Path, sorted(folders))))
    noted = store.path / "tags-seen"
    with suppress(FileNotFoundError):
        if noted.read_text() in (stamp, f"{stamp} {commit}"):
            return
    try:
        text = _packed(store, commit)
        if git.run(store.repo, "for-each-ref", "--count=1", f"--no-merged={commit}", "refs/tags"):
            stamp += f" {commit}"  # a later commit may contain the others
    except GitError as problem:  # without tags, rather than not at all
        log.warning("tags.not_read", repo=str(store.repo), error=str(problem)[-200:])
        text = ""
    stores.write(store.path / "packed-refs", text)
    stores.write(noted, stamp)


def _packed(store: Store, commit: str) -> str:
    """The tags as git's file of packed refs, once the store has their objects. Raises GitError."""
    form = "%(objectname) %(refname) %(*objectname)"
    tags = git.run(store.repo, "for-each-ref", f"--merged={commit}", f"--format={form}", "refs/tags")
    lines = [line.split(" ") for line in tags.split("\n") if line]
    if annotated := [sha for sha, _, peeled in lines if peeled]:
        packs.send(Repository(store.repo), stores.repository(store), annotated, known=stores.known(store)[-stores.NEWEST_KNOWN :])
    text = "# pack-refs with: peeled fully-peeled sorted \n"
    return text + "".join(f"{sha} {name}\n" + (f"^{peeled}\n" if peeled else "") for sha, name, peeled in lines)


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
