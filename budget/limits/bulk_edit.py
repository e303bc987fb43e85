"""Many budgets or locks at once: all of them or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

from django.db import transaction

from budget.limits import allocated, caps, dividing
from budget.models import Account, Project
from workspaces.access import Caller
from workspaces.errors import Invalid

Do = Literal["set", "percent", "lock", "unlock"]
MAX_ENTRIES = 500


@dataclass(frozen=True)
class Wish:
    """A change of one account. `seen`: the budget that the person saw, in micro-USD."""

    account_id: str
    seen: int


@dataclass(frozen=True)
class Order:
    """`amount`: micro-USD for `set`. `percent`: up or down, for `percent`."""

    do: Do
    wishes: Sequence[Wish]
    amount: int = 0
    percent: Decimal = Decimal(0)

    def after(self, seen: int) -> int:
        """The new budget of an account with `seen`, rounded to the cent."""
        if self.do != "percent":
            return self.amount
        cents = (Decimal(seen) * (100 + self.percent) / 100 / 10_000).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
        return max(int(cents) * 10_000, 0)


def preview(project: Project, order: Order) -> int:
    """The allocated sum afterwards, from the budgets as the person saw them: `carry_out` refuses others."""
    return allocated.allocated(project.pk) + (_more_allocated(project, order) if order.do in ("set", "percent") else 0)


def _more_allocated(project: Project, order: Order) -> int:
    """Ended entries allocate what they spent, open ones no less than they have spent or reserved."""
    seen = {wish.account_id: wish.seen for wish in order.wishes}
    open_ones = Account.objects.filter(pk__in=seen, project=project).exclude(entry__status__in=dividing.ENDED)
    used = {pk: spent + held for pk, spent, held in open_ones.values_list("pk", "spent", "held")}
    return sum(max(order.after(seen[pk]), least) - max(seen[pk], least) for pk, least in used.items())


def carry_out(project: Project, order: Order, *, by: Caller, reason: str = "") -> int:
    """Apply the order in one transaction; returns how many changed. Raises Invalid, also for the amount of an entry that is split, or
    caps.Changed when a budget differs from `seen`."""
    wishes = {wish.account_id: wish for wish in order.wishes}
    if not wishes or len(wishes) > MAX_ENTRIES:
        raise Invalid(f"Select 1 to {MAX_ENTRIES} entries", "entry")
    if order.do == "unlock" and not reason.strip():
        raise Invalid("Enter a reason: unlocking needs one", "reason")
    with transaction.atomic():
        rows = Account.objects.select_for_update(no_key=True, of=("self",)).filter(
            pk__in=wishes, project=project, entry__deleted_at__isnull=True
        )
        # In a fixed order, so that two orders cannot deadlock.
        accounts = list(rows.select_related("entry").order_by("pk"))
        if len(accounts) != len(wishes):
            raise Invalid("An entry is no longer on the backlog; nothing was changed", "entry")
        _refuse_split(accounts, order)
        return sum(_apply(account, wishes[account.pk], order, by=by, reason=reason) for account in accounts)


def _refuse_split(accounts: Sequence[Account], order: Order) -> None:
    """Raises Invalid where an amount of an entry that is split would change: the list shows what it has itself, `caps.edit` sets all of it."""
    split = [account.entry.seq for account in accounts if account.entry.is_container]
    if split and order.do in ("set", "percent"):
        raise Invalid(
            f"#{min(split)} is split: change its children's budgets, or its own by itself; nothing was changed", "entry"
        )


def _apply(account: Account, wish: Wish, order: Order, *, by: Caller, reason: str) -> bool:
    if order.do in ("lock", "unlock"):
        if account.human_locked == (order.do == "lock"):
            return False
        caps.toggle_lock(account, by=by, reason=reason)
        return True
    caps.edit(account, order.after(wish.seen), by=by, reason=reason, expected=wish.seen)
    return True
