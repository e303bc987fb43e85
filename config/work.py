"""One Celery worker process, for hosts that run the parts one by one: `./muster worker`. And what its host takes: `drain`, `resume`."""

import argparse
import os
import sys

import django

from config.system import env, streams
from config.system.worker_arguments import worker_args


def main() -> None:
    parser = argparse.ArgumentParser(prog="./muster worker", description="One worker process of a queue.")
    parser.add_argument(
        "action",
        nargs="?",
        choices=["drain", "resume"],
        help="this host takes no new sessions, while those at work go on; or takes them again",
    )
    parser.add_argument("--queue", choices=["sessions", "control"], default="sessions", help="default: sessions")
    arguments = parser.parse_args()
    if not arguments.action:
        streams.install()
    env.exit_if_bad()
    env.warn_of_unknown()
    if arguments.action:
        sys.exit(_change(arguments.action))
    slots = env.value("MUSTER_SESSION_SLOTS") if arguments.queue == "sessions" else 2
    os.execv(sys.executable, [sys.executable, "-m", "celery", *worker_args(arguments.queue, slots)])


def _change(action: str) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from config import prepared  # needs the settings
    from orchestration.hosts import draining

    prepared.wait()
    count = draining.drain("command line") if action == "drain" else draining.resume()
    if not count:
        print("No session worker of this host is online: nothing was changed", file=sys.stderr)
        return 1
    print("This host takes no new sessions." if action == "drain" else "This host takes sessions again.")
    return 0


if __name__ == "__main__":
    main()
