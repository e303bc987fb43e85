"""Writes a backup while Muster runs: the database first, with the commits that its rows name, then the refs, so that each of them is there."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.timezone import now

from orchestration.git.command import GitError
from orchestration.maintenance.backup import archive, commits, databases, refs
from orchestration.maintenance.backup.archive import BUNDLES, DATABASE
from orchestration.maintenance.backup.databases import Impossible
from workspaces.models import Workspace

Named = Mapping[Workspace, Mapping[str, set[str]]]


def save(target: Path) -> dict[str, Any]:
    """Write a backup to this file, which must not exist, and the key of stored secrets beside it. Returns the manifest. Raises Impossible."""
    key = key_file(target)
    is_ours = not key.exists() or key.read_text() == settings.SECRET_KEY  # a killed backup leaves its key
    for path, is_free in ((target, not target.exists()), (key, is_ours)):
        if not is_free:
            raise Impossible(f"{path} exists: name a new file, so that no backup is overwritten")
    with _folder(target) as folder:
        named = databases.save(folder / DATABASE, _named)
        (folder / BUNDLES).mkdir()
        manifest = {"database": connection.vendor, "at": now().isoformat(), **_workspaces(folder / BUNDLES, named)}
        unfinished = folder / "backup.tar"
        archive.write(folder, unfinished, manifest)
        unfinished.chmod(0o600)
        with open(key, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(settings.SECRET_KEY)
        with open(unfinished, "rb") as written:
            os.fsync(written.fileno())
        os.link(unfinished, target)  # whole, and never over another one
    return manifest


def key_file(target: Path) -> Path:
    return target.with_name(f"{target.name}.key")


@contextmanager
def _folder(target: Path) -> Iterator[Path]:
    """Beside the file, for as long as it is written. What a killed backup left there is removed by the next one to the same file."""
    folder = target.with_name(f".{target.name}.unfinished")
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield folder
        shutil.rmtree(folder)
    except BlockingIOError:
        raise Impossible(f"Another backup writes {target} now") from None
    finally:
        os.close(lock)


def _named() -> Named:
    """The workspaces, each with the commits that its rows name."""
    return {workspace: commits.of(workspace) for workspace in Workspace.objects.filter(deleted_at__isnull=True).order_by("pk")}


def _workspaces(folder: Path, named: Sequence[Named]) -> dict[str, Any]:
    """`named`: of the saved database, or of before and after it was saved: what both name, it names."""
    saved: list[str] = []
    lacks: dict[str, list[str]] = {}
    for workspace in named[0]:
        bundle = folder / f"{workspace.pk}.bundle"
        try:
            missing = refs.save(workspace, bundle, [of_all.get(workspace, {}) for of_all in named])
        except (GitError, OSError) as problem:
            raise Impossible(f"The repository of {workspace.name} cannot be saved: {str(problem)[-300:]}") from None
        finally:
            shutil.rmtree(bundle.with_suffix(".git"), ignore_errors=True)
        if bundle.exists():
            saved.append(workspace.pk)
        if missing:
            lacks[workspace.pk] = [f"{workspace.name}: {sentence}" for sentence in missing]
    return {"workspaces": saved, "lacks": lacks}
