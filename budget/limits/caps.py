"""Caps and budgets that people set, each change recorded with who and why."""

from django.db import transaction
from django.db.models.functions import Now
from django.dispatch import Signal
from django.utils import timezone

from budget import amounts, events
from budget.limits import dividing
from budget.models import Account, BudgetChange, Limit, Project
from workspaces import activity, times
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid

Source = BudgetChange.Source
_PROJECT_EVENTS = {"max_project_spend": events.CapSet, "total_budget": events.TotalBudgetSet}

changed = Signal()
"""A cap or budget changed: sent after the commit with `workspace_id` and `entry_id` (None: the whole project), so that entries that wait
for money can continue. A lost signal costs latency only: `mark_allocation_due` records it as well, for the reconciler."""


def open_project(workspace_id: str, *, total_budget: int, max_project_spend: int) -> Project:
    """The money of a new workspace, in micro-USD."""
    return Project.objects.create(
        workspace_id=workspace_id,
        total_budget=total_budget,
        max_project_spend=max_project_spend,
        opened_with_budget=total_budget,
        opened_with_cap=max_project_spend,
    )


UNSEEN = -1  # the caller did not look at the limit


class Changed(Conflict):
    """The amount differs from what the caller saw. `now`: the present amount, in micro-USD; None: there is no such limit now."""

    def __init__(self, message: str, now: int | None) -> None:
        super().__init__(message)
        self.now = now


def set_project(
    project: Project,
    field: str,
    amount: int,
    *,
    by: Caller,
    reason: str = "",
    source: Source = Source.HUMAN,
    expected: int | None = None,
) -> Project:
    """Set `max_project_spend` or `total_budget` to micro-USD. Lowering it below the spend stops admission; no session is killed.

    `expected`: the amount that the caller saw. Raises Changed when it differs now, and overwrites nothing.
    """
    with transaction.atomic():
        row = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        before = getattr(row, field)
        if expected is not None and before not in (expected, amount):
            raise Changed(who_changed(row, field, before), before)
        Project.objects.filter(pk=row.pk).update(**{field: amount})
        event = _PROJECT_EVENTS[field](before_usd=_usd(before), after_usd=_usd(amount), field=field)
        _record(row, None, event, before, amount, by=by, reason=reason, source=source)
        row.refresh_from_db()
        return row


def edit(
    account: Account,
    budget: int,
    *,
    by: Caller,
    reason: str = "",
    source: Source = Source.HUMAN,
    expected: int | None = None,
) -> Account:
    """Set an entry's budget to micro-USD, which also locks it against the reallocator. That of an entry that is split is divided among its
    children.

    `expected`: the budget that the caller saw (`dividing.total`). Raises Changed when it differs now, and overwrites nothing.
    """
    with transaction.atomic():
        row = _locked_with_entry(account)
        is_split = hasattr(row, "entry") and row.entry.is_container
        before, was_locked = dividing.total(row) if is_split else row.budget, row.human_locked
        if expected is not None and expected != before:
            raise Changed(who_changed(row.project, "budget", before, row), before)
        if is_split:
            dividing.set_total(row, budget, by=by, reason=reason)
            announce(row.project_id)
            row.budget, row.own_budget, row.human_locked = budget, True, True  # as its owner sees it
            return row
        row.budget = budget
        row.human_locked = row.own_budget = True
        if not was_locked:
            row.locked_by, row.locked_at, row.locked_reason = by.name, Now(), reason[:500]
        row.save(update_fields=["budget", "own_budget", "human_locked", "locked_by", "locked_at", "locked_reason"])
        event = events.EntryBudgetSet(before_usd=_usd(before), after_usd=_usd(budget), field="budget")
        _record(row.project, row, event, before, budget, by=by, reason=reason, source=source)
        return row


def _locked_with_entry(account: Account) -> Account:
    rows = Account.objects.select_for_update(no_key=True, of=("self",)).select_related("entry")
    return rows.get(pk=account.pk)


def set_limit(
    project: Project,
    category: str,
    period: str,
    amount: int | None,
    *,
    by: Caller,
    reason: str = "",
    source: Source = Source.HUMAN,
    expected: int | None = UNSEEN,
) -> None:
    """Set a limit of a category or of a day to micro-USD; None removes it. A limit below the spend stops admission at once.

    Raises Invalid for the cap itself, which `set_project` sets. `expected`: as there; None: the caller saw no limit.
    """
    if (category, period) == ("total", "all"):
        raise Invalid("The limit of all spend over the whole life is the cap: PATCH the budget's max_project_spend_usd", "limits")
    with transaction.atomic():
        row = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        limit = Limit.objects.filter(project=row, category=category, period=period).first()
        before = limit.amount if limit else None
        if before == amount:
            return
        if expected not in (UNSEEN, before):
            raise Changed(who_changed(row, f"limit.{category}.{period}", before), before)
        if amount is None:
            Limit.objects.filter(project=row, category=category, period=period).delete()
        elif limit is None:
            Limit.objects.create(project=row, category=category, period=period, amount=amount)
        else:
            reached_on = (
                None if amount > limit.amount else limit.reached_on
            )  # a raised limit is reported again when it is reached
            Limit.objects.filter(pk=limit.pk).update(reached_on=reached_on)
            Limit.objects.filter(pk=limit.pk).update(amount=amount)
        event = events.LimitSet(before_usd=_usd(before), after_usd=_usd(amount), field=f"limit.{category}.{period}")
        _record(row, None, event, before, amount, by=by, reason=reason, source=source)


def toggle_lock(account: Account, *, by: Caller, reason: str = "", source: Source = Source.HUMAN) -> Account:
    """Turn the human lock on or off, for an entry that is split with the budgets below it."""
    with transaction.atomic():
        row = _locked_with_entry(account)
        is_split = hasattr(row, "entry") and row.entry.is_container
        if is_split and row.human_locked:
            dividing.release_below(row, by=by, reason=reason, source=source)
        row.human_locked = not row.human_locked
        row.locked_by = by.name if row.human_locked else ""
        row.locked_at = Now() if row.human_locked else None
        row.locked_reason = reason[:500] if row.human_locked else ""
        row.save(update_fields=["human_locked", "locked_by", "locked_at", "locked_reason"])
        if is_split and row.human_locked:
            row.refresh_from_db(fields=["locked_at"])
            dividing.lock_below(row, by=by, reason=reason, source=source)
        before, after = int(not row.human_locked), int(row.human_locked)
        event = events.EntryBudgetLocked(before=before, after=after, field="human_locked")
        _record(row.project, row, event, before, after, by=by, reason=reason, source=source)
        return row


def who_changed(project: Project, field: str, now: int | None, account: Account | None = None) -> str:
    """A sentence about the last change of this amount: its actor and its time. `field`: the name in BudgetChange."""
    last = BudgetChange.objects.filter(project=project, account=account, field=field).order_by("-id").first()
    if last is None:
        return f"It is {_text(now)} now"
    at = times.clock(last.at, timezone.get_current_timezone(), timezone.now())
    return f"{last.actor} changed it from {_text(last.before)} to {_text(last.after)} at {at}"


def _usd(amount: int | None) -> float | None:
    return None if amount is None else amounts.number(amount)


def _text(amount: int | None) -> str:
    return "none" if amount is None else amounts.format_usd(amount)


def _record(
    project: Project,
    account: Account | None,
    event: events.AmountSet | events.EntryBudgetLocked,
    before: int | None,
    after: int | None,
    *,
    by: Caller,
    reason: str,
    source: Source,
) -> None:
    BudgetChange.objects.create(
        project=project,
        account=account,
        field=event.field,
        before=before,
        after=after,
        source=source,
        actor=by.name,
        reason=reason[:500],
    )
    object_id = account.id if account else project.workspace_id
    activity.record(project.workspace_id, event, by=by, object_id=object_id, reason=reason)
    announce(project.workspace_id, account.id if account else None)


def announce(workspace_id: str, entry_id: str | None = None, *, shared_out: bool = False) -> None:
    """Send `changed` after the commit, for an entry or the whole project, and mark the allocation as due: money may have come free.
    `shared_out`: the allocation itself made the change.
    """
    if not shared_out:
        mark_allocation_due(workspace_id)
    message = {"workspace_id": workspace_id, "entry_id": entry_id, "shared_out": shared_out}
    transaction.on_commit(lambda: changed.send(Project, **message), robust=True)


def mark_allocation_due(workspace_id: str) -> None:
    """Record that there may be money to allocate, so that the next tick finds it even if the message is lost. Locks the project's row."""
    # The process's clock: SQLite's own writes times in another format than Django compares with.
    Project.objects.filter(pk=workspace_id).update(allocation_due=timezone.now())
