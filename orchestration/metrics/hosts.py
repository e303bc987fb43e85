"""The metrics of hosts and their workers, from one statement."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.utils.timezone import now

from orchestration.metrics.families import Metric, new
from orchestration.models import Worker
from workspaces.machine import release

NO_VERSION = "none"


def metrics() -> Iterator[Metric]:
    workers, at = list(Worker.objects.all()), now()
    yield from _ages(workers, at)
    hosts: dict[tuple[str, str], list[Worker]] = defaultdict(list)
    for worker in workers:
        if worker.queue == "sessions":
            hosts[worker.host, worker.host_id].append(worker)
    yield from _hosts(hosts, at)


def _ages(workers: list[Worker], at: datetime) -> Iterator[Metric]:
    """Several processes of a queue on one host are one series."""
    seen, tick = new("muster_worker_seen_seconds"), new("muster_tick_age_seconds")
    ages: dict[tuple[str, str], float] = {}
    for worker in workers:
        age = (at - worker.seen_at).total_seconds()
        ages[worker.host, worker.queue] = min(age, ages.get((worker.host, worker.queue), age))
    for key, age in ages.items():
        seen.add_metric(key, age)
    if ticks := [worker.ticked_at for worker in workers if worker.ticked_at is not None]:
        tick.add_metric([], (at - max(ticks)).total_seconds())
    yield from (seen, tick)


def _hosts(hosts: dict[tuple[str, str], list[Worker]], at: datetime) -> Iterator[Metric]:
    slots, draining = new("muster_worker_slots"), new("muster_host_draining")
    gone, trouble, refused = new("muster_host_gone"), new("muster_host_trouble"), new("muster_host_version_refused")
    for host, workers in hosts.items():
        online = [worker for worker in workers if (at - worker.seen_at).total_seconds() < settings.LEASE_S]
        gone.add_metric(host, not online)
        if not online:
            continue
        able = [worker for worker in online if worker.version in release.COMPATIBLE]
        slots.add_metric(host, sum(worker.slots for worker in able))
        draining.add_metric(host, any(worker.drain_by for worker in online))
        trouble.add_metric(host, any(worker.trouble or worker.unreachable for worker in online))
        for version in sorted({worker.version for worker in online}):
            refused.add_metric((*host, version or NO_VERSION), version not in release.COMPATIBLE)
    yield from (slots, draining, gone, trouble, refused)
