"""Caps and budgets that people set, each change recorded with who and why."""

from django.db import transaction
from django.db.models.functions import Now
from django.dispatch import Signal

from budget import money
from budget.models import Account, BudgetChange, Project
from workspaces import activity
from workspaces.access import Caller

Source = BudgetChange.Source

changed = Signal()
"""A cap or budget changed: sent after the commit with `workspace_id` and `entry_id` (None: the whole project), so that what waited for
money can go on. Losing it costs latency only: the reconciler looks as well."""


def open_project(workspace_id: str, *, total_budget: int, max_project_spend: int) -> Project:
    """The money of a new workspace, in micro-USD."""
    return Project.objects.create(workspace_id=workspace_id, total_budget=total_budget, max_project_spend=max_project_spend)


def set_project(
    project: Project, field: str, amount: int, *, by: Caller, reason: str = "", source: Source = Source.HUMAN
) -> Project:
    """Set `max_project_spend` or `total_budget` to micro-USD. Lowering below what is spent stops admission; nothing is killed."""
    with transaction.atomic():
        row = Project.objects.select_for_update().get(pk=project.pk)
        before = getattr(row, field)
        Project.objects.filter(pk=row.pk).update(**{field: amount})
        _record(row, None, field, before, amount, by=by, reason=reason, source=source)
        row.refresh_from_db()
        return row


def edit(account: Account, budget: int, *, by: Caller, reason: str = "", source: Source = Source.HUMAN) -> Account:
    """Set an entry's budget to micro-USD by hand, which also locks it against the reallocator (contract.md)."""
    with transaction.atomic():
        row = Account.objects.select_for_update().get(pk=account.pk)
        before, was_locked = row.budget, row.human_locked
        row.budget = budget
        row.human_locked = row.own_budget = True
        if not was_locked:
            row.locked_by, row.locked_at, row.locked_reason = by.name, Now(), reason[:500]
        row.save(update_fields=["budget", "own_budget", "human_locked", "locked_by", "locked_at", "locked_reason"])
        _record(row.project, row, "budget", before, budget, by=by, reason=reason, source=source)
        return row


def toggle_lock(account: Account, *, by: Caller, reason: str = "", source: Source = Source.HUMAN) -> Account:
    """Turn the human lock on or off."""
    with transaction.atomic():
        row = Account.objects.select_for_update().get(pk=account.pk)
        row.human_locked = not row.human_locked
        row.locked_by = by.name if row.human_locked else ""
        row.locked_at = Now() if row.human_locked else None
        row.locked_reason = reason[:500] if row.human_locked else ""
        row.save(update_fields=["human_locked", "locked_by", "locked_at", "locked_reason"])
        _record(
            row.project,
            row,
            "human_locked",
            int(not row.human_locked),
            int(row.human_locked),
            by=by,
            reason=reason,
            source=source,
        )
        return row


def _record(
    project: Project, account: Account | None, field: str, before: int, after: int, *, by: Caller, reason: str, source: Source
) -> None:
    BudgetChange.objects.create(
        project=project,
        account=account,
        field=field,
        before=before,
        after=after,
        source=source,
        actor=by.name,
        reason=reason[:500],
    )
    shown: dict[str, int | float] = {"before": before, "after": after}
    if field != "human_locked":
        shown = {"before_usd": money.number(before), "after_usd": money.number(after)}
    activity.record(
        project.workspace_id,
        f"budget.{field}",
        by=by,
        object_id=account.id if account else project.workspace_id,
        reason=reason,
        data=shown,
    )
    tell(project.workspace_id, account.id if account else None)


def tell(workspace_id: str, entry_id: str | None = None, *, shared_out: bool = False) -> None:
    """After the commit: this entry's money changed, or the project's. `shared_out`: by the allocation itself."""
    told = {"workspace_id": workspace_id, "entry_id": entry_id, "shared_out": shared_out}
    transaction.on_commit(lambda: changed.send(Project, **told), robust=True)
