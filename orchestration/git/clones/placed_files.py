"""Files that git ignores and that Muster writes into a working copy: no link that an agent left there is followed, and no commit has them."""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

from orchestration.git import changes
from orchestration.git.clones.safety import untrusted
from orchestration.git.clones.safety.records import Record
from orchestration.git.clones.store.stores import Store

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def put(path: Path, contents: Mapping[str, bytes]) -> dict[str, str]:
    """Write these files, where they are missing or were written with another content, and remove those of before. Returns the names that
    something else is in the way of, and what. Call it while no agent runs there."""
    before = _noted(path)
    if not contents and not before:
        return {}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    _note(
        path, before | {name: digests[name] for name in contents.keys() - before.keys()}
    )  # a crash leaves no file that is not noted
    _remove(path, before.keys() - contents.keys())
    problems = {}
    for name, content in contents.items():
        if before.get(name) == digests[name] and untrusted.exists(path, name):
            continue
        try:
            _write(path, name, content)
        except OSError as problem:
            problems[name] = problem.strerror or str(problem)
    _note(path, digests)
    return problems


def names(path: Path) -> list[str]:
    return list(_noted(path))


def has(path: Path) -> Callable[[str], bool]:
    """True of the name of such a file, and of all that stands in its place."""
    noted = _noted(path)
    return lambda name: any(name == each or name.startswith(f"{each}/") for each in noted)


def remove(path: Path) -> None:
    """Remove all of them. A folder in the place of one stays."""
    if before := _noted(path):
        _remove(path, before)
        _note(path, {})


def make_way(store: Store, path: Path, commit: str) -> None:
    """Remove those that a commit has from now on."""
    if before := _noted(path):
        tracked = before.keys() & changes.listing(store.path, commit, env=store.env()).keys()
        _remove(path, tracked)
        _note(path, {name: digest for name, digest in before.items() if name not in tracked})


def _write(top: Path, name: str, content: bytes) -> None:
    *folders, last = name.split("/")
    with untrusted.opened(top, folders, make=True) as folder:
        with suppress(FileNotFoundError):
            os.unlink(last, dir_fd=folder)  # a link itself, not what it leads to
        with os.fdopen(os.open(last, _FLAGS, 0o600, dir_fd=folder), "wb") as file:
            file.write(content)


def _remove(top: Path, named: Collection[str]) -> None:
    for name in named:
        *folders, last = name.split("/")
        with suppress(OSError), untrusted.opened(top, folders) as folder:
            os.unlink(last, dir_fd=folder)


def _noted(path: Path) -> dict[str, str]:
    try:
        noted = json.loads((Record.of(path).folder / "placed.json").read_text())
    except (OSError, ValueError):
        return {}
    return dict(noted)


def _note(path: Path, digests: Mapping[str, str]) -> None:
    record = Record.of(path).folder
    record.mkdir(parents=True, exist_ok=True)
    new = record / "placed.json.new"
    new.write_text(json.dumps(dict(digests)))
    new.replace(record / "placed.json")
