"""What Prometheus reads: one collector that asks the database when it is scraped. A fixed number of statements, whatever there is."""

from collections.abc import Iterable, Iterator

from django.conf import settings
from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils.timezone import now
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from budget.amounts import MICRO
from budget.models import Category, Project
from orchestration.models import Entry, Executor, Integration, Landing, Session, Worker
from workspaces.models import Workspace

NONE = "none"
"""As a reason: the entry can start."""


class Collector:
    """The metrics of these workspaces, and of all hosts."""

    def __init__(self, workspaces: QuerySet[Workspace]) -> None:
        self._ids = workspaces.filter(deleted_at__isnull=True).values("pk")

    def collect(self) -> Iterator[Metric]:
        yield from self._money()
        yield from self._entries()
        yield from self._sessions()
        yield from self._landings()
        yield from self._executors()
        yield from _workers()

    def _money(self) -> Iterator[Metric]:
        spent = CounterMetricFamily("muster_spend_usd", "Spent, in USD.", labels=["workspace", "category"])
        reserved = GaugeMetricFamily("muster_reserved_usd", "Reserved by open sessions and runs, in USD.", labels=["workspace"])
        cap = GaugeMetricFamily("muster_cap_usd", "The hard cap, in USD.", labels=["workspace"])
        for project in Project.objects.filter(pk__in=self._ids):
            for category in Category:
                spent.add_metric([project.pk, category.value], getattr(project, f"{category.value}_spent") / MICRO)
            reserved.add_metric([project.pk], project.held / MICRO)
            cap.add_metric([project.pk], project.max_project_spend / MICRO)
        yield from (spent, reserved, cap)

    def _entries(self) -> Iterator[Metric]:
        alive = Entry.objects.filter(workspace__in=self._ids, deleted_at__isnull=True).order_by()
        counts = GaugeMetricFamily(
            "muster_entries", "Entries, by state and why they wait.", labels=["workspace", "status", "reason"]
        )
        for workspace, status, reason, number in alive.values_list("workspace", "status", "reason_code").annotate(n=Count("*")):
            counts.add_metric([workspace, status, reason or NONE], number)
        ready = alive.filter(status=Entry.Status.PENDING, unmet_dependencies=0, parked_behind__isnull=True)
        oldest = GaugeMetricFamily(
            "muster_oldest_ready_seconds", "Since when the oldest entry could start.", labels=["workspace"]
        )
        for workspace, since in ready.values_list("workspace").annotate(since=Min("reason_at")):
            if since is not None:
                oldest.add_metric([workspace], (now() - since).total_seconds())
        yield from (counts, oldest)

    def _sessions(self) -> Iterator[Metric]:
        opened = Session.of_any_role.filter(workspace__in=self._ids, status__in=Session.OPEN).order_by()
        at_work = GaugeMetricFamily("muster_sessions", "Open sessions and runs.", labels=["workspace", "role", "phase", "host"])
        for *labels, number in opened.values_list("workspace", "role", "phase", "host").annotate(n=Count("*")):
            at_work.add_metric(labels, number)
        yield at_work

    def _landings(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "muster_landings_open", "Verified work that has not landed yet.", labels=["workspace", "state"]
        )
        queued = Landing.objects.filter(workspace__in=self._ids, state__in=Landing.OPEN).order_by()
        for *labels, number in queued.values_list("workspace", "state").annotate(n=Count("*")):
            waiting.add_metric(labels, number)
        branch = GaugeMetricFamily(
            "muster_integration_good", "1 while work may start from the branch.", labels=["workspace", "state"]
        )
        for workspace, state in Integration.objects.filter(pk__in=self._ids).values_list("pk", "state"):
            branch.add_metric(
                [workspace, state], state not in (Integration.State.RED, Integration.State.WAITING, Integration.State.UNUSABLE)
            )
        yield from (waiting, branch)

    def _executors(self) -> Iterator[Metric]:
        running = GaugeMetricFamily("muster_executor_running", "1 while the executor runs.", labels=["workspace", "state"])
        breakers = GaugeMetricFamily(
            "muster_circuit_breaker_open", "1 while a circuit breaker is open.", labels=["workspace", "of", "code"]
        )
        for row in Executor.objects.filter(pk__in=self._ids):
            running.add_metric([row.pk, row.state], row.state == Executor.State.RUNNING)
            for of, code in (("provider", row.trouble_code), ("repository", row.repository_code)):
                breakers.add_metric([row.pk, of, code or NONE], bool(code))
        yield from (running, breakers)


def _workers() -> Iterable[Metric]:
    slots = GaugeMetricFamily("muster_worker_slots", "Slots of session workers that are online.", labels=["host", "host_id"])
    draining = GaugeMetricFamily("muster_host_draining", "1 while a host takes no new sessions.", labels=["host", "host_id"])
    seen = GaugeMetricFamily("muster_worker_seen_seconds", "Since when a worker process was last seen.", labels=["host", "queue"])
    tick = GaugeMetricFamily("muster_tick_age_seconds", "Since the last tick of any control worker.")
    by_host: dict[tuple[str, str], tuple[int, bool]] = {}
    for worker in Worker.objects.all():
        age = (now() - worker.seen_at).total_seconds()
        seen.add_metric([worker.host, worker.queue], age)
        if worker.queue == "sessions" and age < settings.LEASE_S:
            number, drained = by_host.get((worker.host, worker.host_id), (0, False))
            by_host[worker.host, worker.host_id] = (number + worker.slots, drained or bool(worker.drain_by))
    for labels, (number, drained) in by_host.items():
        slots.add_metric(labels, number)
        draining.add_metric(labels, drained)
    ticked = Worker.objects.filter(~Q(ticked_at=None)).aggregate(at=Max("ticked_at"))["at"]
    if ticked is not None:
        tick.add_metric([], (now() - ticked).total_seconds())
    return (slots, draining, seen, tick)
