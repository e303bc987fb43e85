"""Conversations that a CLI finds again only where they were begun: it keeps them under the name of the working directory."""

import uuid

from orchestration.worker.agents.shared.interface import Task, Thread


def begun(task: Task) -> Thread:
    """A new one, with an id of our choice, so that it can be resumed whenever it is killed."""
    return Thread(str(uuid.uuid4()), {"cwd": str(task.cwd)})


def of(task: Task) -> Thread | None:
    """The task's, if it can be gone on with here."""
    thread = task.thread
    return thread if thread is not None and thread.totals.get("cwd") == str(task.cwd) else None
