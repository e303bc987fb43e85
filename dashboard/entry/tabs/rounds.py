"""The rounds of one entry with cost and gain, and their sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from budget import amounts
from budget.charts import rounds as chart
from budget.models import Category, LedgerEntry, RoundSpend
from dashboard.shared.page_request import PageRequest
from dashboard.shared.texts import labels
from orchestration.edge import queries
from orchestration.landing import reads
from orchestration.models import Entry, Round, Session

MAX_ROUNDS = 200
MARKS = {"kept": "●", "level": "○", "failed": "✕", "open": "…"}


@dataclass(frozen=True)
class Row:
    """A round in the list. `outcome`: the chart's category."""

    round: Round
    cost: str
    outcome: str
    reached: str
    checks: list[dict[str, Any]]
    most_expensive: bool = False

    @property
    def mark(self) -> str:
        return MARKS[self.outcome]

    @property
    def word(self) -> str:
        return chart.WORDS[self.outcome]


def region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    rounds = list(with_costs(entry).select_related("session").order_by("-number")[:MAX_ROUNDS])
    chart_rounds = chart_rounds_of(rounds[::-1])
    outcomes = {round_.number: round_ for round_ in chart_rounds}
    total, highest = sum(round_.cost for round_ in chart_rounds), max((round_.cost for round_ in chart_rounds), default=0)
    most_expensive = next(
        (round_ for round_ in rounds[::-1] if len(rounds) > 1 and highest and outcomes[round_.number].cost == highest), None
    )
    shown = [_row(round_, outcomes[round_.number], most_expensive) for round_ in rounds]
    drawn = {"rounds_chart": chart.draw(chart_rounds), "rounds_table": chart.table(chart_rounds)} if chart_rounds else {}
    return {"rounds": shown, "total": total, "most_expensive": most_expensive, "highest_cost": highest, **drawn}


def with_costs(entry: Entry) -> QuerySet[Round]:
    """Rounds annotated with `cost` (micro-USD) and `estimated`: part of the cost comes from the price table or the reservation,
    not from an agent's report."""
    spent = RoundSpend.objects.filter(account_id=entry.pk, number=OuterRef("number")).values("cost")[:1]
    computed = LedgerEntry.objects.filter(
        account_id=entry.pk,
        round=OuterRef("number"),
        category=Category.ENTRY,
        price_source=LedgerEntry.PriceSource.COMPUTED,
    )
    return Round.objects.filter(entry=entry).annotate(cost=Coalesce(Subquery(spent), 0), estimated=Exists(computed))


def _row(round_: Round, chart_round: chart.Round, most_expensive: Round | None) -> Row:
    reached = "merging" if round_.verdict == Round.Verdict.PASSED else round_.session.phase
    return Row(
        round=round_,
        cost=amounts.format_usd(chart_round.cost, estimate=chart_round.estimated),
        outcome=chart_round.outcome,
        reached=labels.REACHED[reached],
        checks=[reads.on_page(check) for check in round_.checks],
        most_expensive=most_expensive is not None and most_expensive.number == round_.number,
    )


def chart_rounds_of(rounds: Sequence[Round]) -> list[chart.Round]:
    """Rounds of `with_costs`, oldest first, as chart rounds with cost and outcome."""
    chart_rounds, best = [], 0.0
    for round_ in rounds:
        better = round_.score is not None and round_.score > best
        outcome = (
            "open"
            if round_.verdict == Round.Verdict.OPEN
            else "failed"
            if round_.score is None
            else "kept"
            if better
            else "level"
        )
        best = max(best, round_.score or 0.0)
        chart_rounds.append(chart.Round(round_.number, round_.score, round_.cost, outcome, estimated=round_.estimated))  # type: ignore[attr-defined]
    return chart_rounds


def sessions_region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    queryset = Session.objects.filter(entry=entry).select_related("hold").order_by("-attempt")
    return {"sessions": [{"session": session, "status": queries.shown_status(session)} for session in queryset[:100]]}
