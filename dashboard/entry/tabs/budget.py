"""The budget of one entry, the limit above it, and its changes."""

from typing import Any

from budget.charts.bullet import Use
from budget.models import BudgetChange
from dashboard.budget import by_entry, changes
from dashboard.shared.page_request import PageRequest
from orchestration.facts.reasons import Reason
from orchestration.models import Entry


def region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    account = entry.account
    name, left = by_entry.parent_limit(page_request.project)
    recent = BudgetChange.objects.filter(account_id=entry.pk).order_by("-id")[:10]
    return {
        "account": account,
        "used_up": entry.reason_code == Reason.BUDGET_EXCEEDED,
        "use": Use(account.spent, account.held, account.budget),
        "worth": by_entry.worth_of([entry.pk]).get(entry.pk, by_entry.Worth()),
        "parent": name,
        "parent_left": left,
        "budget_left": min(account.headroom, left),
        "binds": left < account.headroom or not account.own_budget,
        "history": [changes.change_row(change) for change in recent],
    }
