"""Concurrent actions: threads that start together, each with its own database connection."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections


def at_once(actions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run the actions in threads that start at the same moment, and return their results. Raises the first exception."""
    gate = threading.Barrier(len(actions))
    results: list[Any] = [None] * len(actions)
    failures: list[BaseException] = []

    def run(index: int, action: Callable[[], Any]) -> None:
        try:
            gate.wait(30)
            results[index] = action()
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index, action), daemon=True) for index, action in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
        assert not thread.is_alive(), "an action hangs"
    if failures:
        raise failures[0]
    return results
