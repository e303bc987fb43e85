"""One Celery worker process, for hosts that run the parts one by one: `./muster worker`."""

import argparse
import os
import sys

from config import env
from config.up import worker_args


def main() -> None:
    parser = argparse.ArgumentParser(prog="./muster worker", description="One worker process of a queue.")
    parser.add_argument("--queue", choices=["sessions", "control"], default="sessions", help="default: sessions")
    queue = parser.parse_args().queue
    env.exit_if_bad()
    env.warn_of_unknown()
    slots = env.value("MUSTER_SESSION_SLOTS") if queue == "sessions" else 2
    os.execv(sys.executable, [sys.executable, "-m", "celery", *worker_args(queue, slots)])


if __name__ == "__main__":
    main()
