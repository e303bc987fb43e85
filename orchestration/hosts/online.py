"""The hosts whose session workers are online, and what each of them can take."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet
from django.db.models.functions import Now

from orchestration.configuration.config import agent_kinds
from orchestration.hosts.placing import Host, Need, choose, fitting
from orchestration.models import Session, Worker
from workspaces.machine import release
from workspaces.models import Workspace


def hosts_of(workers: Iterable[dict[str, Any]], workspace_id: str) -> tuple[Host, ...]:
    """The hosts of these workers, as this workspace sees them. Each worker: `id` and `name` of its host, `slots`, `busy` (open sessions of the
    host), `agents`, `labels`, `is_draining`, `unreachable`, `version`, and `problem`, which counts where it has no slots."""
    by_id: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for worker in workers:
        by_id[worker["id"]].append(worker)
    return tuple(sorted((_host(group, workspace_id) for group in by_id.values()), key=lambda host: (host.name, host.id)))


def _host(workers: list[dict[str, Any]], workspace_id: str) -> Host:
    """Workers of a release that may not run beside this one count for nothing: where there is no other, that is the host's problem."""
    able = [worker for worker in workers if worker["version"] in release.COMPATIBLE]
    slots, busy = sum(worker["slots"] for worker in able), workers[0]["busy"]
    problems = [_parsed(worker["unreachable"]).get(workspace_id, "") for worker in able]
    if not slots:
        problems += [release.why_incompatible(worker["version"]) or worker["problem"] for worker in able or workers]
    return Host(
        workers[0]["id"],
        workers[0]["name"],
        free=max(slots - busy, 0),
        slots=slots,
        busy=busy,
        agents=frozenset({*agent_kinds.OF_CONFIG}.union(*(_parsed(worker["agents"]) for worker in able))),
        labels=frozenset[str]().union(*(_parsed(worker["labels"]) for worker in able)),
        is_draining=any(worker["is_draining"] for worker in workers),
        problem=next(filter(None, problems), ""),
    )


def place(workspace: Workspace, need: Need) -> str:
    """The host for a run. Empty: several could take it, and none has a free slot: the first that has one takes it."""
    hosts = hosts_of(_rows(), workspace.pk)
    if len(hosts) == 1:
        need = Need(labels=need.labels)  # the run itself finds out about its agent
    able = fitting(hosts, need)
    chosen = choose(hosts, need) or (able[0] if len(able) == 1 else None)
    return chosen.id if chosen else ""


def able(*, within_s: float) -> QuerySet[Worker]:
    """The session workers that were seen within so many seconds, and are of a release that may run beside this one."""
    return seen(within_s=within_s).filter(version__in=release.COMPATIBLE)


def seen(*, within_s: float) -> QuerySet[Worker]:
    """The session workers that were seen within so many seconds, of any release."""
    return Worker.objects.filter(queue="sessions", seen_at__gt=Now() - timedelta(seconds=within_s))


def sandboxes() -> dict[str, str]:
    """The reports on the sandboxes of the hosts that may run beside this one, by their names. One query."""
    reports = able(within_s=settings.LEASE_S).values_list("host", "agents")
    return {host: programs["sandbox"] for host, programs in reports if "sandbox" in programs}


def with_problems() -> QuerySet[Worker]:
    """Online session workers that cannot use the shared repository of some workspace."""
    return _online().exclude(unreachable={})


def unreachable(workspace_id: str) -> dict[str, str]:
    """The hosts that cannot use the workspace's shared repository now, by name: why, as a sentence."""
    known = with_problems().order_by("host").values_list("host", "unreachable")
    return {host: sentences[workspace_id] for host, sentences in known if workspace_id in sentences}


def _online() -> QuerySet[Worker]:
    return seen(within_s=settings.LEASE_S / 2)


def _rows() -> list[dict[str, Any]]:
    open_ = Session.of_any_role.filter(status__in=Session.OPEN).values("host_id").annotate(number=Count("pk"))
    busy = dict(open_.values_list("host_id", "number"))
    return [
        {
            "id": worker.host_id,
            "name": worker.host,
            "slots": worker.slots,
            "busy": busy.get(worker.host_id, 0),
            "agents": worker.agents,
            "labels": worker.labels,
            "is_draining": bool(worker.drain_by),
            "unreachable": worker.unreachable,
            "version": worker.version,
            "problem": worker.problem,
        }
        for worker in _online()
    ]


def _parsed(value: Any) -> Any:
    """Django's raw cursors return JSON columns as text."""
    return json.loads(value) if isinstance(value, str) else value
