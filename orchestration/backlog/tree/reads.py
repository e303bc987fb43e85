"""Children and budgets of entries that are split, for pages and the API. No query without one."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from django.db.models import Count, F, Q, Sum

from budget.limits import dividing
from budget.models import Account
from orchestration.models import Entry

_AMOUNTS = ("budget", "spent", "held", "interceptor_spent")


def children(entry_ids: Collection[str]) -> dict[str, list[Entry]]:
    """The children of these entries by their parent's id, in the order of their numbers. One query."""
    by_parent: dict[str, list[Entry]] = defaultdict(list)
    if entry_ids:
        rows = Entry.objects.select_related("account").filter(parent_id__in=list(entry_ids), deleted_at__isnull=True)
        for row in rows.order_by("seq"):
            by_parent[str(row.parent_id)].append(row)
    return by_parent


def progress(entry_ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """The number of done children of each split entry, and of all its children. One query."""
    if not entry_ids:
        return {}
    rows = Entry.objects.filter(parent_id__in=list(entry_ids), deleted_at__isnull=True).order_by().values_list("parent_id")
    counted = rows.annotate(done=Count("pk", filter=Q(status=Entry.Status.DONE)), n=Count("pk"))
    return {str(parent): (done, n) for parent, done, n in counted}


def budgets(entry_ids: Collection[str]) -> dict[str, int]:
    """The amount given to each of these entries that are split, in micro-USD: what it spent itself and the budgets of all below it. Deleted
    children count with what they spent."""
    if not entry_ids:
        return {}
    own = dict(Account.objects.filter(pk__in=list(entry_ids)).values_list("pk", "budget"))
    under = _amounts_below(entry_ids)
    return {entry_id: budget + under[entry_id]["budget"] for entry_id, budget in own.items()}


def make_whole(entries: Iterable[Entry]) -> None:
    """Like `whole`, for the accounts of the entries that are split. Three queries, none without one."""
    containers = [entry for entry in entries if entry.is_container]
    under = _amounts_below([entry.pk for entry in containers])
    for entry in containers:
        for name in _AMOUNTS:
            setattr(entry.account, name, getattr(entry.account, name) + under[entry.pk][name])


def _amounts_below(entry_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """By entry, the sums of the amounts of all entries below it."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_AMOUNTS, 0))
    for up in ("parent", "parent__parent", "parent__parent__parent") if entry_ids else ():
        accounts = Account.objects.filter(**{f"entry__{up}__in": list(entry_ids)}).annotate(above=F(f"entry__{up}_id"))
        totals = [Sum(name) for name in _AMOUNTS]
        for above, *amounts in accounts.order_by().values_list("above").annotate(*totals):
            for name, amount in zip(_AMOUNTS, amounts, strict=True):
                sums[above][name] += amount
    return sums


def whole(account: Account) -> Account:
    """The account of an entry that is split with the amounts of all below it, as its owner sees it. Never saved."""
    under = dividing.below(account.pk).aggregate(**{name: Sum(name, default=0) for name in _AMOUNTS})
    for name in _AMOUNTS:
        setattr(account, name, getattr(account, name) + under[name])
    return account
