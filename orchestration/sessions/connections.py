"""Connections to PostgreSQL in a session worker: its threads share them, since a session that waits for its agent needs none."""

from django.db import connection, connections

WAIT_S = 5.0
"""For a connection, while the database is away."""


def share(threads: int) -> None:
    """Have all threads of this process take connections from one pool, and give them back by `connection.close()`. As many as there are
    threads, so that none ever waits for another one; what nobody used for a second is closed, one each second."""
    given = connections.settings["default"]
    if given["ENGINE"].endswith("postgresql"):
        given["CONN_MAX_AGE"] = 0
        given["OPTIONS"]["pool"] = {"min_size": 1, "max_size": threads, "max_idle": 1.0, "timeout": WAIT_S}


def give_back() -> None:
    """Give this thread's connection back, where they are shared."""
    if connection.connection is not None and "pool" in connection.settings_dict["OPTIONS"] and not connection.in_atomic_block:
        connection.close()
