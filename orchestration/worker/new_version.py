"""The wait of a worker process at its start: for migrations, shown on the page of hosts, or for its name."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from orchestration.hosts import problems
from orchestration.models import sql_dialect
from orchestration.processes import leftovers
from workspaces.machine import hosts, presence, release

log = structlog.get_logger(__name__)


def wait(queue: str) -> None:
    """Wait for all migrations of this release, and for the end of a namesake in another PID namespace."""
    _wait_for_migrations(queue)
    shown, me = "", _identity()
    here = {"pid": int(me["pid"]), "started_ticks": int(me["started_ticks"])}
    while problem := presence.enter(Path(settings.DATA_DIR), queue, **here):
        if problem != shown:
            log.warning("worker.waits_for_another", why=problem)
            shown = problem
        hosts.beat(queue)
        time.sleep(min(settings.TICK_S, settings.LEASE_S / 4))


def _wait_for_migrations(queue: str) -> None:
    id_ = f"work_waits_{hosts.host_id()}"[:60]
    if problems.is_newer():
        log.warning("worker.waits_for_migrations", why=problems.NEWER)
    while problems.is_newer():
        hosts.beat(queue)
        _try(_show, id_)
        time.sleep(min(settings.TICK_S, settings.LEASE_S / 4))
    _try(_hide, id_)


def _show(cursor: Any, id_: str) -> None:
    """Write the row of this worker process in raw SQL: the newer model may have more columns than the database."""
    row = _identity() | {
        "id": id_,
        "queue": "sessions",
        "slots": 0,
        "agents": "{}",
        "problem": problems.NEWER,
        "version": release.NUMBER,
    }
    present = {column.name for column in connection.introspection.get_table_description(cursor, "orchestration_worker")}
    columns = [name for name in row if name in present]
    places, now = ", ".join(["%s"] * len(columns)), sql_dialect.now()
    cursor.execute(
        f"""INSERT INTO orchestration_worker ({", ".join(columns)}, seen_at) VALUES ({places}, {now})
        ON CONFLICT (id) DO UPDATE SET seen_at = {now}""",
        [row[name] for name in columns],
    )


def _hide(cursor: Any, id_: str) -> None:
    cursor.execute("DELETE FROM orchestration_worker WHERE id = %s", [id_])


def _identity() -> dict[str, str | int]:
    identity = leftovers.identity(os.getpid())
    assert identity is not None
    host = {"host": socket.gethostname(), "host_id": hosts.host_id(), "boot_id": identity.boot_id}
    return host | {"pid": identity.pid, "started_ticks": identity.starttime}


def _try(write: Callable[[Any, str], None], id_: str) -> None:
    """Try a write: an old database has no such table."""
    try:
        with connection.cursor() as cursor:
            write(cursor, id_)
    except (DatabaseError, InterfaceError) as error:
        log.warning("worker.not_shown", error=str(error).split("\n")[0])
        connection.close()
