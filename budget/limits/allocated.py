"""What is allocated: what ended entries spent, plus what open ones may still spend. Money comes back by itself from what has ended."""

from django.db.models import Case, F, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce, Greatest

from budget import amounts
from budget.amounts.money import MoneyField
from budget.models import Account, Project

_PART = Case(
    When(Q(entry__status__in=("done", "failed")) | Q(entry__deleted_at__isnull=False), then=F("spent")),
    default=Greatest(F("budget"), F("spent") + F("held")),
    output_field=MoneyField(),
)


def allocated(project_id: str) -> int:
    """In micro-USD."""
    return Account.objects.filter(project_id=project_id).aggregate(sum=Sum(_PART))["sum"] or 0


def as_subquery(project_id: str) -> Coalesce:
    """The same as an annotation of another query."""
    summed = Account.objects.filter(project_id=project_id).order_by().values("project").annotate(sum=Sum(_PART)).values("sum")
    return Coalesce(Subquery(summed), 0, output_field=MoneyField())


def excess(project: Project, total: int) -> str:
    """A sentence when more is allocated than the total budget; empty otherwise, and without a plan (0)."""
    if not project.total_budget:
        return ""
    over = total - project.total_budget
    return f"Allocated {amounts.format_usd(total)} exceeds the total budget by {amounts.format_usd(over)}" if over > 0 else ""
