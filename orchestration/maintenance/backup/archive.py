"""The file of a backup: a tar of a manifest, the database and a bundle for each workspace, with a checksum of each part."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings

from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.maintenance.backup import databases
from orchestration.maintenance.backup.databases import Impossible

FORMAT = 2
READABLE = (1, 2)
"""Backups of the first format have no checksums."""
MANIFEST, DATABASE, BUNDLES = "manifest.json", "database", "bundles"
UNPACKED = ".muster-restore-"
"""The prefix of the folders in the data directory that a killed restore leaves behind."""


def write(folder: Path, target: Path, manifest: dict[str, Any]) -> None:
    """Pack the database and the bundles of a folder, with their checksums."""
    parts = [folder / DATABASE, *sorted((folder / BUNDLES).iterdir())]
    sums = {str(part.relative_to(folder)): _sha256(part) for part in parts}
    (folder / MANIFEST).write_text(json.dumps({"format": FORMAT, **manifest, "sha256": sums}, indent=2))
    with tarfile.open(target, "w") as archive:
        for part in (MANIFEST, DATABASE, BUNDLES):
            archive.add(folder / part, part)


@contextmanager
def unpacked(source: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The parts in a folder, each as its checksum says, and the manifest. Raises Impossible."""
    Path(settings.DATA_DIR).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=settings.DATA_DIR, prefix=UNPACKED) as name:
        folder = Path(name)
        try:
            with tarfile.open(source) as archive:
                archive.extractall(folder, filter="data")
            manifest = json.loads((folder / MANIFEST).read_text())
            readable = manifest["format"] in READABLE
        except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as problem:
            raise Impossible(f"{source} is no backup of Muster, or is damaged: {problem}") from None
        if not readable:
            raise Impossible(f"{source} has format {manifest['format']}, which is of a newer version: restore it with that one")
        _compare(source, folder, manifest)
        yield folder, manifest


def verify(source: Path) -> dict[str, Any]:
    """Read all of a backup: the checksums, the database's own check, and every bundle. Returns the manifest. Raises Impossible."""
    with unpacked(source) as (folder, manifest):
        databases.check(folder / DATABASE, manifest["database"])
        for workspace_id in manifest["workspaces"]:
            _check_bundle(folder, folder / BUNDLES / f"{workspace_id}.bundle")
        return manifest


def _compare(source: Path, folder: Path, manifest: dict[str, Any]) -> None:
    named = {DATABASE, *(f"{BUNDLES}/{workspace_id}.bundle" for workspace_id in manifest["workspaces"])}
    sums = manifest.get("sha256", {})
    for name in sorted(named | set(sums)):
        if not (folder / name).is_file():
            raise Impossible(f"{source} is damaged: {name} is missing")
        if manifest["format"] > 1 and _sha256(folder / name) != sums.get(name):
            raise Impossible(f"{source} is damaged: {name} is not what was saved. Nothing was changed: take another backup")


def _check_bundle(folder: Path, bundle: Path) -> None:
    try:
        heads = git.run(folder, "bundle", "list-heads", str(bundle)).splitlines()
        scratch = folder / f"{bundle.stem}.git"
        is_sha256 = bool(heads) and len(heads[0].partition(" ")[0]) == 64
        git.run(folder, "init", "--quiet", "--bare", f"--object-format={'sha256' if is_sha256 else 'sha1'}", str(scratch))
        git.run(scratch, "bundle", "unbundle", str(bundle), timeout_s=3600)
    except GitError as problem:
        raise Impossible(f"{bundle.name} is damaged: {str(problem)[-300:]}") from None


def _sha256(file: Path) -> str:
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def name_of(manifest: dict[str, Any]) -> str:
    """The same for the same backup alone."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
