"""The rounds of one entry with cost and gain, and their sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from budget import amounts
from budget.charts import rounds as chart
from budget.models import Category, LedgerEntry, RoundSpend
from budget.reads import gateway_requests
from dashboard.shared.lists.head import first_of
from dashboard.shared.page_request import PageRequest
from dashboard.shared.texts import labels
from orchestration.edge import queries
from orchestration.landing import reads
from orchestration.models import Entry, Round, Session
from orchestration.sessions import candidates

MAX_ROUNDS, MAX_SESSIONS = 200, 100


@dataclass(frozen=True)
class Row:
    """A round in the list."""

    round: Round
    cost: str
    reached: str
    checks: list[dict[str, Any]]
    most_expensive: bool
    candidates: list[candidates.Shown]


def region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    rounds = first_of(with_costs(entry).select_related("session").order_by("-number"), MAX_ROUNDS)
    chart_rounds = chart_rounds_of(rounds[::-1])
    most = max((round_.cost for round_ in chart_rounds), default=0) if len(rounds) > 1 else 0
    most_expensive = next((round_.number for round_ in chart_rounds if most and round_.cost == most), 0)
    several = _candidates(entry, rounds)
    shown = [
        _row(*pair, most_expensive, several.pop(pair[0].number, [])) for pair in zip(rounds, chart_rounds[::-1], strict=True)
    ]
    is_worth_drawing = len({round_.score for round_ in chart_rounds}) > 1  # a line through equal points does not
    drawn = {"rounds_chart": chart.draw(chart_rounds), "rounds_table": chart.table(chart_rounds)} if is_worth_drawing else {}
    open_ones = [each for left in several.values() for each in left]
    return {
        "rounds": shown,
        "listed": rounds,
        "open_candidates": open_ones,
        "total": sum(round_.cost for round_ in chart_rounds),
        **drawn,
    }


def _candidates(entry: Entry, rounds: Sequence[Round]) -> dict[int, list[candidates.Shown]]:
    """Those of the rounds with several, and of the one at which several work. No query for an entry that never had any."""
    numbers = [round_.number for round_ in rounds if round_.candidate]
    if getattr(entry, "at_work_candidate", 0):
        numbers.append(max((round_.number for round_ in rounds), default=0) + 1)
    return candidates.of_rounds(entry.pk, numbers) if numbers else {}


def with_costs(entry: Entry) -> QuerySet[Round]:
    """Rounds annotated with `cost` (micro-USD) and `estimated`: part of the cost comes from the price table or the reservation,
    not from an agent's report or from what a provider counted in the gateway."""
    spent = RoundSpend.objects.filter(account_id=entry.pk, number=OuterRef("number")).values("cost")[:1]
    computed = LedgerEntry.objects.filter(
        account_id=entry.pk,
        round=OuterRef("number"),
        category=Category.ENTRY,
        price_source=LedgerEntry.PriceSource.COMPUTED,
    ).exclude(gateway_requests.COUNTED)
    return Round.objects.filter(entry=entry).annotate(cost=Coalesce(Subquery(spent), 0), estimated=Exists(computed))


def _row(round_: Round, chart_round: chart.Round, most_expensive: int, several: list[candidates.Shown]) -> Row:
    reached = "merging" if round_.verdict == Round.Verdict.PASSED else round_.session.phase
    return Row(
        round=round_,
        cost=amounts.format_usd(chart_round.cost, estimate=chart_round.estimated),
        reached=labels.REACHED[reached],
        checks=[reads.on_page(check) for check in round_.checks],
        most_expensive=round_.number == most_expensive,
        candidates=several,
    )


def chart_rounds_of(rounds: Sequence[Round]) -> list[chart.Round]:
    """Rounds of `with_costs`, oldest first, as chart rounds with cost and outcome: better is one that gained more over its base than any before it."""
    chart_rounds = []
    gains = chart.gains((round_.score, round_.base_score or 0.0) for round_ in rounds)
    for round_, gain in zip(rounds, gains, strict=True):
        outcome = (
            "open" if round_.verdict == Round.Verdict.OPEN else "failed" if gain is None else "kept" if gain > 0 else "level"
        )
        drawn = chart.Round(round_.number, round_.score, round_.cost, outcome, round_.estimated, round_.base_score or 0.0)  # type: ignore[attr-defined]
        chart_rounds.append(drawn)
    return chart_rounds


def sessions_region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    """Sessions that made no round; the others are in the rows of their rounds."""
    queryset = Session.objects.filter(entry=entry, rounds=None).select_related("hold").order_by("-attempt")
    listed = first_of(queryset, MAX_SESSIONS)
    return {"sessions": [{"session": each, "status": queries.shown_status(each)} for each in listed], "listed": listed}
