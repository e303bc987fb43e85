"""The list of workspaces."""

from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.shared.decorators import logged_in
from orchestration import configuration
from orchestration.models import Entry, Session
from workspaces import access
from workspaces.access import Caller
from workspaces.models import Workspace

MAX_WORKSPACES = 200


@logged_in
def page(request: HttpRequest, caller: Caller) -> HttpResponse:
    workspaces = list(access.workspaces_for(caller).select_related("project", "executor")[: MAX_WORKSPACES + 1])
    return render(
        request,
        "overview/workspaces.html",
        {"workspaces": _cards(workspaces[:MAX_WORKSPACES]), "more": len(workspaces) > MAX_WORKSPACES},
    )


def _cards(workspaces: list[Workspace]) -> list[dict[str, Any]]:
    """Two queries, whatever the number of workspaces."""
    ids = [workspace.pk for workspace in workspaces]
    alive = Q(workspace_id__in=ids, deleted_at__isnull=True)
    tally: dict[str, list[tuple[str, int]]] = {}
    counted = Entry.objects.filter(alive).order_by().values_list("workspace_id", "status").annotate(n=Count("id"))
    for workspace_id, status, n in counted:
        tally.setdefault(workspace_id, []).append((status, n))
    at_work = Session.objects.filter(workspace_id__in=ids, status__in=Session.OPEN).order_by().values_list("workspace_id")
    busy = dict(at_work.annotate(n=Count("id")))
    order = ["in_progress", "pending", "blocked", "failed", "done"]
    return [
        {
            "workspace": workspace,
            "executor": workspace.executor,
            "project": workspace.project,
            "at_work": busy.get(workspace.pk, 0),
            "max_workers": configuration.load(workspace.executor.config).max_workers,
            "counts": sorted(tally.get(workspace.pk, []), key=lambda pair: order.index(pair[0])),
        }
        for workspace in workspaces
    ]
