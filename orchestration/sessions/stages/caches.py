"""Package caches: what setup downloaded on this host, shown to all sandboxes of a workspace at the same path of their HOME.

Each setup writes into a layer of its own, in its private folder, over the workspace's cache. What runs afterwards sees cache and layer, and its own
changes go with its process. A layer gets into the cache only if it is of a tree that the branch has: text of an agent that has not landed reaches no
other session. The cache is a folder that nothing changes (a generation): the next one is of hard links to its files and to those of the layer, gets
its name by a rename, and takes its place for the stages that begin later. A kill leaves a folder without a name, which goes.
"""

import os
import secrets
import stat
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from django.conf import settings

from orchestration.git.clones.safety import untrusted
from orchestration.processes.sandbox import Overlay
from workspaces.machine import file_locks

log = structlog.get_logger(__name__)

MAX_BYTES = 20 * 2**30
"""Of a workspace's cache on one host: beyond it, the cache begins anew."""
ASIDE, ASIDE_S = "landing-", 86_400.0


def of_workspace(workspace_id: str) -> Path:
    return Path(settings.DATA_DIR) / "caches" / workspace_id


@contextmanager
def held(workspace_id: str) -> Iterator[Path | None]:
    """The newest generation, which stays until the end of the block; None: there is none."""
    newest, lock = _newest(of_workspace(workspace_id)), None
    with suppress(OSError):
        lock = file_locks.take(_lock_of(newest), shared=True) if newest is not None else None
    try:
        yield newest if lock is not None and newest is not None and newest.is_dir() else None
    finally:
        if lock is not None:
            lock.close()


@contextmanager
def filling(scratch: Path) -> Iterator[None]:
    """A new layer in a sandbox's private folder, for setup. It stays if the block ends well, and is written never again: the cache may have its files."""
    layers, new = scratch / "caches", scratch / "caches" / "new"
    untrusted.remove(new)
    (new / "none").mkdir(mode=0o700, parents=True)
    yield
    new.rename(layers / f"layer-{time.time_ns():020}")


def overlays(paths: Sequence[str], home: str, generation: Path | None, scratch: Path, *, is_setup: bool) -> list[Overlay]:
    """The caches of one process, with this HOME. `is_setup`: it fills the new layer."""
    new = scratch / "caches" / "new"
    below = [*([generation] if generation is not None else []), *(layer / "upper" for layer in _layers(scratch))]
    shown = []
    for n, path in enumerate(name.removeprefix("~/") for name in paths):
        sources = [str(root / path) for root in below if (root / path).is_dir()]
        if is_setup:
            places = new / "upper" / path, new / "work" / str(n)
            for place in places:
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
            shown.append(Overlay((*sources, str(new / "none")), f"{home}/{path}", *map(str, places)))
        elif sources:
            shown.append(Overlay(tuple(sources), f"{home}/{path}"))
    return shown


def set_aside(workspace_id: str, scratch: Path, tree: str) -> None:
    """Keep the newest layer of a tree that may land, until `adopt`."""
    layers, place = _layers(scratch), of_workspace(workspace_id) / f"{ASIDE}{tree}"
    with suppress(OSError):
        if layers and not place.exists():
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            layers[-1].rename(place)
            os.utime(place)


def adopt(workspace_id: str, tree: str, paths: Sequence[str]) -> None:
    """Take the layer of this tree, which has landed, into the cache. Old ones of others are removed."""
    for place in of_workspace(workspace_id).glob(f"{ASIDE}*"):
        with suppress(OSError):
            is_landed = place.name == f"{ASIDE}{tree}"
            if is_landed:
                _publish(workspace_id, place, paths)
            if is_landed or place.stat().st_mtime < time.time() - ASIDE_S:
                untrusted.remove(place)


def publish(workspace_id: str, scratch: Path, paths: Sequence[str]) -> None:
    """Take the newest layer, of a tree that the branch has, into the cache."""
    if layers := _layers(scratch):
        _publish(workspace_id, layers[-1], paths)


def remove_unused(in_use: Collection[str], oldest: float) -> int:
    """Remove the caches of other workspaces, and those to which nothing was added since then. Returns their number."""
    removed = 0
    root = Path(settings.DATA_DIR) / "caches"
    for folder in root.iterdir() if root.is_dir() else ():
        with suppress(OSError):
            if folder.name not in in_use or folder.stat().st_mtime < oldest:
                generations = _generations(folder)
                if all(_remove_unheld(generation) for generation in generations):
                    untrusted.remove(folder)
                    removed += 1
    return removed


def _publish(workspace_id: str, layer: Path, paths: Sequence[str]) -> None:
    """A full disk, and another one that does the same, mean without."""
    folder = of_workspace(workspace_id)
    try:
        lock = file_locks.take(folder / "publishing.lock")
        if lock is None:
            return
        with lock:
            for left in folder.glob("new-*"):  # by a kill: this one holds the lock
                untrusted.remove(left)
            newest, new = _newest(folder), folder / f"new-{secrets.token_hex(8)}"
            new.mkdir(mode=0o700)
            size = 0
            for path in (name.removeprefix("~/") for name in paths):
                roots = [root for root in (newest / path if newest else None, layer / "upper" / path) if root and root.is_dir()]
                size += _merge(roots, new / path)
            if size > MAX_BYTES:
                untrusted.remove(new)
                new.mkdir(mode=0o700)
            new.rename(folder / f"generation-{time.time_ns():020}")
            for generation in _generations(folder)[:-1]:
                _remove_unheld(generation)
    except OSError as problem:
        log.warning("caches.not_kept", workspace=workspace_id, error=str(problem)[-200:])


def _merge(roots: Sequence[Path], new: Path) -> int:
    """Fill a new folder with what an overlay of these two shows, by hard links. Returns its bytes. Follows no link, and takes files, folders and links
    alone."""
    size, due = 0, [(list(roots), new)]
    while due:
        layers, target = due.pop()
        target.mkdir(mode=0o700, parents=True)
        names: dict[str, list[os.DirEntry[str]]] = {}
        for layer in layers:
            if _is_opaque(layer):
                names.clear()
            for entry in os.scandir(layer):
                is_over = entry.is_dir(follow_symlinks=False) and all(
                    each.is_dir(follow_symlinks=False) for each in names.get(entry.name, [])
                )
                names[entry.name] = [*(names.get(entry.name, []) if is_over else []), entry]
        for name, entries in names.items():
            info = entries[-1].stat(follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                due.append(([Path(each.path) for each in entries], target / name))
            elif stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode):
                os.link(entries[-1].path, target / name, follow_symlinks=False)
                size += info.st_size
    return size


def _is_opaque(folder: Path) -> bool:
    """True for a folder of a layer that hides the one below it."""
    try:
        return os.getxattr(folder, "user.overlay.opaque", follow_symlinks=False) == b"y"
    except OSError:
        return False


def _layers(scratch: Path) -> list[Path]:
    return sorted((scratch / "caches").glob("layer-*"))


def _generations(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("generation-*") if path.suffix != ".lock")


def _newest(folder: Path) -> Path | None:
    return next(reversed(_generations(folder)), None)


def _lock_of(generation: Path) -> Path:
    return generation.with_suffix(".lock")


def _remove_unheld(generation: Path) -> bool:
    """False: a stage shows it."""
    lock = file_locks.take(_lock_of(generation))
    if lock is None:
        return False
    with lock:
        untrusted.remove(generation)
        _lock_of(generation).unlink(missing_ok=True)
    return True
