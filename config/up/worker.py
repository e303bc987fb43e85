"""A Celery worker without Celery's command line, which loads two hundred modules: an interactive shell among them."""

import argparse
from collections.abc import Sequence

# ruff: noqa: F401  (what a worker loads when it starts: each copy has it then)
import celery.app.control
import celery.app.events
import celery.app.log
import celery.apps.worker
import celery.events
import celery.worker.autoscale
import celery.worker.components
import celery.worker.consumer
import celery.worker.consumer.delayed_delivery
import celery.worker.strategy
from celery.utils.nodenames import default_nodename, host_format

import config.pool
import orchestration.edge.tasks
import orchestration.edge.worker_process
from config.celery import app


def run(arguments: Sequence[str]) -> int:
    """`celery` with the arguments of `worker_args`. Returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["worker"])
    parser.add_argument("-A", dest="app")
    parser.add_argument("-c", dest="concurrency", type=int)
    parser.add_argument("-Q", dest="queues")
    parser.add_argument("-n", dest="hostname")
    parser.add_argument("-l", dest="loglevel")
    for part in ("gossip", "mingle", "heartbeat"):
        parser.add_argument(f"--without-{part}", action="store_true")
    options = vars(parser.parse_args(arguments))
    del options["command"], options["app"]
    hostname = host_format(default_nodename(options.pop("hostname")))
    worker = app.Worker(hostname=hostname, **options)
    worker.start()
    return int(worker.exitcode or 0)
