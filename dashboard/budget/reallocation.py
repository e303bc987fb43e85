"""Sharing the money out anew: first what would change and why, then doing it; and whether that happens by itself."""

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST

from budget import amounts
from budget.allocation import reallocation
from budget.models import BudgetChange, Project
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, show
from dashboard.shared.responses import done
from orchestration.configuration import workspace_setup
from orchestration.models import Entry
from workspaces.access import Need
from workspaces.errors import Forbidden

MOST_ROWS = 100  # of each table: a page of thousands is megabytes, and nobody reads it. The API has them all.


@in_workspace()
def reallocate(page_request: PageRequest) -> HttpResponseBase:
    """Everybody may look ahead; who has the money carries it out. What is carried out is decided anew, on what is true then."""
    if page_request.request.method != "POST":
        return show(
            page_request,
            "budget/reallocate.html",
            HEADER | {"preview": Region("budget/reallocate.html#preview", preview)},
            tab="more",
        )
    if not page_request.may(Need.BUDGET):
        raise Forbidden(f"The role {page_request.role.value} may not {Need.BUDGET.value}")
    outcome = reallocation.run(page_request.workspace.pk, by=page_request.caller, source=BudgetChange.Source.ALLOCATION)
    skipped = len(outcome.skipped)
    sentence = f"The reallocation changed {_budgets(len(outcome.changes))}, skipped {skipped} locked"
    return done(page_request, f"{sentence}; {amounts.format_usd(outcome.unallocated)} stays unallocated")


def preview(page_request: PageRequest) -> dict[str, Any]:
    outcome = reallocation.preview(page_request.workspace.pk)
    changes, skipped = outcome.changes[:MOST_ROWS], outcome.skipped[:MOST_ROWS]
    entries = Entry.objects.in_bulk([*(change.account_id for change in changes), *(one.account_id for one in skipped)])
    return {
        "outcome": outcome,
        "would": [(entries.get(change.account_id), change, change.after - change.before) for change in changes],
        "skipped": [(entries.get(one.account_id), one) for one in skipped],
        "more_changes": len(outcome.changes) - len(changes),
        "more_skipped": len(outcome.skipped) - len(skipped),
        "project": page_request.project,
        "pool": _pool(page_request.project, outcome.pool),
    }


def _pool(project: Project, pool: int) -> str:
    """How the pool comes about, so that it can be added up again."""
    by_plan = 0 < project.total_budget <= project.max_project_spend
    whole = project.total_budget if by_plan else project.max_project_spend
    named = f"the {'total budget' if by_plan else 'cap'} of {amounts.format_usd(whole)}"
    locked = whole - project.total_spent - project.held - pool
    if not pool:
        return f"nothing ({named} is spent, held or locked)"
    held, kept = amounts.format_usd(project.held), amounts.format_usd(locked)
    return f"{amounts.format_usd(pool)} ({named}, less {amounts.format_usd(project.total_spent)} spent, {held} held and {kept} left in locked budgets of open entries)"


@require_POST
@in_workspace(Need.ADMIN)
def auto(page_request: PageRequest) -> HttpResponse:
    """The wanted state, not a toggle: a form sent twice does no harm."""
    on = page_request.request.POST.get("on") == "1"
    workspace_setup.configure(page_request.workspace, {"auto_reallocate": on}, by=page_request.caller)
    told = (
        "Budgets that no person locked are shared out after each round"
        if on
        else "Budgets are shared out only when somebody asks"
    )
    return done(page_request, told)


def _budgets(n: int) -> str:
    return f"{n} {'budget' if n == 1 else 'budgets'}"
