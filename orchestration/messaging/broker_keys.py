"""Keys of another type than Celery and Muster expect are deleted: everything in Valkey only wakes, and the database has the work.

Left in place, one such key ends each worker process as soon as it starts.
"""

import redis
import structlog

log = structlog.get_logger(__name__)

TYPES = {
    "control": "list",
    "sessions": "list",
    "claims": "list",
    "unacked": "hash",
    "unacked_index": "zset",
    "unacked_mutex": "string",
    "_kombu.binding_deadlines": "zset",
    "muster:ticks": "list",
}
TYPES_BY_PREFIX = {
    "_kombu.binding.": "set",
    "_kombu.binding_permanent.": "set",
    "muster:cycles:": "list",
    "control\x06\x16": "list",
    "sessions\x06\x16": "list",
    "claims\x06\x16": "list",
    "claims.": "list",
}


def delete_wrong_types(client: redis.Redis) -> list[str]:
    """Returns the deleted keys; none while Valkey does not respond."""
    try:
        names = [key.decode(errors="surrogateescape") for key in client.scan_iter(count=1000)]
        deleted = [name for name in names if (type_ := _expected(name)) and _type(client, name) not in (type_, "none")]
        for name in deleted:
            client.delete(_key(name))
    except redis.RedisError as error:
        log.warning("broker.not_checked", error=str(error))
        return []
    if deleted:
        log.warning("broker.keys_deleted", keys=deleted, why="another type than expected; no work is lost")
    return deleted


def _expected(name: str) -> str:
    return TYPES.get(name) or next((type_ for prefix, type_ in TYPES_BY_PREFIX.items() if name.startswith(prefix)), "")


def _type(client: redis.Redis, name: str) -> str:
    return bytes(client.type(_key(name))).decode()  # type: ignore[arg-type]


def _key(name: str) -> bytes:
    return name.encode(errors="surrogateescape")
