"""A Celery worker process apart from its tasks: it registers, sends heartbeats, runs the periodic tick, and unregisters."""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import signals
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from budget.forecast import record as forecasts
from orchestration.edge import digests
from orchestration.executor import reconcile
from orchestration.executor import stats as executor_stats
from orchestration.gateway import process as gateway_process
from orchestration.maintenance import retention
from orchestration.messaging import broker_keys, publishing
from orchestration.pull_requests import sync
from orchestration.sessions import connections
from orchestration.triggers import due as triggers_due
from orchestration.triggers.issues import looking, writing
from orchestration.worker import heartbeat, housekeeping, new_version, reaper
from orchestration.worker.lander.service import Service
from workspaces.notices import sending

log = structlog.get_logger(__name__)

PATIENCE_MS = 120_000
"""A request of a person gives up sooner. A session must not: its agent is paid, and a hundred others may be writing."""


OTHER_THREADS = 16
"""Of a session worker beside its sessions: heartbeat, lander, upkeep, listeners."""


@signals.worker_init.connect
def _on_init(sender: Any, **_: Any) -> None:
    """Before Celery opens its queues: the database may be of an older version, and a key of another type would end this process at once, and each that follows it."""
    connections.share(settings.SESSION_SLOTS + OTHER_THREADS)
    new_version.wait(_queue_of(sender.app))
    broker_keys.delete_wrong_types(publishing.client())


@signals.worker_ready.connect
def _on_ready(sender: Any, **_: Any) -> None:
    queue = _queue_of(sender.app)
    beating = heartbeat.start(queue, settings.SESSION_SLOTS if queue == "sessions" else 1)
    if queue == "sessions":
        connection_created.connect(_be_patient)
        lander = Service(beating.worker)
        beating.on_check(lander.wake_up.set, lander.stop)
        lander.start()
        threading.Thread(target=_upkeep_loop, name="upkeep", daemon=True).start()
    if queue == "control":
        threading.Thread(target=_tick_loop, name="tick", daemon=True).start()
        threading.Thread(target=_forges_loop, name="forges", daemon=True).start()
        threading.Thread(target=sending.run_forever, args=[settings.TICK_S], name="notices", daemon=True).start()


def _queue_of(app: Any) -> str:
    return "sessions" if "sessions" in app.amqp.queues.consume_from else "control"


def _be_patient(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """SQLite lets one write at a time, and serves those who wait in no order."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")


@signals.worker_shutting_down.connect
def _on_shutting_down(**_: Any) -> None:
    threading.Thread(target=heartbeat.stop, name="stop", daemon=True).start()  # a signal's handler uses no database


@signals.worker_shutdown.connect
def _on_shutdown(**_: Any) -> None:
    heartbeat.unregister()


def _tick_loop() -> None:
    """The periodic safety net, inside the control worker: it works even while Valkey is down."""
    while True:
        began = time.monotonic()
        tick()
        executor_stats.record_tick(time.monotonic() - began)
        time.sleep(settings.TICK_S)


def tick() -> None:
    """Reap, then reconcile."""
    _run(triggers_due.run_due, reaper.reap, gateway_process.take_over, reconcile.run, forecasts.refresh_due, digests.send_due)
    _run(housekeeping.run_hourly, retention.run_hourly, heartbeat.record_tick)


def _forges_loop() -> None:
    """Apart from the tick: a forge may take long to answer."""
    while True:
        time.sleep(settings.TICK_S)
        _run(sync.run_due, looking.run_due, writing.run_due)


def _upkeep_loop() -> None:
    """The upkeep of a host without a control worker. When a worker dies, only processes of its host can read its sessions' journals, save their work and
    end them."""
    while True:
        time.sleep(settings.TICK_S)
        _run(_look_after_this_host)


def _look_after_this_host() -> None:
    if not heartbeat.has_control_worker():
        reaper.reap()
        housekeeping.run_hourly()


def _run(*steps: Callable[[], object]) -> None:
    """No error in one step stops the next."""
    close_old_connections()
    for step in steps:
        try:
            step()
        except (DatabaseError, InterfaceError) as error:
            log.warning("tick.database_unavailable", error=str(error).split("\n")[0])
            connection.close()
        except Exception:
            log.exception("tick.failed", step=step.__name__)
