"""Connections to PostgreSQL in a session worker: its threads share them, since a session that waits for its agent needs none."""

from django.db import connection, connections

WAIT_S = 5.0
"""For a connection, while the database is away."""


def share(threads: int, *, idle_s: float = 1.0, are_checked: bool = True) -> None:
    """Have all threads of this process take connections from one pool, and give them back by `connection.close()`. As many as there are
    threads, so that none ever waits for another one; what no thread used for `idle_s` is closed, one each such time. `are_checked`: by a
    statement before each use; without it, who repeats what failed meets what the server has closed."""
    given = connections.settings["default"]
    if given["ENGINE"].endswith("postgresql"):
        given["CONN_MAX_AGE"], given["CONN_HEALTH_CHECKS"] = 0, are_checked
        given["OPTIONS"]["pool"] = {"min_size": 1, "max_size": threads, "max_idle": idle_s, "timeout": WAIT_S}


def give_back() -> None:
    """Give this thread's connection back, where they are shared."""
    if connection.connection is not None and "pool" in connection.settings_dict["OPTIONS"] and not connection.in_atomic_block:
        connection.close()
