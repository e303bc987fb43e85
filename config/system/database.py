"""Limits on the silence of a connection to PostgreSQL: a host that is cut off neither waits for hours, nor holds its locks for hours."""

from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

PROBES = 3


def options(lease_s: float) -> dict[str, int]:
    """The options of libpq for this end of a connection. Its times are shorter than that for which a worker may act without a renewal of
    its leases."""
    silence = _silence_s(lease_s)
    return {
        "connect_timeout": max(silence, 2),
        "keepalives_idle": silence,
        "keepalives_interval": _probe_s(silence),
        "keepalives_count": PROBES,
        "tcp_user_timeout": silence * 2000,
    }


def limit_other_end(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """The same at the server, once for each connection. Not as options of libpq: some poolers refuse those."""
    if connection.vendor != "postgresql" or getattr(connection.connection, "is_limited", False):
        return
    connection.connection.is_limited = True
    silence = _silence_s(settings.LEASE_S)
    values = {
        "tcp_keepalives_idle": f"{silence}s",
        "tcp_keepalives_interval": f"{_probe_s(silence)}s",
        "tcp_keepalives_count": str(PROBES),
        "tcp_user_timeout": f"{silence * 2}s",
        "idle_in_transaction_session_timeout": f"{max(settings.LEASE_S, 30):.0f}s",
    }
    calls = ", ".join("set_config(%s, %s, false)" for _ in values)
    connection.connection.execute(f"SELECT {calls}", [word for pair in values.items() for word in pair])


def _silence_s(lease_s: float) -> int:
    return round(min(max(lease_s / 4, 2), 15))


def _probe_s(silence: int) -> int:
    return max(silence // PROBES, 1)
