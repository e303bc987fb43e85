"""A worker process of a newer Muster than the database: it waits for the migrations, and shows that on the page of hosts."""

import os
import socket
import time

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from orchestration.hosts import problems
from orchestration.models import sql_dialect
from orchestration.processes import leftovers
from workspaces import hosts

log = structlog.get_logger(__name__)

# Columns that later versions keep: the model of this version may have more of them than the database.
_SHOW = """INSERT INTO orchestration_worker
    (id, queue, host, host_id, boot_id, pid, started_ticks, slots, agents, problem, seen_at)
    VALUES (%s, 'sessions', %s, %s, %s, %s, %s, 0, '{{}}', %s, {now}) ON CONFLICT (id) DO UPDATE SET seen_at = {now}"""


def wait() -> None:
    """Returns once the database has all migrations of this Muster."""
    id_ = f"work_waits_{hosts.host_id()}"[:60]
    if problems.is_newer():
        log.warning("worker.waits_for_migrations", why=problems.NEWER)
    while problems.is_newer():
        _try(_SHOW.format(now=sql_dialect.now()), id_, *_identity(), problems.NEWER)
        time.sleep(min(settings.TICK_S, settings.LEASE_S / 4))
    _try("DELETE FROM orchestration_worker WHERE id = %s", id_)


def _identity() -> tuple[str, str, str, int, int]:
    identity = leftovers.identity(os.getpid())
    assert identity is not None
    return socket.gethostname(), hosts.host_id(), identity.boot_id, identity.pid, identity.starttime


def _try(sql: str, *values: str | int) -> None:
    """A database of long ago has no such columns."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
    except (DatabaseError, InterfaceError) as error:
        log.warning("worker.not_shown", error=str(error).split("\n")[0])
        connection.close()
