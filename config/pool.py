"""The thread pool of a Celery worker process, which looks for the next message as soon as a thread is free.

Celery asks for messages only while a thread is free, and asks itself whether one is once a second: work waited up to a second behind
work that had long ended.
"""

import contextlib
import os
from typing import Any

from celery.concurrency import thread


class TaskPool(thread.TaskPool):
    """Wakes the event loop through a pipe whenever a task has ended."""

    _wake: int = -1

    def register_with_event_loop(self, loop: Any) -> None:
        super().register_with_event_loop(loop)
        read, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        loop.add_reader(read, _drain, read)

    def on_apply(self, *args: Any, **options: Any) -> Any:
        result = super().on_apply(*args, **options)
        result.f.add_done_callback(self._on_free)
        return result

    def _on_free(self, _: object) -> None:
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes it as well
            os.write(self._wake, b"\0")


def _drain(read: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(read, 4096):
            pass
