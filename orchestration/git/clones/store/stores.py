"""A workspace's store on this host: a bare repository of Muster's own with the commits that its sessions need. It is a cache of the user's
repository, owns all its objects, and prunes nothing. Working copies take their objects from it."""

import os
import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from orchestration.git import command as git
from orchestration.git.clones.safety import config, untrusted
from orchestration.git.clones.store import packs
from orchestration.git.clones.store.packs import Repository
from orchestration.git.command import GitError
from orchestration.git.locking import exclusive
from orchestration.git.places import common_dir

log = structlog.get_logger(__name__)

T = TypeVar("T")
# What git says of objects that are missing or damaged.
_DAMAGE = re.compile(
    r"corrupt|missing|bad |unable to read|could not|not a |invalid|inflate|object file|unknown revision", re.IGNORECASE
)
MANY_PACKS = 50  # with 1,000 of them each git takes 50 ms longer
NEWEST_KNOWN = 8  # excluded from what is sent: more would not make it smaller


@dataclass(frozen=True, slots=True)
class Store:
    """`path`: the bare repository. `repo`: the user's, from which it is filled."""

    path: Path
    repo: Path

    @property
    def objects(self) -> Path:
        return self.path / "objects"

    @property
    def alternates(self) -> str:
        """The file in a working copy by which it takes its objects from here."""
        return f"{self.objects}\n"

    def env(self, *, index: Path | None = None, tree: Path | None = None, objects: Path | None = None) -> dict[str, str]:
        """The variables that make git use this repository and obey no configuration but the store's. `index`, `tree`: of a working copy.
        `objects`: the folder of new objects, instead of the store's."""
        env = {
            "GIT_DIR": str(self.path),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "",
        }
        if index is not None:
            env["GIT_INDEX_FILE"] = str(index)
        if tree is not None:
            env["GIT_WORK_TREE"] = str(tree)
        if objects is not None:
            env |= {"GIT_OBJECT_DIRECTORY": str(objects), "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.objects)}
        return env

    def run(self, *command: str, text: str = "", index: Path | None = None, tree: Path | None = None) -> str:
        return git.run(tree or self.path, *command, text=text, env=self.env(index=index, tree=tree))

    def attempt(self, *command: str, text: str = "", index: Path | None = None, tree: Path | None = None) -> tuple[int, str, str]:
        return git.attempt(tree or self.path, *command, text=text, env=self.env(index=index, tree=tree))

    def succeeds(self, *command: str) -> bool:
        return git.succeeds(self.path, *command, env=self.env())


def bring(store: Store, *commits: str) -> None:
    """Have these commits of the user's repository, with all that they contain. Raises GitError."""
    ensure(store)
    if set(commits) <= set(known(store)):
        return
    with exclusive(store.path, timeout_s=packs.TIMEOUT_S):  # many sessions that begin at once need the same pack
        both = known(store)
        if missing := [commit for commit in dict.fromkeys(commits) if commit not in both]:
            _fetch(store, missing, both)
            remember(store, *missing)


def _fetch(store: Store, missing: Sequence[str], both: Sequence[str]) -> None:
    _follow_shallow(store)
    source = Repository(store.repo)
    try:
        packs.send(source, repository(store), missing, known=both[-NEWEST_KNOWN:])
    except GitError:
        if not both:
            raise
        packs.send(source, repository(store), missing)  # a commit that both had is gone from the user's repository


def using(store: Store, commits: Sequence[str], action: Callable[[], T]) -> T:
    """The result of an action that needs these commits in the store. A store that turns out to be damaged is made anew. Raises GitError."""
    bring(store, *commits)
    try:
        return action()
    except GitError as problem:
        if not _DAMAGE.search(str(problem)) or store.attempt("rev-list", "--verify-objects", "--quiet", *commits)[0] == 0:
            raise
    renew(store)
    bring(store, *commits)
    return action()


def deliver(store: Store, commit: str, *, kept: Sequence[str]) -> None:
    """Have the user's repository have a commit of the store. `kept`: commits that its refs keep. Raises GitError."""
    if commit not in known(store):
        packs.send(repository(store), Repository(store.repo), [commit], known=kept, strict=True)
        remember(store, commit)


def remember(store: Store, *commits: str) -> None:
    """Note commits that the store and the user's repository both have."""
    with (store.path / "known").open("a") as file:
        file.write("".join(f"{commit}\n" for commit in commits))


def forget(store: Store) -> None:
    """Forget which commits both have, as none of them is certain: what is sent next is sent in whole."""
    (store.path / "known").unlink(missing_ok=True)


def ensure(store: Store) -> None:
    """Make the repository, or what is missing of it; without git, and cheap where nothing is."""
    text = config.text_for(store.repo, is_bare=True)
    with suppress(OSError):
        if (store.path / "config").read_text() == text and all((store.path / name).is_dir() for name in ("objects", "refs")):
            return
    with exclusive(store.path.parent):
        for name in ("objects/pack", "objects/info", "refs", "info"):
            (store.path / name).mkdir(parents=True, exist_ok=True)
        store.path.chmod(0o700)
        if not (store.path / "objects" / "muster-id").exists():
            (store.path / "known").unlink(missing_ok=True)  # of objects that are gone
            write(store.path / "objects" / "muster-id", secrets.token_hex(8))
        write(store.path / "HEAD", "ref: refs/heads/none\n")
        write(store.path / "config", text)


def renew(store: Store) -> None:
    """Put a damaged store aside; the next use makes it anew. Agents at work may still read the old one, so the last one is kept."""
    with exclusive(store.path.parent):
        aside = store.path.parent / f"damaged-{store.path.name}"
        untrusted.remove(aside)
        with suppress(FileNotFoundError):
            store.path.rename(aside)
    log.warning("store.renewed", store=str(store.path))


def index_packs(path: Path) -> bool:
    """Have one index for all packs of this store, where many came since the last one: each git would open each pack's own. Removes nothing, and
    agents at work go on reading. False: there was nothing to do. Raises GitError."""
    folder = path / "objects" / "pack"
    try:
        indexed_at = (folder / "multi-pack-index").stat().st_mtime
    except FileNotFoundError:
        indexed_at = 0
    if sum(pack.stat().st_mtime >= indexed_at for pack in folder.glob("*.idx")) < MANY_PACKS:
        return False
    Store(path, path).run("multi-pack-index", "write")
    return True


def follow_excluded(store: Store) -> None:
    """Leave out of entries' commits what the user leaves out besides .gitignore (info/exclude)."""
    try:
        theirs = (common_dir(store.repo) / "info" / "exclude").read_text(errors="surrogateescape")
    except OSError:
        theirs = ""
    ours = store.path / "info" / "exclude"
    if not ours.exists() or ours.read_text(errors="surrogateescape") != theirs:
        write(ours, theirs)


def _follow_shallow(store: Store) -> None:
    """End the store's history where the user's repository ends without its older commits."""
    try:
        theirs = (common_dir(store.repo) / "shallow").read_text().split()
    except FileNotFoundError:
        return
    file = store.path / "shallow"
    ours = file.read_text().split() if file.exists() else []
    if not set(theirs) <= set(ours):
        write(file, "".join(f"{commit}\n" for commit in sorted({*theirs, *ours})))


def known(store: Store) -> list[str]:
    """Commits that the store and the user's repository both have, the newest last."""
    try:
        lines = (store.path / "known").read_text().split("\n")
    except FileNotFoundError:
        return []
    return [line for line in lines if len(line) in (40, 64)]


def repository(store: Store) -> Repository:
    return Repository(store.path, store.env())


def write(file: Path, text: str) -> None:
    """Replaces a file at once."""
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    new.write_text(text, errors="surrogateescape")
    new.replace(file)
