"""The changes of an upgrade to this version, and what stands in its way. Each version's migrations let workers of the version before go
on."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import OutputWrapper
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from orchestration.hosts import problems
from orchestration.maintenance.doctor import Finding
from orchestration.models import Session
from workspaces.activity.events import counted

TRIES, PAUSE_S = 20, 0.5
DEADLOCK = "40P01"
"""PostgreSQL's code for two transactions that wait for each other, of which it ended this one."""


def examine() -> Iterator[Finding]:
    """Raises DatabaseError where the database does not answer."""
    executor = MigrationExecutor(connection)
    newer = problems.of_newer_versions()
    yield _database(executor, newer)
    if not newer and Session._meta.db_table in connection.introspection.table_names():
        yield _sessions()
    if connection.vendor == "sqlite":
        yield _disk()


def apply(out: TextIO | OutputWrapper) -> None:
    """Apply the missing migrations while work goes on. Each of them is one transaction, so one that a deadlock with a process at work has ended left nothing,
    and runs again. Raises DatabaseError."""
    for tries_left in reversed(range(TRIES)):
        try:
            call_command("migrate", verbosity=1, interactive=False, stdout=out)
            return
        except OperationalError as problem:
            if not tries_left or getattr(problem.__cause__, "sqlstate", "") != DEADLOCK:
                raise
        out.write("\nA process at work held what this migration needs: nothing of it was done, and it runs again\n")
        time.sleep(PAUSE_S)


def _database(executor: MigrationExecutor, newer: list[tuple[str, str]]) -> Finding:
    if newer:
        names = ", ".join(f"{app} {name}" for app, name in newer[:5])
        return Finding("database", "of a newer version", f"Start that version: this one does not know {names}", is_needed=True)
    steps = [step for step, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    if not steps:
        return Finding("database", "as this version needs it")
    names = ", ".join(f"{step.app_label} {step.name}" for step in steps[:20])
    return Finding(
        "database",
        counted(len(steps), "migration is missing", "migrations are missing"),
        f"./muster upgrade applies them: {names}",
    )


def _sessions() -> Finding:
    number = Session.of_any_role.filter(status__in=Session.OPEN).values("pk").count()
    if not number:
        return Finding("sessions", "none is at work")
    return Finding(
        "sessions",
        f"{number} at work",
        "They go on while the database changes. A worker that restarts ends its rounds at their limit, and their entries go on",
    )


def _disk() -> Finding:
    file = Path(str(settings.DATABASES["default"]["NAME"]))
    size, free = (file.stat().st_size if file.exists() else 0), shutil.disk_usage(settings.DATA_DIR).free
    is_full = free < 2 * size + settings.DISK_RESERVE_MB * 2**20
    problem = "Free some space: a migration may write the database anew, beside its backup" if is_full else ""
    return Finding("disk", f"{free / 2**20:.0f} MiB free, the database has {size / 2**20:.0f}", problem, is_needed=is_full)
