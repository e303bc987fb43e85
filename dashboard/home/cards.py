"""A card for each workspace: how far it is, what runs, what today costs, and when the backlog is done."""

from typing import Any

from django.db.models import Count

from budget.forecast import record
from budget.models import ForecastRecord
from dashboard.home.scope import Scope
from dashboard.shared.counts import in_progress
from dashboard.shared.header import state_of
from dashboard.shared.texts import labels
from orchestration import configuration
from orchestration.models import Entry, Executor
from workspaces.models import Workspace

ORDER = ("in_progress", "pending", "blocked", "failed")


def region(scope: Scope) -> dict[str, Any]:
    """One query besides the scope's, whatever the number of workspaces."""
    counted = Entry.objects.filter(workspace_id__in=scope.by_id, deleted_at__isnull=True).order_by()
    tally: dict[str, dict[str, int]] = {}
    for workspace_id, status, n in counted.values_list("workspace_id", "status").annotate(n=Count("id")):
        tally.setdefault(workspace_id, {})[status] = n
    cards = [_card(scope, workspace, tally.get(workspace.pk, {})) for workspace in scope.workspaces]
    totals = {
        name: sum(getattr(workspace, name) for workspace in scope.workspaces) for name in ("at_work", "landed_today", "today")
    }
    return {"cards": cards, "more": scope.has_more, "totals": totals}


def _card(scope: Scope, workspace: Workspace, counts: dict[str, int]) -> dict[str, Any]:
    project, executor, at_work = workspace.project, workspace.executor, workspace.at_work  # type: ignore[attr-defined]
    ticked_at = workspace.ticked_at  # type: ignore[attr-defined]
    newest: ForecastRecord | None = getattr(project, "forecast", None)
    paused = executor.state != Executor.State.RUNNING
    seen = record.as_of(newest, at=scope.at, paused=paused) if newest is not None else None
    return {
        "workspace": workspace,
        "shown_state": state_of(executor, ticked_at, at_work=at_work, has_work=bool(at_work or any(map(counts.get, ORDER)))),
        "project": project,
        "max_workers": configuration.load(executor.config).max_workers,
        "landed": counts.get("done", 0),
        "total": sum(counts.values()),
        "counts": [(counts[status], _words(status, workspace)) for status in ORDER if counts.get(status)],
        "finish": seen.end_at if seen is not None and any(map(counts.get, ORDER)) else None,
    }


def _words(status: str, workspace: Workspace) -> str:
    word = labels.badge(status)[2].lower()
    if status != Entry.Status.IN_PROGRESS:
        return word
    return in_progress(word, landing=workspace.landing, split=workspace.split)  # type: ignore[attr-defined]
