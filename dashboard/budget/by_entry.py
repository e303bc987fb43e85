"""Budget by entry: budget, spent, left, cost per gain, and locks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Count, Max, Q, QuerySet, Sum
from django.http.response import HttpResponseBase
from django.urls import reverse

from budget import amounts
from budget.charts.bullet import Use
from budget.limits import allocated, dividing
from budget.models import BudgetChange, Project, RoundSpend
from budget.reads import csv_export
from dashboard.budget.filters import SORTS, EntriesFilter
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters, paging
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration.edge.queries import entry_for
from orchestration.lists import entries as lists
from orchestration.models import Entry

FLAGS = {"over": lists.FLAGS["over"], "locked": lists.FLAGS["locked"], "none": ~lists.FLAGS["own_budget"]}
HEAD = [
    "entry_id",
    "number",
    "title",
    "status",
    "budget_usd",
    "spent_usd",
    "interceptor_spent_usd",
    "held_usd",
    "left_usd",
    "rounds",
    "usd_per_round",
    "usd_per_hundredth",
    "locked",
    "locked_by",
    "locked_at",
    "locked_reason",
    "changed_by",
    "changed_at",
]


@dataclass(frozen=True)
class Worth:
    """Cost (micro-USD) and gain of an entry's rounds. None: no round, or no gain."""

    rounds: int = 0
    cost: int = 0
    gained: float = 0.0

    @property
    def per_round(self) -> int | None:
        return self.cost // self.rounds if self.rounds else None

    @property
    def per_hundredth(self) -> int | None:
        """The cost of each +0.01 of score, in micro-USD. None: there is no gain."""
        return int(self.cost / self.gained / 100) if self.gained > 0 else None


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    if page_request.request.GET.get("format") == "csv":
        return _csv(page_request)
    regions = HEADER | {"budgets": Region("budget/entries.html#budgets", entry_budgets)}
    for name in ("edit", "release"):
        if page_request.request.GET.get("fragment") == name:
            regions[name] = Region(f"budget/entries.html#{name}", partial(_cell, entry_id=page_request.request.GET.get(name, "")))
    return render_page(page_request, "budget/entries.html", regions, tab="entries")


def _cell(page_request: PageRequest, *, entry_id: str) -> dict[str, Any]:
    """One cell as a form, fetched into its place."""
    entry = entry_for(page_request.workspace.pk, entry_id)
    here = reverse("budget-entries", args=[page_request.workspace.pk])
    return {"entry": entry, "account": entry.account, "whole": dividing.total(entry.account), "here": here}


def entry_budgets(page_request: PageRequest) -> dict[str, Any]:
    chosen, ignored = filters.read(EntriesFilter, page_request)
    entries = _filtered(page_request, chosen)
    name, descending = lists.order(chosen["sort"], "seq")
    cursor = {key: page_request.request.GET.get(key, "") for key in ("after", "before")}
    cut = paging.paginate(lists.ordered(entries, name), "place", "seq", descending=descending, **cursor)
    filtered = any(chosen[key] for key in ("over", "locked", "none", "q"))
    everything = {} if filtered else allocated.sums(page_request.project.pk)
    totals = everything or _totals(entries)
    given = everything["allocated"] if everything else allocated.allocated(page_request.project.pk)
    rows = _rows(page_request.project, cut.rows)
    editing = page_request.request.GET.get("edit", "")
    return {
        "budgets": rows,
        "cut": cut,
        "totals": totals | {"left": totals["budget"] - totals["spent"] - totals["held"]},
        "project": page_request.project,
        "allocated": given,
        "unallocated": page_request.project.total_budget - given,
        "excess": allocated.excess(page_request.project, given),
        "chosen": chosen,
        "ignored": ignored,
        "filtered": filtered,
        "good_news": bool(chosen["over"]) and not (chosen["locked"] or chosen["none"] or chosen["q"]),
        "chips": _chips(page_request, chosen),
        "sorts": {key: filters.head(page_request, key, (name, descending), ["seq"], "seq") for key in SORTS},
        "query": filters.query(page_request, "edit", "release"),
        "editing": editing,
        "whole": next((dividing.total(row["account"]) for row in rows if row["entry"].pk == editing), None),
        "releasing": page_request.request.GET.get("release", ""),
        "here": f"{page_request.request.path}?{filters.query(page_request, 'edit', 'release')}",
        "search": [(key, chosen[key]) for key in ("over", "locked", "none", "sort") if chosen[key]],
    }


def parent_limit(project: Project) -> tuple[str, int]:
    """The tightest limit above an entry's own budget, and what is left of it in micro-USD."""
    plan = project.plan_left - project.held
    return ("the cap", project.headroom) if project.headroom <= plan else ("the total budget", plan)


def worth_of(account_ids: Iterable[str]) -> dict[str, Worth]:
    """One query."""
    spends = RoundSpend.objects.filter(account_id__in=list(account_ids)).order_by().values_list("account_id")
    summed = spends.annotate(n=Count("id"), paid=Sum("cost"), gained=Sum("improvement_score", filter=Q(improvement_score__gt=0)))
    return {account: Worth(n, cost, gained or 0.0) for account, n, cost, gained in summed}


def _filtered(page_request: PageRequest, chosen: dict[str, Any]) -> QuerySet[Entry]:
    entries = lists.backlog(page_request.workspace.pk).select_related("account")
    for name, flag in FLAGS.items():
        if chosen.get(name):
            entries = entries.filter(flag)
    words = str(chosen.get("q") or "").strip()
    return entries.filter(lists.by_word(words)) if words else entries


def _totals(entries: QuerySet[Entry]) -> dict[str, int]:
    sums = {name: Sum(f"account__{name}", default=0) for name in ("budget", "spent", "held")}
    return entries.aggregate(entries=Count("id"), **sums)


def _rows(project: Project, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    ids = [entry.pk for entry in entries]
    worth, changes = worth_of(ids), _last_changes(ids)
    name, left = parent_limit(project)
    return [
        {
            "entry": entry,
            "account": entry.account,
            "use": Use(entry.account.spent, entry.account.held, entry.account.budget),
            "worth": worth.get(entry.pk, Worth()),
            "left": min(entry.account.headroom, left),
            "bound_by": name if left < entry.account.headroom or not entry.account.own_budget else "",
            "parent_left": left,
            "change": changes.get(entry.pk),
        }
        for entry in entries
    ]


def _last_changes(ids: list[str]) -> dict[str, BudgetChange]:
    newest = (
        BudgetChange.objects.filter(account_id__in=ids).order_by().values("account").annotate(newest=Max("id")).values("newest")
    )
    return {change.account_id or "": change for change in BudgetChange.objects.filter(pk__in=newest)}


def _chips(page_request: PageRequest, chosen: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(label, query, is chosen)"""
    named = (("over", "Over budget"), ("locked", "Locked"), ("none", "No budget"))
    none = not any(chosen[key] for key, _ in named)
    chips = [("All", filters.query(page_request, "over", "locked", "none"), none)]
    for key, word in named:
        others = [other for other, _ in named if other != key]
        chips.append((word, filters.query(page_request, *others, **{key: "1"}), bool(chosen[key])))
    return chips


def _csv(page_request: PageRequest) -> HttpResponseBase:
    chosen, _ = filters.read(EntriesFilter, page_request)
    name, down = lists.order(chosen["sort"], "seq")
    order = [f"{'-' if down else ''}{key}" for key in ("place", "seq")]
    entries = list(lists.ordered(_filtered(page_request, chosen), name).order_by(*order))
    shown = "-".join(["budget-by-entry", *(key for key in ("over", "locked", "none") if chosen[key])])
    return csv_export.respond(shown, HEAD, _lines(page_request.project, entries))


def _lines(project: Project, entries: Sequence[Entry]) -> Iterator[list[Any]]:
    for start in range(0, len(entries), 500):
        for row in _rows(project, entries[start : start + 500]):
            entry, account, worth, change = row["entry"], row["account"], row["worth"], row["change"]
            usd = [
                amounts.number(n)
                for n in (account.budget, account.spent, account.interceptor_spent, account.held, account.headroom)
            ]
            gained = [amounts.number(n) if n is not None else None for n in (worth.per_round, worth.per_hundredth)]
            locked: list[Any] = [account.human_locked, account.locked_by, account.locked_at, account.locked_reason]
            who: tuple[str, datetime | None] = (change.actor, change.at) if change else ("", None)
            yield [entry.pk, entry.seq, entry.title, entry.status, *usd, worth.rounds, *gained, *locked, *who]
