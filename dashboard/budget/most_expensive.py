"""Rounds by cost, the most expensive first, with gain and size of the diff."""

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
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration.models import Round

HEAD = ["entry_id", "number", "title", "round", "verdict", "cost_usd", "gain", "insertions", "deletions"]


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    if page_request.request.GET.get("format") == "csv":
        rows = _rounds(page_request).order_by("-cost", "-id").iterator(chunk_size=1000)
        return csv_export.respond("rounds-by-cost", HEAD, map(_line, rows))
    return render_page(
        page_request, "budget/rounds.html", HEADER | {"rounds": Region("budget/rounds.html#rounds", round_list)}, tab="rounds"
    )


def round_list(page_request: PageRequest) -> dict[str, Any]:
    cursor = {key: page_request.request.GET.get(key, "") for key in ("after", "before")}
    cut = paging.paginate(_rounds(page_request), "cost", "id", descending=True, **cursor)
    return {"rounds": cut.rows, "cut": cut, "query": filters.query(page_request)}


def _rounds(page_request: PageRequest) -> QuerySet[RoundSpend]:
    """With `account.entry`, annotated with the round's `diffstat` and `verdict`, in one query."""
    rounds = Round.objects.filter(entry_id=OuterRef("account_id"), number=OuterRef("number"))
    spends = RoundSpend.objects.annotate(
        diffstat=Subquery(rounds.values("diffstat")[:1]), verdict=Subquery(rounds.values("verdict")[:1])
    )
    spends_here = spends.filter(
        account__project_id=page_request.workspace.pk, account__entry__deleted_at__isnull=True, verdict__isnull=False
    )
    return spends_here.select_related("account__entry")


def _line(row: RoundSpend) -> Iterator[Any]:
    entry, changed = row.account.entry, row.diffstat or {}  # type: ignore[attr-defined]
    yield from (entry.pk, entry.seq, entry.title, row.number, row.verdict, amounts.number(row.cost), row.improvement_score)  # type: ignore[attr-defined]
    yield from (changed.get("insertions"), changed.get("deletions"))
