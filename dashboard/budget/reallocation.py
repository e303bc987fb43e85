"""Reallocation of budgets: a preview with reasons, the run, and the automatic switch."""

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST

from budget import amounts
from budget.allocation import reallocation
from budget.models import BudgetChange, Project
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import done
from orchestration.configuration import workspace_setup
from orchestration.models import Entry
from workspaces.access import Need
from workspaces.errors import Forbidden

MAX_ROWS = 100  # per table: a page of thousands would be megabytes. The API has all rows.


@in_workspace()
def reallocate(page_request: PageRequest) -> HttpResponseBase:
    """Every member may preview; the budget role runs it. A run computes the changes again from the current figures."""
    if page_request.request.method != "POST":
        return render_page(
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
    changes, skipped = outcome.changes[:MAX_ROWS], outcome.skipped[:MAX_ROWS]
    entries = Entry.objects.in_bulk([*(change.account_id for change in changes), *(item.account_id for item in skipped)])
    return {
        "outcome": outcome,
        "would": [(entries.get(change.account_id), change, change.after - change.before) for change in changes],
        "skipped": [(entries.get(item.account_id), item) for item in skipped],
        "more_changes": len(outcome.changes) - len(changes),
        "more_skipped": len(outcome.skipped) - len(skipped),
        "project": page_request.project,
        "pool": _pool(page_request.project, outcome.pool),
    }


def _pool(project: Project, pool: int) -> str:
    """The sum behind the pool, so that a reader can check it."""
    by_plan = 0 < project.total_budget <= project.max_project_spend
    whole = project.total_budget if by_plan else project.max_project_spend
    named = f"the {'total budget' if by_plan else 'cap'} of {amounts.format_usd(whole)}"
    locked = whole - project.total_spent - project.held - pool
    if not pool:
        return f"nothing ({named} is spent, reserved or locked)"
    held, kept = amounts.format_usd(project.held), amounts.format_usd(locked)
    return f"{amounts.format_usd(pool)} ({named}, less {amounts.format_usd(project.total_spent)} spent, {held} reserved and {kept} left in locked budgets of open entries)"


@require_POST
@in_workspace(Need.ADMIN)
def set_automatic(page_request: PageRequest) -> HttpResponse:
    """The desired state, not a toggle, so that a form sent twice is harmless."""
    on = page_request.request.POST.get("on") == "1"
    workspace_setup.configure(page_request.workspace, {"auto_reallocate": on}, by=page_request.caller)
    sentence = "Unlocked budgets are reallocated after each round" if on else "Budgets are reallocated only on request"
    return done(page_request, sentence)


def _budgets(n: int) -> str:
    return f"{n} {'budget' if n == 1 else 'budgets'}"
