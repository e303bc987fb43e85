"""What the plan still has for entries without their own budget. Each is one statement: between two, a charge would count in both."""

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from budget.allocation import reallocation
from budget.amounts.money import MoneyField
from budget.models import Account, Project

_LEFT = F("budget") - F("spent") - F("held")


def spare(workspace_id: str, *, signed: bool = False) -> int:
    """The plan's unallocated money: neither spent, nor reserved, nor in an open entry's budget. Micro-USD, at least 0 unless `signed`."""
    left = _open_with_money().filter(project=OuterRef("pk")).order_by().values("project").annotate(sum=Sum(_LEFT)).values("sum")
    project = Project.objects.annotate(budgeted=Coalesce(Subquery(left), 0, output_field=MoneyField())).get(pk=workspace_id)
    amount = int(project.plan_left - project.held) - int(project.budgeted)
    return amount if signed else max(amount, 0)


def set_aside(workspace_id: str) -> int:
    """What the budgets that people set or locked still allow their open entries: no entry without a budget may take it. Micro-USD."""
    mine = _open_with_money().filter(Q(own_budget=True) | Q(human_locked=True), project_id=workspace_id)
    return int(mine.aggregate(sum=Sum(_LEFT))["sum"] or 0)


def _open_with_money() -> QuerySet[Account]:
    return Account.objects.filter(
        entry__status__in=reallocation.OPEN, entry__deleted_at__isnull=True, budget__gt=F("spent") + F("held")
    )
