"""The command line of a worker process."""

from config.system import env
from workspaces.machine import hosts


def worker_args(queue: str, slots: int) -> list[str]:
    """Celery's arguments for one worker process of a queue; also used by `./muster worker`."""
    return [
        "-A",
        "config",
        "worker",
        "-c",
        str(slots),
        "-Q",
        ",".join(_queues(queue)),
        "-n",
        f"{queue}@%h",
        "-l",
        env.value("MUSTER_LOG_LEVEL"),
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]


def _queues(queue: str) -> list[str]:
    """A session worker reads the queue of its host, for sessions that were placed there, and `claims`, for those that any host may take. Where a
    control worker of a release before 0.2.0 is still at work, that one writes to `sessions`."""
    return [queue, "claims", f"claims.{hosts.id_in(env.value('MUSTER_DATA_DIR'))}"] if queue == "sessions" else [queue]
