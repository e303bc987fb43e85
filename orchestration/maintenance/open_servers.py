"""Muster's own servers that need no password: asked at their ports as a check or an agent on the open network would ask them."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 3
LOOPBACK = "127.0.0.1"
NOWHERE = "/nonexistent"


def database_without_password() -> str:
    """The address at which PostgreSQL lets its user in without a password; empty: none. A server on a socket may listen on loopback too."""
    if connection.vendor != "postgresql":
        return ""
    server = connection.settings_dict
    host, port = str(server.get("HOST") or ""), str(server.get("PORT") or 5432)
    if not host or host.startswith("/"):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('listen_addresses'), current_setting('port')")
                listens, port = cursor.fetchone()
        except DatabaseError:
            return ""
        host = LOOPBACK if listens else ""
    return f"{host}:{port}" if host and _lets_in(server, host, port) else ""


def _lets_in(server: Mapping[str, Any], host: str, port: str) -> bool:
    """Nothing of this user's own counts: no password file, no variable, no certificate."""
    import psycopg  # only with PostgreSQL

    own: dict[str, Any] = {"password": "", "passfile": NOWHERE, "sslcert": NOWHERE, "sslkey": NOWHERE, "gssencmode": "disable"}
    try:
        with psycopg.connect(
            host=host, port=port, user=server.get("USER"), dbname=server.get("NAME"), connect_timeout=TIMEOUT_S, **own
        ):
            return True
    except psycopg.Error:
        return False


def broker_without_password() -> str:
    """The address at which Redis or Valkey takes commands without a password; empty: none."""
    broker = urlsplit(settings.REDIS_URL)
    host, port = broker.hostname or "", broker.port or 6379
    if broker.scheme not in ("redis", "rediss"):
        host, port = LOOPBACK, _port_with_the_socket()
    if not host or not port:
        return ""
    more: dict[str, Any] = (
        {"ssl": True, "ssl_cert_reqs": "none", "ssl_check_hostname": False} if broker.scheme == "rediss" else {}
    )
    client = redis.Redis(
        host, port, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0), **more
    )
    with client, suppress(redis.RedisError, OSError):
        client.dbsize()  # PING may be allowed to everybody
        return f"{host}:{port}"
    return ""


def _port_with_the_socket() -> int:
    with suppress(redis.RedisError, OSError), redis.Redis.from_url(settings.REDIS_URL, socket_timeout=TIMEOUT_S) as client:
        return int(client.config_get("port").get("port", 0))
    return 0
