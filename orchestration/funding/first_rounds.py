"""Each entry gets money for one round before any entry gets money for a second, also when entries are added one by one (ADR 13)."""

from collections.abc import Sequence

from django.db.models import Case, F, Value, When

from budget import amounts
from budget.allocation import reallocation
from budget.amounts.money import MoneyField
from budget.models import Account, BudgetChange, Project
from orchestration import events
from workspaces import activity
from workspaces.access import MUSTER

AT_ONCE = 200  # accounts in one statement: SQLite takes only so many parameters


def donors(project: Project, round_ceiling: int) -> list[str]:
    """Accounts whose share exceeds one round's ceiling (micro-USD), last in line first. Budgets that a person set or locked are excluded."""
    rich = Account.objects.filter(
        project=project,
        own_budget=False,
        human_locked=False,
        budget__gt=F("spent") + round_ceiling,
        entry__status__in=reallocation.OPEN,
        entry__deleted_at__isnull=True,
    )
    waits = Case(When(entry__unmet_dependencies__gt=0, then=Value(1)), default=Value(0))
    return list(rich.order_by(waits.desc(), "-entry__priority", "-entry__seq").values_list("pk", flat=True)[:AT_ONCE])


def reclaim(project: Project, account_ids: Sequence[str], amount_needed: int, round_ceiling: int) -> int:
    """Take up to `amount_needed` micro-USD from these accounts, in this order; each keeps a round's ceiling beyond its spend. Returns the sum.

    The caller's transaction holds the executor's row, so that no cycle, ending or addition counts on the money meanwhile. A caller that
    locks other accounts too locks all of them in the order of their ids: two such transactions never deadlock.
    """
    rows = Account.objects.select_for_update(no_key=True).filter(pk__in=account_ids, human_locked=False).order_by("pk")
    fresh = {row.pk: row for row in rows} if amount_needed > 0 else {}
    taken: dict[str, int] = {}
    for account in (fresh[pk] for pk in account_ids if pk in fresh):
        loose = account.budget - account.spent - max(round_ceiling, account.held)
        if (amount := min(loose, amount_needed)) > 0:
            taken[account.pk], amount_needed = amount, amount_needed - amount
    if taken:
        _lower(project, [(fresh[pk], amount) for pk, amount in taken.items()])
    return sum(taken.values())


def _lower(project: Project, taken: Sequence[tuple[Account, int]]) -> None:
    new_budgets = Case(
        *(When(pk=account.pk, then=Value(account.budget - amount)) for account, amount in taken), output_field=MoneyField()
    )
    Account.objects.filter(pk__in=[account.pk for account, _ in taken], human_locked=False).update(budget=new_budgets)
    BudgetChange.objects.bulk_create(_change(account, amount) for account, amount in taken)
    event = events.SharesReclaimed(changed=len(taken), freed_usd=amounts.number(sum(amount for _, amount in taken)))
    activity.record(project.pk, event, by=MUSTER, object_id=project.pk)


def _change(account: Account, taken: int) -> BudgetChange:
    before, after = account.budget, account.budget - taken
    return BudgetChange(
        project_id=account.project_id,
        account=account,
        field="budget",
        before=before,
        after=after,
        source=BudgetChange.Source.ALLOCATION,
        actor=MUSTER.name,
        reason=f"Lowered from {amounts.format_usd(before)} to {amounts.format_usd(after)}: a round for each entry comes before a second one for any",
    )
