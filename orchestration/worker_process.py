"""What a Celery worker process does besides its tasks: it registers, beats, ticks, and leaves in order."""

import threading
import time
from typing import Any

import structlog
from celery import signals
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from orchestration.executor import reconcile
from orchestration.executor import stats as executor_stats
from orchestration.worker import heartbeat, housekeeping, reaper
from workspaces.notices import sending

log = structlog.get_logger(__name__)


@signals.worker_ready.connect
def _ready(sender: Any, **_: Any) -> None:
    queues = list(sender.app.amqp.queues.consume_from)
    queue = "sessions" if "sessions" in queues else "control"
    heartbeat.begin(queue, settings.SESSION_SLOTS if queue == "sessions" else 1)
    if queue == "control":
        threading.Thread(target=_tick_for_ever, name="tick", daemon=True).start()
        threading.Thread(target=sending.run_forever, args=[settings.TICK_S], name="notices", daemon=True).start()


@signals.worker_shutting_down.connect
def _shutting_down(**_: Any) -> None:
    heartbeat.end()


@signals.worker_shutdown.connect
def _shutdown(**_: Any) -> None:
    heartbeat.leave()


def _tick_for_ever() -> None:
    """The periodic safety net. In the control worker itself: it works even while Valkey is away."""
    while True:
        began = time.monotonic()
        tick()
        executor_stats.record_tick(time.monotonic() - began)
        time.sleep(settings.TICK_S)


def tick() -> None:
    """Reap, then reconcile. Nothing that goes wrong in one tick stops the next."""
    close_old_connections()
    for step in (reaper.reap, reconcile.everything, housekeeping.hourly, heartbeat.ticked):
        try:
            step()
        except (DatabaseError, InterfaceError) as error:
            log.warning("tick.database_away", error=str(error).split("\n")[0])
            connection.close()
        except Exception:
            log.exception("tick.failed", step=step.__name__)
