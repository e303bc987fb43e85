"""One collector, which asks the database when it is scraped: a fixed number of statements, whatever there is."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import Case, Count, F, Min, Q, Value, When
from django.utils.timezone import now

from budget.amounts import MICRO
from budget.models import Category, Project, UsageTotal
from orchestration.metrics import backups, entry_counts, gateway_requests, hosts, outcome_counts, startable
from orchestration.metrics.families import Metric, new
from orchestration.models import Entry, Executor, Integration, Landing, Session
from workspaces.models import Workspace

NONE = "none"
"""As a reason: the entry can start."""

TOKENS = ("input", "output", "cache_read", "cache_write")


class Collector:
    """The metrics of these workspaces, and of all hosts."""

    def __init__(self, workspace_id: str | None = None) -> None:
        """None: all workspaces."""
        chosen = Workspace.objects.filter(deleted_at__isnull=True)
        self._ids = (chosen if workspace_id is None else chosen.filter(pk=workspace_id)).values("pk")
        self._key = workspace_id or ""

    def collect(self) -> Iterator[Metric]:
        projects = list(Project.objects.filter(pk__in=self._ids))
        yield from self._money(projects)
        yield from self._usage(projects)
        yield from self._entries()
        yield from self._sessions()
        yield from self._landings()
        yield from self._executors()
        yield from outcome_counts.metrics([project.pk for project in projects])
        yield from gateway_requests.metrics([project.pk for project in projects])
        yield from hosts.metrics()
        yield from backups.metrics()

    def _money(self, projects: Sequence[Project]) -> Iterator[Metric]:
        spent = new("muster_spent_usd")
        reserved = new("muster_reserved_usd")
        cap = new("muster_cap_usd")
        for project in projects:
            for category in Category:
                spent.add_metric([project.pk, category.value], getattr(project, f"{category.value}_spent") / MICRO)
            reserved.add_metric([project.pk], project.held / MICRO)
            cap.add_metric([project.pk], project.max_project_spend / MICRO)
        yield from (spent, reserved, cap)

    def _usage(self, projects: Sequence[Project]) -> Iterator[Metric]:
        charged = {(project.pk, category.value): 0 for project in projects for category in Category}
        spend, tokens = new("muster_spend_usd"), new("muster_tokens")
        for usage in UsageTotal.objects.filter(project__in=projects):
            charged[usage.project_id, usage.category] += usage.charged
            for kind in TOKENS:
                labels = [usage.project_id, usage.category, usage.model, kind]
                tokens.add_metric(labels, getattr(usage, f"{kind}_tokens"))
        for spender, amount in charged.items():
            spend.add_metric(spender, amount / MICRO)
        yield from (spend, tokens)

    def _entries(self) -> Iterator[Metric]:
        alive = Entry.objects.filter(workspace__in=self._ids, deleted_at__isnull=True)
        counts, oldest, ready = new("muster_entries"), new("muster_oldest_ready_seconds"), dict[str, float]()
        for group in entry_counts.of(alive, self._key):
            counts.add_metric([group.workspace, group.status, group.reason or NONE], group.number)
            if group.status == Entry.Status.PENDING and not group.reason:
                ready[group.workspace] = (now() - group.changed_at).total_seconds()
                oldest.add_metric([group.workspace], ready[group.workspace])
        yield from (counts, oldest)
        yield from startable.metrics(ready)

    def _sessions(self) -> Iterator[Metric]:
        opened = Session.of_any_role.filter(workspace__in=self._ids, status__in=Session.OPEN).order_by()
        at_work = new("muster_sessions")
        for *labels, number in opened.values_list("workspace", "role", "phase", "host").annotate(n=Count("*")):
            at_work.add_metric(labels, number)
        yield at_work

    def _landings(self) -> Iterator[Metric]:
        waiting = new("muster_landings_open")
        is_away = Q(state__in=Landing.UNDECIDED, not_before__isnull=False)
        queued = Landing.objects.filter(Q(state__in=Landing.OPEN) | is_away, workspace__in=self._ids).order_by()
        shown = Case(When(not_before__isnull=False, then=Value("waiting_for_host")), default=F("state"))
        oldest, since = new("muster_oldest_landing_seconds"), dict[str, datetime]()
        groups = queued.annotate(shown=shown).values_list("workspace", "shown")
        for workspace, state, number, at in groups.annotate(n=Count("*"), at=Min("queued_at")):
            waiting.add_metric([workspace, state], number)
            since[workspace] = min(at, since.get(workspace, at))
        for workspace, at in since.items():
            oldest.add_metric([workspace], (now() - at).total_seconds())
        branch = new("muster_integration_good")
        for workspace, state in Integration.objects.filter(pk__in=self._ids).values_list("pk", "state"):
            branch.add_metric(
                [workspace, state], state not in (Integration.State.RED, Integration.State.WAITING, Integration.State.UNUSABLE)
            )
        yield from (waiting, oldest, branch)

    def _executors(self) -> Iterator[Metric]:
        running = new("muster_executor_running")
        breakers = new("muster_circuit_breaker_open")
        codes: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
        columns = ("pk", "state", "repository_code", "workspace__provider_breakers__code")
        for pk, state, repository, provider in Executor.objects.filter(pk__in=self._ids).values_list(*columns):
            codes[pk, state, repository].add(provider or "")  # a row for each breaker; one that only counts has no code
        for (pk, state, repository), providers in codes.items():
            running.add_metric([pk, state], state == Executor.State.RUNNING)
            for code in sorted(providers - {""}) or [""]:
                breakers.add_metric([pk, "provider", code or NONE], bool(code))
            breakers.add_metric([pk, "repository", repository or NONE], bool(repository))
        yield from (running, breakers)
