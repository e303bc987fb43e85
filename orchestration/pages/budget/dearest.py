"""Rounds by what they cost, the most expensive first: what each gained, and what it changed one click away."""

from collections.abc import Iterator
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpResponseBase

from budget import money, sheets
from budget.models import RoundSpend
from orchestration.models import Round
from orchestration.pages.doors import in_workspace
from orchestration.pages.lists import filters, paging
from orchestration.pages.scene import Region, Scene, show
from orchestration.pages.strip import STRIP

HEAD = ["entry_id", "number", "title", "round", "verdict", "cost_usd", "gain", "insertions", "deletions"]


@in_workspace()
def page(scene: Scene) -> HttpResponseBase:
    if scene.request.GET.get("format") == "csv":
        rows = _found(scene).order_by("-cost", "-id").iterator(chunk_size=1000)
        return sheets.answer("rounds-by-cost", HEAD, map(_line, rows))
    return show(scene, "budget/rounds.html", STRIP | {"dear": Region("budget/rounds.html#dear", dear)}, tab="rounds")


def dear(scene: Scene) -> dict[str, Any]:
    cursor = {key: scene.request.GET.get(key, "") for key in ("after", "before")}
    cut = paging.cut(_found(scene), "cost", "id", descending=True, **cursor)
    return {"dear": cut.rows, "cut": cut, "query": filters.query(scene)}


def _found(scene: Scene) -> QuerySet[RoundSpend]:
    """With `account.entry`, and of the round itself `diffstat` and `verdict`: one query."""
    made = Round.objects.filter(entry_id=OuterRef("account_id"), number=OuterRef("number"))
    told = RoundSpend.objects.annotate(
        diffstat=Subquery(made.values("diffstat")[:1]), verdict=Subquery(made.values("verdict")[:1])
    )
    mine = told.filter(account__project_id=scene.workspace.pk, account__entry__deleted_at__isnull=True, verdict__isnull=False)
    return mine.select_related("account__entry")


def _line(row: RoundSpend) -> Iterator[Any]:
    entry, changed = row.account.entry, row.diffstat or {}  # type: ignore[attr-defined]
    yield from (entry.pk, entry.seq, entry.title, row.number, row.verdict, money.number(row.cost), row.improvement_score)  # type: ignore[attr-defined]
    yield from (changed.get("insertions"), changed.get("deletions"))
