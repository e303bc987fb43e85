"""Shares are raised and lowered, each change on record with its sentence."""

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Case, Value, When

from budget import amounts
from budget.amounts.money import MoneyField
from budget.models import Account, BudgetChange, Project
from workspaces.access import MUSTER

AT_ONCE = 200  # accounts in one statement: SQLite takes only so many parameters


def raise_by(project: Project, given: Mapping[str, int], why: str) -> int:
    """Raise the headroom of these accounts by micro-USD; budgets that a person locked stay. Returns how many changed. `why` completes
    the sentence of the change."""
    rows = locked(list(given))
    return write(project, [(row, row.spent + row.held + max(row.headroom, 0) + given[row.pk]) for row in rows], why)


def locked(account_ids: Iterable[str]) -> list[Account]:
    """The accounts that no person locked, freshly read and locked in the order of their ids: two such transactions never deadlock."""
    rows: list[Account] = []
    for ids in _batches(sorted(account_ids)):
        rows += Account.objects.select_for_update(no_key=True).filter(pk__in=ids, human_locked=False).order_by("pk")
    return rows


def write(project: Project, budgets: Sequence[tuple[Account, int]], why: str) -> int:
    """Set the budgets of locked rows, in micro-USD. Rows whose budget stays are left out."""
    changed = [(account, after) for account, after in budgets if account.budget != after]
    for start in range(0, len(changed), AT_ONCE):
        part = changed[start : start + AT_ONCE]
        new = Case(*(When(pk=account.pk, then=Value(after)) for account, after in part), output_field=MoneyField())
        Account.objects.filter(pk__in=[account.pk for account, _ in part], human_locked=False).update(budget=new)
    BudgetChange.objects.bulk_create([_change(project, account, after, why) for account, after in changed], batch_size=AT_ONCE)
    return len(changed)


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]


def _change(project: Project, account: Account, after: int, why: str) -> BudgetChange:
    before, word = account.budget, "Raised" if after > account.budget else "Lowered"
    return BudgetChange(
        project=project,
        account=account,
        field="budget",
        before=before,
        after=after,
        source=BudgetChange.Source.ALLOCATION,
        actor=MUSTER.name,
        reason=f"{word} from {amounts.format_usd(before)} to {amounts.format_usd(after)}: {why}",
    )
