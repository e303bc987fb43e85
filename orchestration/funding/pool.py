"""The plan's money for entries without their own budget. Each amount is one statement: between two, a charge would count in both."""

from dataclasses import dataclass
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from budget.allocation import reallocation
from budget.amounts.money import MoneyField
from budget.models import Account, Project

_LEFT = F("budget") - F("spent") - F("held")


@dataclass(frozen=True, slots=True)
class Plan:
    """Micro-USD: `left` is not spent; `held` of it is reserved, and `set_aside` is what budgets that people set or locked still allow their
    open entries: no entry without a budget may take it."""

    left: int
    held: int
    set_aside: int

    @property
    def free(self) -> int:
        """The amount that entries without a budget may reserve."""
        return self.left - self.held - self.set_aside


def plan(workspace_id: str) -> Plan:
    """The money that entries without a budget share."""
    project = _with_sum(workspace_id, _open_with_money().filter(Q(own_budget=True) | Q(human_locked=True)))
    return Plan(project.plan_left, int(project.held), int(project.budgeted))


def spare(workspace_id: str, *, signed: bool = False) -> int:
    """The plan's unallocated money: neither spent, nor reserved, nor in an open entry's budget. Micro-USD, at least 0 unless `signed`."""
    project = _with_sum(workspace_id, _open_with_money())
    amount = int(project.plan_left - project.held) - int(project.budgeted)
    return amount if signed else max(amount, 0)


def _with_sum(workspace_id: str, accounts: QuerySet[Account]) -> Any:
    left = accounts.filter(project=OuterRef("pk")).order_by().values("project").annotate(sum=Sum(_LEFT)).values("sum")
    return Project.objects.annotate(budgeted=Coalesce(Subquery(left), 0, output_field=MoneyField())).get(pk=workspace_id)


def _open_with_money() -> QuerySet[Account]:
    return Account.objects.filter(
        entry__status__in=reallocation.OPEN, entry__deleted_at__isnull=True, budget__gt=F("spent") + F("held")
    )
