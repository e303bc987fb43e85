"""Restores a backup into an empty database. A second try goes on where an interrupted one ended."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from orchestration.facts import events
from orchestration.git.command import GitError
from orchestration.maintenance import lost_hosts
from orchestration.maintenance.backup import archive, databases, placing
from orchestration.maintenance.backup.archive import BUNDLES, DATABASE
from orchestration.maintenance.backup.databases import Impossible
from orchestration.models import Executor, Trigger
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.activity.events import counted
from workspaces.machine import hosts
from workspaces.models import Channel, Workspace

OF_WORK = ("repos", "mirrors", "worktrees", "sessions")
"""Folders of a data directory with which some Muster has worked."""
BY = "restore"


def restore(source: Path, *, in_place: bool = False) -> Iterator[str]:
    """Restore the database, and each workspace's refs. Yields what was done, as sentences. Raises Impossible: nothing was changed, or the sentence
    says what is done. `in_place`: the other Muster is gone, and repositories that it worked in are used again."""
    Path(settings.DATA_DIR).mkdir(parents=True, exist_ok=True)
    with _alone(), archive.unpacked(source) as (folder, manifest):
        if manifest["database"] != connection.vendor:
            raise Impossible(
                f"{source} is of {manifest['database']}; here is {connection.vendor}: set DATABASE_URL to an empty database of that kind"
            )
        databases.await_interrupted()
        if databases.restored() == (archive.name_of(manifest), True):
            yield "This backup is restored here already: nothing was changed"
            return
        yield _load(folder, manifest)
        call_command("migrate", verbosity=0, interactive=False)
        for workspace in Workspace.objects.filter(pk__in=manifest["workspaces"]):
            try:
                yield from placing.place(workspace, folder / BUNDLES / f"{workspace.pk}.bundle", in_place=in_place)
            except GitError as problem:
                raise Impossible(
                    f"The database is restored, the refs of {workspace.name} are not: {str(problem)[-300:]}. Run this again"
                ) from None
        yield _finish(manifest)
        if off := Channel.objects.filter(off_because=databases.OF_A_COPY, enabled=False).count():
            is_off = counted(off, "channel of notices is switched off", "channels of notices are switched off")
            yield f"{is_off}, and what waited in the backup is not sent: switch on what this Muster is to send (Settings, Notices)"
        if off := Trigger.objects.filter(is_enabled=False, deleted_at__isnull=True).count():
            is_off = counted(off, "trigger is off", "triggers are off")
            yield f"{is_off}: switch on those that are to add entries here (Backlog, Triggers)"
        yield from (f"Not in the backup: {sentence}" for missing in manifest.get("lacks", {}).values() for sentence in missing)


def _load(folder: Path, manifest: dict[str, Any]) -> str:
    name = archive.name_of(manifest)
    if databases.restored() == (name, False):
        return f"The database of {manifest['at'][:19]} UTC was restored before: the rest follows"
    databases.refuse_if_used()
    for part in OF_WORK:
        if (Path(settings.DATA_DIR) / part).exists():
            raise Impossible(f"{settings.DATA_DIR} is the data directory of a Muster that worked: name a new one with --data-dir")
    databases.load(folder / DATABASE, name)
    return f"The database of {manifest['at'][:19]} UTC is restored"


@transaction.atomic
def _finish(manifest: dict[str, Any]) -> str:
    lost_hosts.forget_all()  # it looks for the entries' work in the repositories
    executors = Executor.objects.filter(workspace__deleted_at__isnull=True)
    executors.update(state=Executor.State.STOPPED, stop_all_by=BY, changed_by=BY)
    for workspace_id in executors.values_list("pk", flat=True):
        activity.record(workspace_id, events.WorkspaceRestored(at=f"{manifest['at'][:16]} UTC".replace("T", " ")), by=MUSTER)
    databases.finish()
    return "All executors are stopped: nothing starts, lands or is pushed in a workspace before a person starts its executor"


@contextmanager
def _alone() -> Iterator[None]:
    """Neither `up` nor another restore works with this data directory. What a killed restore unpacked is removed."""
    lock = hosts.take(Path(settings.DATA_DIR))
    if lock is None:
        raise Impossible(f"A Muster runs with {settings.DATA_DIR}, or is being restored there: name another --data-dir")
    with lock:
        for left in Path(settings.DATA_DIR).glob(f"{archive.UNPACKED}*"):
            shutil.rmtree(left)
        yield
