"""The Celery tasks: doorbells. Each takes ids only, looks at the database and does what it finds there."""

from celery import shared_task

from orchestration import funding, worker_process
from orchestration.executor import dispatch
from orchestration.worker import heartbeat, session_run
from workspaces import ids
from workspaces.notices import sending

__all__ = ["cycle", "deliver", "run_session", "worker_process"]  # importing worker_process connects its signals


@shared_task(name="orchestration.tasks.cycle")
def cycle(workspace_id: str) -> None:
    """Something may have become free in this workspace."""
    if ids.is_id(workspace_id):
        dispatch.cycle(workspace_id)


@shared_task(name="orchestration.tasks.share_out")
def share_out(workspace_id: str) -> None:
    """Money came free in this workspace, or a round was settled."""
    if ids.is_id(workspace_id):
        funding.share_out(workspace_id)


@shared_task(name="orchestration.tasks.run_session")
def run_session(session_id: str, attempt: int) -> None:
    """A session was claimed and waits for a worker."""
    if ids.is_id(session_id) and isinstance(attempt, int):
        session_run.run(session_id, attempt, heartbeat.current())


@shared_task(name="orchestration.tasks.deliver")
def deliver() -> None:
    """A notice may be due. The sender's thread of this process looks: nothing is sent in a task, which a slow receiver would hold."""
    sending.wake_up.set()
