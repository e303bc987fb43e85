"""Many budgets or locks at once: all of them or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

from django.db import transaction
from django.db.models import Sum

from budget.amounts import money
from budget.limits import caps
from budget.models import Account, Project
from workspaces.access import Caller
from workspaces.errors import Invalid

Do = Literal["set", "percent", "lock", "unlock"]
MOST = 200


@dataclass(frozen=True)
class Wish:
    """What to do with one account. `seen`: the budget that the person saw, in micro-USD."""

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
        """The budget that one of `seen` becomes, to the cent: nobody means a fraction of it."""
        if self.do != "percent":
            return self.amount
        cents = (Decimal(seen) * (100 + self.percent) / 100 / 10_000).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
        return max(int(cents) * 10_000, 0)


def allocated(project_id: str) -> int:
    """What the budgets of all entries on the backlog add up to."""
    mine = Account.objects.filter(project_id=project_id, entry__deleted_at__isnull=True)
    return mine.aggregate(sum=Sum("budget"))["sum"] or 0


def excess(project: Project, total: int) -> str:
    """A sentence when more is allocated than the total budget; empty when not, or when there is no plan (0)."""
    if not project.total_budget:
        return ""
    over = total - project.total_budget
    return f"Allocated {money.text(total)} exceeds the total budget by {money.text(over)}" if over > 0 else ""


def preview(project: Project, order: Order) -> int:
    """What will be allocated. The budgets are taken as they were seen: `carry_out` refuses others."""
    change = sum(order.after(wish.seen) - wish.seen for wish in order.wishes)
    return allocated(project.pk) + (change if order.do in ("set", "percent") else 0)


def carry_out(project: Project, order: Order, *, by: Caller, reason: str = "") -> int:
    """Do it in one transaction; answers how many changed. Raises Invalid, or caps.Changed when one is not as it was seen."""
    wanted = {wish.account_id: wish for wish in order.wishes}
    if not wanted or len(wanted) > MOST:
        raise Invalid(f"Select 1 to {MOST} entries", "entry")
    if order.do == "unlock" and not reason.strip():
        raise Invalid("Enter a reason: unlocking needs one", "reason")
    with transaction.atomic():
        rows = Account.objects.select_for_update(no_key=True, of=("self",)).filter(
            pk__in=wanted, project=project, entry__deleted_at__isnull=True
        )
        found = list(rows.order_by("pk"))  # in one order, so that two of these cannot wait for each other
        if len(found) != len(wanted):
            raise Invalid("An entry is not on the backlog any more; nothing was changed", "entry")
        return sum(_one(account, wanted[account.pk], order, by=by, reason=reason) for account in found)


def _one(account: Account, wish: Wish, order: Order, *, by: Caller, reason: str) -> bool:
    if order.do in ("lock", "unlock"):
        if account.human_locked == (order.do == "lock"):
            return False
        caps.toggle_lock(account, by=by, reason=reason)
        return True
    caps.edit(account, order.after(wish.seen), by=by, reason=reason, expected=wish.seen)
    return True
