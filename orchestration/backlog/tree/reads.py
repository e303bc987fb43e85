"""Children and budgets of entries that are split, for pages and the API. No query without one."""

from collections import defaultdict
from collections.abc import Collection

from django.db.models import Count, F, Q, Sum

from budget.limits import dividing
from budget.models import Account
from orchestration.models import Entry

_AMOUNTS = ("budget", "spent", "held", "interceptor_spent")


def children(entry_ids: Collection[str]) -> dict[str, list[Entry]]:
    """By the entry above them, each by number. One query."""
    by_parent: dict[str, list[Entry]] = defaultdict(list)
    if entry_ids:
        rows = Entry.objects.select_related("account").filter(parent_id__in=list(entry_ids), deleted_at__isnull=True)
        for row in rows.order_by("seq"):
            by_parent[str(row.parent_id)].append(row)
    return by_parent


def progress(entry_ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """Of each of these entries that are split, how many children are done, and how many there are. One query."""
    if not entry_ids:
        return {}
    rows = Entry.objects.filter(parent_id__in=list(entry_ids), deleted_at__isnull=True).order_by().values_list("parent_id")
    counted = rows.annotate(done=Count("pk", filter=Q(status=Entry.Status.DONE)), n=Count("pk"))
    return {str(parent): (done, n) for parent, done, n in counted}


def budgets(entry_ids: Collection[str]) -> dict[str, int]:
    """What was given to each of these entries that are split, in micro-USD: what it spent itself and the budgets of all below it. Deleted
    children count with what they spent."""
    if not entry_ids:
        return {}
    totals = dict(Account.objects.filter(pk__in=list(entry_ids)).values_list("pk", "budget"))
    for up in ("parent", "parent__parent", "parent__parent__parent"):
        above = F(f"entry__{up}_id")
        accounts = Account.objects.filter(**{f"entry__{up}__in": list(entry_ids)})
        for entry_id, amount in accounts.annotate(above=above).order_by().values_list("above").annotate(sum=Sum("budget")):
            totals[entry_id] += amount
    return totals


def whole(account: Account) -> Account:
    """The account of an entry that is split with the amounts of all below it, as its owner sees it. Never saved."""
    under = dividing.below(account.pk).aggregate(**{name: Sum(name, default=0) for name in _AMOUNTS})
    for name in _AMOUNTS:
        setattr(account, name, getattr(account, name) + under[name])
    return account
