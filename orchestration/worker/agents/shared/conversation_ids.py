"""Conversations of CLIs that store them by working directory: they can be resumed only where they started."""

import uuid

from orchestration.worker.agents.shared.interface import Task, Thread


def new_thread(task: Task) -> Thread:
    """A new conversation with an id that Muster chooses, so that it can be resumed after a kill at any time."""
    return Thread(str(uuid.uuid4()), {"cwd": str(task.cwd)})


def resumable_thread(task: Task) -> Thread | None:
    """The task's conversation, if it started in this working directory."""
    thread = task.thread
    return thread if thread is not None and thread.totals.get("cwd") == str(task.cwd) else None
