"""Children and budgets of entries that are split, for pages and the API. No query without one."""

from collections import defaultdict
from collections.abc import Collection

from django.db.models import F, Sum

from budget.models import Account
from orchestration.models import Entry


def children(entry_ids: Collection[str]) -> dict[str, list[Entry]]:
    """By the entry above them, each by number. One query."""
    by_parent: dict[str, list[Entry]] = defaultdict(list)
    if entry_ids:
        rows = Entry.objects.select_related("account").filter(parent_id__in=list(entry_ids), deleted_at__isnull=True)
        for row in rows.order_by("seq"):
            by_parent[str(row.parent_id)].append(row)
    return by_parent


def budgets(entry_ids: Collection[str]) -> dict[str, int]:
    """What was given to each of these entries that are split, in micro-USD: what it spent itself and the budgets of all below it. Deleted
    children count with what they spent."""
    return _sums(entry_ids, "budget")


def spends(entry_ids: Collection[str]) -> dict[str, int]:
    """What each of these entries and all below it spent, in micro-USD."""
    return _sums(entry_ids, "spent")


def _sums(entry_ids: Collection[str], field: str) -> dict[str, int]:
    if not entry_ids:
        return {}
    totals = dict(Account.objects.filter(pk__in=list(entry_ids)).values_list("pk", field))
    for up in ("parent", "parent__parent", "parent__parent__parent"):
        above = F(f"entry__{up}_id")
        accounts = Account.objects.filter(**{f"entry__{up}__in": list(entry_ids)})
        for entry_id, amount in accounts.annotate(above=above).order_by().values_list("above").annotate(sum=Sum(field)):
            totals[entry_id] += amount
    return totals
