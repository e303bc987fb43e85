"""The log of changes to budgets, caps and locks: actor, before, after and reason."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase

from budget import amounts
from budget.categories import LABELS
from budget.models import BudgetChange
from budget.reads import csv_export
from dashboard.budget.filters import ChangesFilter
from dashboard.budget.ledger import entry_filter
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters, paging
from dashboard.shared.page_request import PageRequest, Region, render_page

FIELDS = {
    "budget": "Budget",
    "human_locked": "Lock",
    "max_project_spend": "Cap",
    "total_budget": "Total budget",
}
HEAD = ["id", "at", "entry_id", "field", "before", "after", "source", "actor", "reason"]


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    if page_request.request.GET.get("format") == "csv":
        chosen, _ = filters.read(ChangesFilter, page_request)
        rows = _filtered(page_request, chosen).order_by("id").iterator(chunk_size=1000)
        return csv_export.respond("-".join(filter(None, ["budget-changes", chosen["source"]])), HEAD, map(_line, rows))
    return render_page(
        page_request,
        "budget/changes.html",
        HEADER | {"changes": Region("budget/changes.html#changes", change_list)},
        tab="changes",
    )


def change_list(page_request: PageRequest) -> dict[str, Any]:
    chosen, ignored = filters.read(ChangesFilter, page_request)
    cursor = {key: page_request.request.GET.get(key, "") for key in ("after", "before")}
    cut = paging.paginate(_filtered(page_request, chosen), "id", "id", descending=True, **cursor)
    return {
        "changed": [change_row(change) for change in cut.rows],
        "cut": cut,
        "chosen": chosen,
        "sources": [
            ("", "By anyone"),
            ("human", "By people"),
            ("admin", "On the admin site"),
            ("allocation", "By the reallocator"),
            ("review", "By a review"),
        ],
        "ignored": ignored,
        "filtered": any(chosen.values()),
        "query": filters.query(page_request),
    }


def change_row(change: BudgetChange) -> dict[str, Any]:
    """A change as template context. A deleted entry has no link."""
    entry = getattr(change.account, "entry", None)
    return {
        "change": change,
        "entry": entry,
        "field": FIELDS.get(change.field) or _limit(change.field),
        "before": value(change, change.before),
        "after": value(change, change.after),
    }


def _limit(field: str) -> str:
    """The label of `limit.<category>.<period>`."""
    kind, category, period = (*field.split("."), "", "")[:3]
    if kind != "limit":
        return field.replace("_", " ").capitalize()
    whose = "everything" if category == "total" else LABELS.get(category, category).lower()
    return f"Limit of {whose}{' per day' if period == 'day' else ''}"


def value(change: BudgetChange, amount: int | None) -> str:
    if change.field == "human_locked":
        return "locked" if amount else "auto"
    return amounts.format_usd(amount) if amount is not None else "none"


def _filtered(page_request: PageRequest, chosen: dict[str, Any]) -> QuerySet[BudgetChange]:
    queryset = BudgetChange.objects.filter(project_id=page_request.workspace.pk).select_related("account__entry")
    if chosen["source"]:
        queryset = queryset.filter(source=chosen["source"])
    if chosen["field"]:
        queryset = queryset.filter(field=chosen["field"])
    return queryset.filter(entry_filter(chosen["entry"])) if chosen["entry"] else queryset


def _line(row: BudgetChange) -> Iterator[Any]:
    flag = row.field == "human_locked"
    before, after = (bool(it) if flag else None if it is None else amounts.number(it) for it in (row.before, row.after))
    yield from (row.pk, row.at, row.account_id, row.field if flag else f"{row.field}_usd", before, after)
    yield from (row.source, row.actor, row.reason)
