"""The rounds of one entry, what each cost beside what it gained, and the sessions that made them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from budget import amounts
from budget.charts import rounds as chart
from budget.models import Category, LedgerEntry, RoundSpend
from dashboard.shared import labels
from dashboard.shared.page_request import PageRequest
from orchestration import queries
from orchestration.models import Entry, Round, Session

MOST = 200
MARKS = {"kept": "●", "level": "○", "failed": "✕", "open": "…"}


@dataclass(frozen=True)
class Row:
    """A round in the list. `outcome`: the chart's word for it; `dearest`: none cost more."""

    round: Round
    cost: str
    outcome: str
    reached: str
    checks: list[dict[str, Any]]
    dearest: bool = False

    @property
    def mark(self) -> str:
        return MARKS[self.outcome]

    @property
    def word(self) -> str:
        return chart.WORDS[self.outcome]


def made(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    found = list(with_costs(entry).select_related("session").order_by("-number")[:MOST])
    told = of_money(found[::-1])
    outcomes = {one.number: one for one in told}
    total, most = sum(one.cost for one in told), max((one.cost for one in told), default=0)
    dearest = next((one for one in found[::-1] if len(found) > 1 and most and outcomes[one.number].cost == most), None)
    shown = [_row(one, outcomes[one.number], dearest) for one in found]
    drawn = {"rounds_chart": chart.draw(told), "rounds_table": chart.table(told)} if told else {}
    return {"rounds": shown, "total": total, "dearest": dearest, "dearest_cost": most, **drawn}


def with_costs(entry: Entry) -> QuerySet[Round]:
    """Its rounds, each with its `cost`, and whether that is `estimated`: no agent reported it in full, some of it comes from the price table
    or from the hold."""
    spent = RoundSpend.objects.filter(account_id=entry.pk, number=OuterRef("number")).values("cost")[:1]
    computed = LedgerEntry.objects.filter(
        account_id=entry.pk,
        round=OuterRef("number"),
        category=Category.ENTRY,
        price_source=LedgerEntry.PriceSource.COMPUTED,
    )
    return Round.objects.filter(entry=entry).annotate(cost=Coalesce(Subquery(spent), 0), estimated=Exists(computed))


def _row(one: Round, told: chart.Round, dearest: Round | None) -> Row:
    reached = "merging" if one.verdict == Round.Verdict.PASSED else one.session.phase
    return Row(
        round=one,
        cost=amounts.format_usd(told.cost, estimate=told.estimated),
        outcome=told.outcome,
        reached=labels.REACHED[reached],
        checks=[queries.shown_check(check) for check in one.checks],
        dearest=dearest is not None and dearest.number == one.number,
    )


def of_money(made: Sequence[Round]) -> list[chart.Round]:
    """Rounds of `with_costs` as the chart shows them, oldest first: what each cost beside what it improved."""
    told, best = [], 0.0
    for one in made:
        better = one.score is not None and one.score > best
        outcome = (
            "open" if one.verdict == Round.Verdict.OPEN else "failed" if one.score is None else "kept" if better else "level"
        )
        best = max(best, one.score or 0.0)
        told.append(chart.Round(one.number, one.score, one.cost, outcome, estimated=one.estimated))  # type: ignore[attr-defined]
    return told


def sessions(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    made = Session.objects.filter(entry=entry).select_related("hold").order_by("-attempt")
    return {"sessions": [{"session": session, "status": queries.shown_status(session)} for session in made[:100]]}
