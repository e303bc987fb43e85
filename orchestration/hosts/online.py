"""The hosts whose session workers are online."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet
from django.db.models.functions import Now

from orchestration.hosts.placing import Host, Need, are_shared, choose
from orchestration.models import Session, Worker
from workspaces.models import Workspace

COMMAND = "command"  # a kind that every host has: its program is in the config


def hosts_of(workers: Iterable[dict[str, Any]], workspace_id: str) -> tuple[Host, ...]:
    """The hosts of these workers, as this workspace sees them. Each worker: `id` and `name` of its host, `slots`, `busy` (open sessions of the
    host), `agents`, `labels`, `is_draining`, `unreachable`, and `problem`, with which it takes nothing."""
    by_id: dict[str, Host] = {}
    for worker in workers:
        agents, labels = frozenset(_parsed(worker["agents"])) | {COMMAND}, frozenset(_parsed(worker["labels"]))
        known = by_id.get(worker["id"])
        by_id[worker["id"]] = Host(
            worker["id"],
            worker["name"],
            free=worker["slots"] + (known.free if known else -worker["busy"]),
            agents=agents | (known.agents if known else frozenset()),
            labels=labels | (known.labels if known else frozenset()),
            is_draining=bool(worker["is_draining"]),
            problem=_parsed(worker["unreachable"]).get(workspace_id, "") or worker["problem"],
        )
    return tuple(sorted(by_id.values(), key=lambda host: (host.name, host.id)))


def place(workspace: Workspace, need: Need) -> str:
    """The host for a run. Empty: any, or the one that there is."""
    hosts = hosts_of(_rows(), workspace.pk)
    chosen = choose(hosts, need) if are_shared(hosts, workspace.host_id) else None
    return chosen.id if chosen else ""


def with_problems() -> QuerySet[Worker]:
    """Online session workers that cannot use the shared repository of some workspace."""
    return _online().exclude(unreachable={})


def unreachable(workspace_id: str) -> dict[str, str]:
    """The hosts that cannot use the workspace's shared repository now, by name: why, as a sentence."""
    known = with_problems().order_by("host").values_list("host", "unreachable")
    return {host: sentences[workspace_id] for host, sentences in known if workspace_id in sentences}


def _online() -> QuerySet[Worker]:
    return Worker.objects.filter(queue="sessions", seen_at__gt=Now() - timedelta(seconds=settings.LEASE_S / 2))


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
            "problem": "" if worker.slots else worker.problem,
        }
        for worker in _online()
    ]


def _parsed(value: Any) -> Any:
    """Django's raw cursors return JSON columns as text."""
    return json.loads(value) if isinstance(value, str) else value
