"""The Celery tasks. A task is only a wake-up: it takes ids, reads the database and does what is due there."""

from typing import Any

import structlog
from celery import Task, shared_task, signals
from django.db import close_old_connections, connection

from orchestration import funding
from orchestration.edge import worker_process
from orchestration.executor import dispatch
from orchestration.worker import heartbeat, session_run
from workspaces.notices import sending
from workspaces.values import ids

__all__ = ["cycle", "deliver", "run_session", "worker_process"]  # importing worker_process connects its signals


@shared_task(name="orchestration.tasks.cycle")
def cycle(workspace_id: str) -> None:
    """An entry of this workspace may be able to start."""
    if ids.is_id(workspace_id):
        dispatch.cycle(workspace_id)


@shared_task(name="orchestration.tasks.share_out")
def share_out(workspace_id: str) -> None:
    """Money was freed in this workspace, or a round was settled."""
    if ids.is_id(workspace_id):
        funding.share_out(workspace_id)


@shared_task(name="orchestration.tasks.run_session")
def run_session(session_id: str, attempt: int) -> None:
    """A session was claimed and waits for a worker."""
    if ids.is_id(session_id) and isinstance(attempt, int):
        session_run.run(session_id, attempt, heartbeat.current())


@shared_task(name="orchestration.tasks.deliver")
def deliver() -> None:
    """Wake the sender's thread of this process. A task sends nothing itself, since a slow receiver would block it."""
    sending.wake_up.set()


@signals.task_prerun.connect
def _check_connection(**_: Any) -> None:
    """Control tasks keep their thread's connection (CELERY_DB_REUSE_MAX), unless it broke."""
    close_old_connections()


@signals.task_prerun.connect
def _clear_log_context(task: Task, **_: Any) -> None:
    """The thread's last task was about something else."""
    if not task.request.is_eager:
        structlog.contextvars.clear_contextvars()


@signals.task_postrun.connect(sender=run_session)
def _give_back_connection(sender: Task, **_: Any) -> None:
    """There are many threads for sessions, and most of them rest."""
    if not sender.request.is_eager:
        connection.close()
