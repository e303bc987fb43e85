"""Restores a backup on a machine where nothing is yet."""

import json
import tarfile
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from orchestration.git.command import GitError
from orchestration.maintenance import lost_hosts
from orchestration.maintenance.backup import databases, refs
from orchestration.maintenance.backup.databases import Impossible
from orchestration.maintenance.backup.saving import BUNDLES, DATABASE, FORMAT, MANIFEST
from workspaces.models import Workspace


def restore(source: Path) -> list[str]:
    """Restore the database, and each workspace's refs. Returns what was done, as sentences. Raises Impossible: nothing was changed, or the sentence
    says what is done."""
    Path(settings.DATA_DIR).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR, prefix=".muster-restore-") as name:
        folder = Path(name)
        try:
            with tarfile.open(source) as archive:
                archive.extractall(folder, filter="data")
            manifest = json.loads((folder / MANIFEST).read_text())
        except (OSError, tarfile.TarError, ValueError) as problem:
            raise Impossible(f"{source} is no backup of Muster: {problem}") from None
        if manifest["format"] != FORMAT or manifest["database"] != connection.vendor:
            raise Impossible(
                f"{source} is of {manifest['database']}, format {manifest['format']}; here is {connection.vendor}, format {FORMAT}: "
                "set DATABASE_URL to an empty database of that kind"
            )
        databases.load(folder / DATABASE)
        call_command("migrate", verbosity=0, interactive=False)
        done = [f"The database of {manifest['at'][:19]} UTC is restored"]
        for workspace in Workspace.objects.filter(pk__in=manifest["workspaces"]):
            try:
                done.append(refs.load(workspace, folder / BUNDLES / f"{workspace.pk}.bundle"))
            except GitError as problem:
                raise Impossible(
                    f"The database is restored, the refs of {workspace.name} are not: {str(problem)[-300:]}"
                ) from None
        lost_hosts.forget_all()  # it looks for the entries' work in the repositories
    return done
