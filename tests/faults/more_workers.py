"""`python -m tests.faults.more_workers N`: keeps N session workers at work beside those of `up`, and replaces those that end, as `up` does. They end with its stdin."""

import os
import select
import signal
import sys
import time
from functools import partial

from config.system import env
from config.system.worker_arguments import worker_args
from config.up import copies
from config.up.children import die_with_parent

PATIENCE_S = 20.0


def main() -> None:
    copies.load("config.preloaded")
    run = partial(copies.run, "celery", worker_args("sessions", env.value("MUSTER_SESSION_SLOTS")))
    prepare = partial(die_with_parent, signal.SIGTERM, os.getpid())
    workers: list[copies.Copy] = []
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        workers = [worker for worker in workers if worker.poll() is None]
        while len(workers) < int(sys.argv[1]):
            workers.append(copies.Copy("sessions", run, prepare=prepare, stdout=1, stderr=2, keep=()))
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    end = time.monotonic() + PATIENCE_S
    while any(worker.poll() is None for worker in workers) and time.monotonic() < end:
        time.sleep(0.05)
    for worker in workers:
        worker.send_signal(signal.SIGKILL)


if __name__ == "__main__":
    main()
