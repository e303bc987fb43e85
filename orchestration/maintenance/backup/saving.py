"""Writes a backup while Muster runs: the database first, then the refs, so that every commit that a row names is there."""

import json
import os
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.timezone import now

from orchestration.git.command import GitError
from orchestration.maintenance.backup import databases, refs
from orchestration.maintenance.backup.databases import Impossible
from workspaces.models import Workspace

FORMAT = 1
MANIFEST, DATABASE, BUNDLES = "manifest.json", "database", "bundles"


def save(target: Path) -> dict[str, Any]:
    """Write a backup to this file, which must not exist, and the key of stored secrets beside it. Returns the manifest. Raises Impossible."""
    key = key_file(target)
    for file in (target, key):
        if file.exists():
            raise Impossible(f"{file} exists: name a new file, so that no backup is overwritten")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".muster-backup-") as name:
        folder = Path(name)
        databases.save(folder / DATABASE)
        (folder / BUNDLES).mkdir()
        manifest = {"format": FORMAT, "database": connection.vendor, "at": now().isoformat(), **_workspaces(folder / BUNDLES)}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2))
        unfinished = folder / "backup.tar"
        with tarfile.open(unfinished, "w") as archive:
            for part in (MANIFEST, DATABASE, BUNDLES):
                archive.add(folder / part, part)
        unfinished.chmod(0o600)
        with open(key, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file_:
            file_.write(settings.SECRET_KEY)
        unfinished.rename(target)
    return manifest


def key_file(target: Path) -> Path:
    return target.with_name(f"{target.name}.key")


def _workspaces(folder: Path) -> dict[str, Any]:
    saved: list[str] = []
    missing: list[str] = []
    for workspace in Workspace.objects.filter(deleted_at__isnull=True).order_by("pk"):
        try:
            is_saved = refs.save(workspace, folder / f"{workspace.pk}.bundle")
        except GitError as problem:
            raise Impossible(f"The repository of {workspace.name} cannot be saved: {str(problem)[-300:]}") from None
        (saved if is_saved else missing).append(workspace.pk)
    return {"workspaces": saved, "without_repository": missing}
