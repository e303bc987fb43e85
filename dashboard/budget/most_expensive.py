"""Rounds by what they cost, the most expensive first: what each gained, and what it changed one click away."""

from collections.abc import Iterator
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpResponseBase

from budget import amounts
from budget.models import RoundSpend
from budget.reads import csv_export
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters, paging
from dashboard.shared.page_request import PageRequest, Region, show
from orchestration.models import Round

HEAD = ["entry_id", "number", "title", "round", "verdict", "cost_usd", "gain", "insertions", "deletions"]


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    if page_request.request.GET.get("format") == "csv":
        rows = _found(page_request).order_by("-cost", "-id").iterator(chunk_size=1000)
        return csv_export.respond("rounds-by-cost", HEAD, map(_line, rows))
    return show(
        page_request, "budget/rounds.html", HEADER | {"dear": Region("budget/rounds.html#dear", most_expensive)}, tab="rounds"
    )


def most_expensive(page_request: PageRequest) -> dict[str, Any]:
    cursor = {key: page_request.request.GET.get(key, "") for key in ("after", "before")}
    cut = paging.cut(_found(page_request), "cost", "id", descending=True, **cursor)
    return {"dear": cut.rows, "cut": cut, "query": filters.query(page_request)}


def _found(page_request: PageRequest) -> QuerySet[RoundSpend]:
    """With `account.entry`, and of the round itself `diffstat` and `verdict`: one query."""
    made = Round.objects.filter(entry_id=OuterRef("account_id"), number=OuterRef("number"))
    told = RoundSpend.objects.annotate(
        diffstat=Subquery(made.values("diffstat")[:1]), verdict=Subquery(made.values("verdict")[:1])
    )
    mine = told.filter(
        account__project_id=page_request.workspace.pk, account__entry__deleted_at__isnull=True, verdict__isnull=False
    )
    return mine.select_related("account__entry")


def _line(row: RoundSpend) -> Iterator[Any]:
    entry, changed = row.account.entry, row.diffstat or {}  # type: ignore[attr-defined]
    yield from (entry.pk, entry.seq, entry.title, row.number, row.verdict, amounts.number(row.cost), row.improvement_score)  # type: ignore[attr-defined]
    yield from (changed.get("insertions"), changed.get("deletions"))
