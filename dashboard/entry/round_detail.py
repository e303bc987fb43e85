"""One round: how it went, what it cost, what it changed, and beside another one."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Sum
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from budget import amounts
from budget.charts import rounds as chart
from budget.models import Category, LedgerEntry
from dashboard.entry import diff
from dashboard.entry.rounds import of_money, with_costs
from dashboard.shared import labels
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest, Region, show
from orchestration import queries
from orchestration.models import Entry, Round
from workspaces.errors import NotFound

MOST_OTHERS = 200


class Asked(forms.Form):
    compare = forms.RegexField(r"^[0-9]{1,9}$", required=False)
    file = forms.CharField(max_length=4096, required=False, strip=False)


@dataclass(frozen=True)
class Facts:
    """One round as its column of facts shows it. `spent`: by category (label, micro-USD)."""

    round: Round
    cost: str
    outcome: str
    reached: str
    spent: list[tuple[str, int]]
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    dearest: bool


@require_safe
@in_workspace()
def page(page_request: PageRequest, entry_id: str, number: int) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    asked, ignored = filters.read(Asked, page_request)
    numbers = list(Round.objects.filter(entry=entry).order_by("-number").values_list("number", flat=True)[:MOST_OTHERS])
    this = _round(entry, number)
    other = None
    if said := int(asked["compare"] or 0):
        other = _round(entry, said) if said in numbers and said != number else None
        ignored += [] if other else ["compare"]
    base, commit = (other.commit, this.commit) if other else (this.base_commit, this.commit)
    regions = HEADER | {
        "facts": Region("entry/round.html#facts", lambda page_request: facts(entry, this, other)),
        "found": Region(
            "entry/round.html#found", lambda page_request: {"round": this, "checks": list(map(queries.shown_check, this.checks))}
        ),
        "diff": Region(
            "entry/diff_files.html", lambda page_request: diff.between(page_request, base, commit, only=asked["file"])
        ),
    }
    return show(
        page_request,
        "entry/round.html",
        regions,
        section="entries",
        entry=entry,
        round=this,
        compared=other,
        others=[one for one in numbers if one != number],
        previous=max((one for one in numbers if one < number), default=None),
        following=min((one for one in numbers if one > number), default=None),
        ignored=ignored,
    )


@require_safe
@in_workspace()
def patch(page_request: PageRequest, entry_id: str, number: int) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    this = _round(entry, number)
    return diff.as_file(page_request, this.base_commit, this.commit, f"entry-{entry.seq}-round-{number}.patch")


def facts(entry: Entry, this: Round, other: Round | None) -> dict[str, Any]:
    """Two queries, with another round to compare too."""
    every = list(with_costs(entry).order_by("number").only("number", "score", "verdict"))
    told = {one.number: one for one in of_money(every)}
    shown = [one for one in (other, this) if one is not None]
    rows = LedgerEntry.objects.filter(account_id=entry.pk, round__in=[one.number for one in shown]).order_by()
    sums = rows.values("round", "category").annotate(
        amount=Sum("amount"),
        tokens_in=Sum("input_tokens"),
        tokens_out=Sum("output_tokens"),
        cached=Sum("cache_read_tokens") + Sum("cache_write_tokens"),
    )
    booked = [dict(row) for row in sums]
    most = max(one.cost for one in told.values()) if len(told) > 1 else 0
    return {
        "compared": other,
        "columns": [_facts(one, told[one.number], booked, most) for one in shown],
        "over": all(one.verdict != Round.Verdict.OPEN for one in shown),
    }


def _facts(one: Round, told: chart.Round, booked: list[dict[str, Any]], most: int) -> Facts:
    mine = [row for row in booked if row["round"] == one.number]
    reached = "merging" if one.verdict == Round.Verdict.PASSED else one.session.phase
    return Facts(
        round=one,
        cost=amounts.format_usd(told.cost, estimate=told.estimated),
        outcome=chart.WORDS[told.outcome],
        reached=labels.REACHED[reached],
        spent=[(Category(row["category"]).label, row["amount"] or 0) for row in mine],
        tokens_in=sum(row["tokens_in"] or 0 for row in mine),
        tokens_out=sum(row["tokens_out"] or 0 for row in mine),
        tokens_cached=sum(row["cached"] or 0 for row in mine),
        dearest=0 < most == told.cost,
    )


def _round(entry: Entry, number: int) -> Round:
    found = None
    if number < 2**31:
        found = Round.objects.select_related("session").filter(entry=entry, number=number).first()
    if found is None:
        raise NotFound(f"#{entry.seq} has no round {number}")
    return found
