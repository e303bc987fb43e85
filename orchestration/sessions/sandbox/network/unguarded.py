"""Servers of Muster's own that every process on the host's network can use, since they ask for no password. Pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit


def warning_of_unguarded(database: Mapping[str, object], redis_url: str, variables: Mapping[str, str]) -> str:
    """A warning for processes on an open network; empty: a password, or a socket that a sandbox does not show, keeps them out.

    `database`: one of Django's. `variables`: the environment, where PostgreSQL's client looks for a password too.
    """
    open_ones = []
    by_address = "postgresql" in str(database.get("ENGINE")) and not str(database.get("HOST") or "/").startswith("/")
    if by_address and not (database.get("PASSWORD") or variables.keys() & {"PGPASSWORD", "PGPASSFILE"}):
        open_ones.append("DATABASE_URL")
    broker = urlsplit(redis_url)
    if broker.scheme in ("redis", "rediss") and not broker.password:
        open_ones.append("REDIS_URL")
    if not open_ones:
        return ""
    have = "has" if len(open_ones) == 1 else "have"
    return (
        f"{' and '.join(open_ones)} {have} no password, and the network is open: an agent can use what Muster uses there. "
        "Set a password, or sandbox.network to proxy."
    )
