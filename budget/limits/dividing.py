"""The budget of an entry that is split lies in the accounts of its children: what it spent itself, and their budgets, add up to it. Micro-USD.

`parts`, `more` and `less` decide (pure); the others move the money. The caller's transaction holds the executor's row.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Now

from budget import amounts, events
from budget.models import Account, BudgetChange
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid

ENDED = ("done", "failed")


def parts(left: int, asked: Sequence[int | None]) -> list[int]:
    """Divide `left` among the children: each gets what was asked for it, and the others equal parts of the rest, to the micro-dollar.
    Raises Invalid where that is not all of it."""
    own = sum(amount or 0 for amount in asked)
    without = sum(amount is None for amount in asked)
    if left <= 0:
        raise Invalid("Nothing of its budget is left for children: raise its budget first", "entries")
    if own < left and not without:
        raise _mismatch(own, left, "of its budget")
    refuse_more(asked, left, "of its budget")
    equal_parts = iter(equal(left - own, without))
    return [next(equal_parts) if amount is None else amount for amount in asked]


def refuse_more(asked: Sequence[int | None], left: int, of: str) -> None:
    """Raises Invalid where the children's own budgets are more than is left. `of`: what that is a part of."""
    own = sum(amount or 0 for amount in asked)
    if own > left:
        raise _mismatch(own, left, of)


def _mismatch(own: int, left: int, of: str) -> Invalid:
    sentence = f"The children's budgets add up to {amounts.exact_usd(own)}, and {amounts.exact_usd(left)} {of} is left: "
    return Invalid(sentence + "change one, or leave one out, which then gets a part of the rest", "entries")


def equal(amount: int, number: int) -> list[int]:
    """Equal parts; the first get a micro-dollar more where it does not divide."""
    whole, over = divmod(amount, number) if number else (0, 0)
    return [whole + (n < over) for n in range(number)]


def less(amount: int, free: Mapping[str, int]) -> dict[str, int]:
    """The part of `amount` that each account gives, in proportion to what is free in it. `amount` is at most all that is free."""
    total, given = sum(free.values()), dict[str, int]()
    for account_id, has in free.items():
        given[account_id] = amount * has // total if total else 0
    short = amount - sum(given.values())
    for account_id, has in free.items():
        more = min(short, has - given[account_id])
        given[account_id], short = given[account_id] + more, short - more
    return given


def below(account_id: str) -> QuerySet[Account]:
    """The accounts of its children, and of theirs; also of deleted ones, which keep what they spent."""
    up = ("entry__parent", "entry__parent__parent", "entry__parent__parent__parent")
    return Account.objects.filter(*[Q(*[Q(**{name: account_id}) for name in up], _connector=Q.OR)])


def total(account: Account) -> int:
    """The sum that its owner gave it: its own account's budget, and those of its children."""
    return int(account.budget + (below(account.pk).aggregate(sum=Sum("budget"))["sum"] or 0))


def set_aside(account: Account, *, by: Caller) -> Account:
    """Leave an account what it has spent and reserved: the rest is for its children, whose accounts the caller opens with it."""
    row = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    _write([(row, row.spent + row.held)], by=by, reason="it was split: the rest is its children's")
    return row


def set_total(account: Account, budget: int, *, by: Caller, reason: str = "") -> None:
    """Raise or lower the budgets of its open children, so that the sum is `budget`; they are locked against the reallocator. Raises Invalid
    where they have spent or reserved more, or none of them is open."""
    rows = list(below(account.pk).select_related("entry").select_for_update(no_key=True, of=("self",)).order_by("pk"))
    live = [row for row in rows if row.entry.deleted_at is None and not row.entry.is_container]
    takers = [row for row in live if row.entry.status not in ENDED]
    own = Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # children that have all ended leave it their rest
    before = int(own.budget) + sum(int(row.budget) for row in rows)
    change = budget - before
    if change > 0 and not takers:
        raise Invalid("All its children have ended: reopen one, then raise the budget", "budget_usd")
    free = {row.pk: max(row.headroom, 0) for row in [own, *live]}
    if -change > sum(free.values()):
        least = before - sum(free.values())
        raise Invalid(
            f"It and its children have spent or reserved {amounts.exact_usd(least)}: the budget cannot be less", "budget_usd"
        )
    taken = less(-change, free) if change < 0 else {}
    gifts = dict(zip((row.pk for row in takers), equal(change, len(takers)), strict=True)) if change > 0 else {}
    after = [(row, row.budget - taken.get(row.pk, 0) + gifts.get(row.pk, 0)) for row in [own, *live]]
    _write(after, by=by, reason=reason or "the budget of the entry above it was changed")
    Account.objects.filter(pk__in=[account.pk, *(row.pk for row in live)]).update(own_budget=True, human_locked=True)
    fresh = Account.objects.filter(pk__in=[row.pk for row in live if not row.human_locked] + [account.pk])
    fresh.update(locked_by=by.name, locked_at=Now(), locked_reason=reason[:500])
    event = events.EntryBudgetSet(before_usd=amounts.number(before), after_usd=amounts.number(budget), field="budget")
    activity.record(account.project_id, event, by=by, object_id=account.pk, reason=reason)


def lock_below(account: Account, *, by: Caller, reason: str, source: BudgetChange.Source) -> None:
    """Lock the budgets below an account that was just locked, in the same way."""
    rows = below(account.pk).filter(human_locked=False, entry__deleted_at__isnull=True)
    lock = {"locked_by": account.locked_by, "locked_at": account.locked_at, "locked_reason": account.locked_reason}
    _set_lock(list(rows.order_by("pk")), {"human_locked": True, **lock}, by=by, reason=reason, source=source)


def release_below(account: Account, *, by: Caller, reason: str, source: BudgetChange.Source) -> None:
    """Release what was locked together with an account that is about to be released. A child that a person locked by itself stays locked."""
    rows = below(account.pk).filter(human_locked=True, entry__deleted_at__isnull=True).order_by("pk")
    # Compared here: SQLite keeps one moment in two formats, its own and Django's.
    together = [row for row in rows if (row.locked_by, row.locked_at) == (account.locked_by, account.locked_at)]
    lock = {"human_locked": False, "locked_by": "", "locked_at": None, "locked_reason": ""}
    _set_lock(together, lock, by=by, reason=reason, source=source)


def _set_lock(rows: Sequence[Account], lock: Mapping[str, Any], *, by: Caller, reason: str, source: BudgetChange.Source) -> None:
    Account.objects.filter(pk__in=[row.pk for row in rows]).update(**lock)
    after = int(lock["human_locked"])
    BudgetChange.objects.bulk_create(
        BudgetChange(
            project_id=row.project_id,
            account=row,
            field="human_locked",
            before=1 - after,
            after=after,
            source=source,
            actor=by.name,
            reason=(reason or "with the entry above it")[:500],
        )
        for row in rows
    )


def return_from(gone: Sequence[Account], siblings: Sequence[Account], parent: Account, *, by: Caller) -> dict[str, int]:
    """Give what deleted children have left to those of their siblings that are open, or back to the entry above them. A budget that a
    person locked grows only where those of the deleted ones were locked, too. Returns by how much each budget changed."""
    ids = sorted({account.pk for account in [*gone, *siblings, parent]})
    rows = {row.pk: row for row in Account.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")}
    left = {account.pk: max(rows[account.pk].headroom, 0) for account in gone}
    all_locked = all(rows[account.pk].human_locked for account in gone)
    open_ones = [rows[account.pk] for account in siblings]
    takers = [row for row in open_ones if all_locked or not row.human_locked] or [rows[parent.pk]]
    gifts = zip(takers, equal(sum(left.values()), len(takers)), strict=True)
    reason = "an entry beside or below it was deleted, and its rest came back"
    changed = _write([(rows[pk], rows[pk].budget - amount) for pk, amount in left.items()], by=by, reason="it was deleted")
    return changed | _write([(row, row.budget + amount) for row, amount in gifts], by=by, reason=reason)


def take_rest(gone: Sequence[Account], *, by: Caller) -> dict[str, int]:
    """Deleted children of an entry without a budget of its own keep what they spent or reserved of budgets that people gave them. Returns by
    how much each budget changed."""
    rows = Account.objects.select_for_update(no_key=True).filter(Q(own_budget=True) | Q(human_locked=True))
    of_people = rows.filter(pk__in=[account.pk for account in gone]).order_by("pk")
    return _write([(row, row.budget - max(row.headroom, 0)) for row in of_people], by=by, reason="it was deleted")


def reverse(changes: Mapping[str, int], *, by: Caller, reason: str) -> None:
    """Take back what `return_from` or `take_rest` changed. Raises Conflict where that is spent or reserved now, or where a person locked a
    budget since that would shrink."""
    rows = (
        Account.objects.select_for_update(no_key=True, of=("self",))
        .select_related("entry")
        .filter(pk__in=list(changes))
        .order_by("pk")
    )
    after = [(row, int(row.budget) - changes[row.pk]) for row in rows]
    for row, budget in after:
        if budget < row.budget and row.human_locked and not row.entry.is_container:
            raise Conflict(f"A person has locked the budget of #{row.entry.seq} since: move the money by hand")
        if budget < row.budget and budget < row.spent + row.held:
            raise Conflict(f"#{row.entry.seq} has spent what it got from a deleted entry: add that again")
    _write(after, by=by, reason=reason)


def _write(budgets: Sequence[tuple[Account, int]], *, by: Caller, reason: str) -> dict[str, int]:
    """Returns by how much each changed."""
    changed = [(row, int(row.budget), after) for row, after in budgets if row.budget != after]
    for row, _, after in changed:
        row.budget = after
        row.save(update_fields=["budget"])
    BudgetChange.objects.bulk_create(
        BudgetChange(
            project_id=row.project_id,
            account=row,
            field="budget",
            before=before,
            after=after,
            source=BudgetChange.Source.HUMAN,
            actor=by.name,
            reason=reason[:500],
        )
        for row, before, after in changed
    )
    return {row.pk: after - before for row, before, after in changed}
