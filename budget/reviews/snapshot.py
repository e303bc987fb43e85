"""The frozen figures of a review: one consistent read under the project's lock, so that no charge commits in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import Now

from budget.categories import COLUMNS
from budget.forecast import inputs as forecast_inputs
from budget.models import Account, LedgerEntry, Project, Review, ReviewLine

TOTALS = ("total_budget", "max_project_spend", *COLUMNS, "total_spent", "held")


ENDED = ("done", "failed")


@dataclass(frozen=True)
class Snapshot:
    """The frozen columns of the review, and a line for each entry, in the order of the backlog."""

    frozen: dict[str, int | datetime]
    lines: Sequence[ReviewLine]


def take(project_id: str, period_from: date, period_to: date) -> Snapshot:
    """Read the figures. Inside a transaction that has called `rebuild.lock_project`. Seven queries."""
    project = Project.objects.annotate(moment=Now()).get(pk=project_id)
    ledger = LedgerEntry.objects.filter(project_id=project_id).order_by()
    last = ledger.aggregate(last=Max("id"))["last"] or 0
    begin, end = datetime.combine(period_from, time.min, UTC), datetime.combine(period_to, time.max, UTC)
    booked = ledger.filter(id__lte=last, at__gte=begin, at__lte=end)
    by_account: dict[str | None, int] = dict(booked.values_list("account_id").annotate(Sum("amount")))
    frozen: dict[str, int | datetime] = {name: getattr(project, name) for name in TOTALS}
    frozen |= {"as_of": project.moment, "as_of_ledger": last, "period_spent": sum(by_account.values())}
    on_record = Q(entry__deleted_at__isnull=True) | Q(spent__gt=0) | Q(interceptor_spent__gt=0)
    accounts = Account.objects.filter(on_record, project_id=project_id, entry__isnull=False).select_related("entry")
    numbered = enumerate(accounts.annotate(made=Count("rounds")).order_by("entry__seq"), start=1)
    ahead = forecast_inputs.final_costs(project)
    lines = [_line(place, account, by_account.get(account.pk, 0), ahead) for place, account in numbered]
    frozen["planned"] = sum(line.budget for line in lines)
    frozen["expected"] = sum(line.spent if line.forecast is None else line.forecast for line in lines)
    return Snapshot(frozen, lines)


def changes_since(review: Review) -> list[tuple[str, int, int]]:
    """The totals that changed since: (name, then, now) in micro-USD. One query."""
    project = Project.objects.get(pk=review.project_id)
    names = ("total_spent", "max_project_spend", "total_budget")
    pairs = [(name, getattr(review, name), getattr(project, name)) for name in names]
    return [(name, then, now) for name, then, now in pairs if then != now]


def _line(place: int, account: Account, period_spent: int, ahead: dict[str, int]) -> ReviewLine:
    """The forecast of an ended entry is its spend."""
    entry = account.entry
    return ReviewLine(
        position=place,
        account=account,
        title=f"#{entry.seq} {entry.title}"[:200],
        status=entry.status,
        budget=account.budget,
        human_locked=account.human_locked,
        spent=account.spent,
        interceptor_spent=account.interceptor_spent,
        period_spent=period_spent,
        rounds=account.made,  # type: ignore[attr-defined]
        forecast=account.spent if entry.status in ENDED else ahead.get(account.pk),
    )
