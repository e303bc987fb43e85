"""One round: outcome, cost, diff, and a comparison with another round."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Sum
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from budget import amounts
from budget.charts import rounds as chart
from budget.models import Category, LedgerEntry
from budget.reads import gateway_requests
from budget.reads.gateway_requests import Figures
from dashboard.diffs import regions as diff_regions
from dashboard.entry.tabs.rounds import chart_rounds_of, with_costs
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.texts import labels
from orchestration.edge import queries
from orchestration.landing import reads
from orchestration.models import Entry, Round
from workspaces.errors import NotFound

MAX_OTHERS = 200


class RoundFilter(forms.Form):
    compare = forms.RegexField(r"^[0-9]{1,9}$", required=False)
    file = forms.CharField(max_length=4096, required=False, strip=False)


@dataclass(frozen=True)
class Facts:
    """The facts of one round. `spent`: (label, micro-USD) by category. `requests`: of its session in the gateway; None: none passed it."""

    round: Round
    cost: str
    outcome: str
    reached: str
    spent: list[tuple[str, int]]
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    most_expensive: bool
    requests: Figures | None


@require_safe
@in_workspace()
def page(page_request: PageRequest, entry_id: str, number: int) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    chosen, ignored = filters.read(RoundFilter, page_request)
    numbers = list(Round.objects.filter(entry=entry).order_by("-number").values_list("number", flat=True)[:MAX_OTHERS])
    this = _round(entry, number)
    other = None
    if compared_number := int(chosen["compare"] or 0):
        other = _round(entry, compared_number) if compared_number in numbers and compared_number != number else None
        ignored += [] if other else ["compare"]
    base, commit = (other.commit, this.commit) if other else (this.base_commit, this.commit)
    regions = HEADER | {
        "facts": Region("entry/round.html#facts", lambda page_request: facts(entry, this, other)),
        "findings": Region(
            "entry/round.html#findings",
            lambda page_request: {"round": this, "checks": list(map(reads.on_page, this.checks))},
        ),
        "diff": Region(
            "entry/diff_files.html",
            lambda page_request: diff_regions.diff_context(page_request, base, commit, only=chosen["file"]),
        ),
    }
    return render_page(
        page_request,
        "entry/round.html",
        regions,
        entry=entry,
        round=this,
        compared=other,
        others=[n for n in numbers if n != number],
        previous=max((n for n in numbers if n < number), default=None),
        following=min((n for n in numbers if n > number), default=None),
        ignored=ignored,
    )


@require_safe
@in_workspace()
def patch(page_request: PageRequest, entry_id: str, number: int) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    this = _round(entry, number)
    return diff_regions.patch_response(page_request, this.base_commit, this.commit, f"entry-{entry.seq}-round-{number}.patch")


def facts(entry: Entry, this: Round, other: Round | None) -> dict[str, Any]:
    """Two queries, with or without a comparison, and one more where sessions have a meter."""
    rounds = list(with_costs(entry).order_by("number").only("number", "score", "base_score", "verdict"))
    by_number = {round_.number: round_ for round_ in chart_rounds_of(rounds)}
    shown = [round_ for round_ in (other, this) if round_ is not None]
    rows = LedgerEntry.objects.filter(account_id=entry.pk, round__in=[round_.number for round_ in shown]).order_by()
    sums = rows.values("round", "category").annotate(
        amount=Sum("amount"),
        tokens_in=Sum("input_tokens"),
        tokens_out=Sum("output_tokens"),
        cached=Sum("cache_read_tokens") + Sum("cache_write_tokens"),
    )
    booked = [dict(row) for row in sums]
    metered = [round_.session_id for round_ in shown if round_.session.meter]
    requests = gateway_requests.figures(metered) if metered else {}
    highest = max(round_.cost for round_ in by_number.values()) if len(by_number) > 1 else 0
    return {
        "compared": other,
        "columns": [
            _facts(round_, by_number[round_.number], booked, highest, requests.get(round_.session_id)) for round_ in shown
        ],
        "over": all(round_.verdict != Round.Verdict.OPEN for round_ in shown),
    }


def _facts(
    round_: Round, chart_round: chart.Round, booked: list[dict[str, Any]], highest: int, requests: Figures | None
) -> Facts:
    ledger_rows = [row for row in booked if row["round"] == round_.number]
    reached = "merging" if round_.verdict == Round.Verdict.PASSED else round_.session.phase
    return Facts(
        round=round_,
        cost=amounts.format_usd(chart_round.cost, estimate=chart_round.estimated),
        outcome=chart.WORDS[chart_round.outcome],
        reached=labels.REACHED[reached],
        spent=[(Category(row["category"]).label, row["amount"] or 0) for row in ledger_rows],
        tokens_in=sum(row["tokens_in"] or 0 for row in ledger_rows),
        tokens_out=sum(row["tokens_out"] or 0 for row in ledger_rows),
        tokens_cached=sum(row["cached"] or 0 for row in ledger_rows),
        most_expensive=0 < highest == chart_round.cost,
        requests=requests,
    )


def _round(entry: Entry, number: int) -> Round:
    round_ = None
    if number < 2**31:
        round_ = Round.objects.select_related("session").filter(entry=entry, number=number).first()
    if round_ is None:
        raise NotFound(f"#{entry.seq} has no round {number}")
    return round_
