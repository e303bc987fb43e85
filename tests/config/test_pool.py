"""The thread pool of Celery workers."""

import select
from unittest.mock import Mock

from config.pool import TaskPool


def test_the_end_of_a_task_wakes_the_event_loop() -> None:
    pool, loop = TaskPool(limit=1), Mock()
    pool.register_with_event_loop(loop)
    [woken_by, drain, argument] = loop.add_reader.call_args.args
    assert not select.select([woken_by], [], [], 0)[0]
    pool.on_apply(lambda: None, (), {}, callback=lambda _: None, accept_callback=lambda *_: None)
    assert select.select([woken_by], [], [], 10)[0]
    drain(argument)
    assert not select.select([woken_by], [], [], 0)[0]
