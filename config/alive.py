"""`./muster worker alive`: whether a worker process of this host works. For probes: it asks no database, and imports nothing large."""

import argparse
import sys
import time

from config.system import env
from workspaces.machine import hosts

BEATS = 2
"""A heartbeat that is late by so many leases is no longer one."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./muster worker alive", description="Exit code 0 while a worker process of this host works."
    )
    parser.add_argument("--queue", choices=["sessions", "control"], default="sessions", help="default: sessions")
    queue = parser.parse_args().queue
    limit = max(BEATS * env.value("MUSTER_LEASE_S"), 10)
    try:
        age = time.time() - hosts.alive_file(env.data_dir(), queue).stat().st_mtime
    except OSError:
        print(f"No {queue} worker has begun with {env.data_dir()}", file=sys.stderr)
        return 1
    if age > limit:
        print(f"The last heartbeat of a {queue} worker was {age:.0f} s ago", file=sys.stderr)
        return 1
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
