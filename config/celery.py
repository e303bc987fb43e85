"""Celery, for wake-ups only. The row is the job; every message may be lost or repeated (docs/explanation/architecture.md)."""

import os
from typing import Any

from celery import Celery
from celery.apps import worker as celery_worker
from celery.signals import celeryd_init

from config.system import streams

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # Django's checks are for who changes the code: `./muster check` runs them

from django.conf import settings

app = Celery("muster")


@celeryd_init.connect
def _write_json(**_: Any) -> None:
    """Before the banner; what a worker says when it is stopped goes past every stream."""
    if streams.install():
        celery_worker.safe_say = streams.write_at_once  # type: ignore[attr-defined]


def _broker_url() -> str:
    """kombu spells a unix socket `redis+socket://`; redis-py spells it `unix://`."""
    return settings.REDIS_URL.replace("unix://", "redis+socket://", 1)


app.conf.update(
    broker_url=_broker_url(),
    result_backend=None,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_acks_late=False,
    task_reject_on_worker_lost=False,
    worker_pool="config.pool:TaskPool",
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    broker_transport_options={
        "visibility_timeout": 3600,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_timeout": 15,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "retry_on_timeout": True,
    },
    visibility_timeout=3600,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    task_publish_retry=False,  # orchestration/messaging/publishing.py
    task_serializer="json",
    accept_content=["json"],
    task_track_started=False,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    task_time_limit=None,
    task_soft_time_limit=None,
    worker_soft_shutdown_timeout=0,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    task_default_queue="control",
    task_create_missing_queues=True,
    timezone="UTC",
    CELERY_DB_REUSE_MAX=1_000_000,  # tasks; orchestration/edge/tasks.py closes what must not stay open
)
app.autodiscover_tasks(["orchestration.edge"])
