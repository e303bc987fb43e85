"""Reads of money, each a fixed number of queries whatever the number of entries."""

from typing import Any

from django.db.models import Sum

from budget import money
from budget.models import Account, BudgetChange, Hold, LedgerEntry, Project
from workspaces import ids
from workspaces.errors import Invalid, NotFound


def project_of(workspace_id: str) -> Project:
    return Project.objects.get(pk=workspace_id)


def account_for(workspace_id: str, entry_id: str) -> Account:
    """The account of an entry that is on the backlog. Raises NotFound."""
    if ids.looks_like_one(entry_id):
        found = Account.objects.filter(pk=entry_id, project_id=workspace_id, entry__deleted_at__isnull=True).first()
        if found:
            return found
    raise NotFound("Entry not found")


def totals(project: Project) -> dict[str, Any]:
    """The contract's seven amounts, in USD."""
    return {
        "total_budget_usd": money.number(project.total_budget),
        "max_project_spend_usd": money.number(project.max_project_spend),
        "entries_spent_usd": money.number(project.entry_spent),
        "orchestrator_spent_usd": money.number(project.orchestrator_spent),
        "expansion_spent_usd": money.number(project.expansion_spent),
        "interceptor_spent_usd": money.number(project.interceptor_spent),
        "total_spent_usd": money.number(project.total_spent),
    }


def ledger_page(workspace_id: str, *, limit: int, cursor: str | None) -> tuple[list[LedgerEntry], str | None]:
    """The newest rows before `cursor`, and the next cursor."""
    rows = LedgerEntry.objects.filter(project_id=workspace_id).order_by("-id")
    if cursor is not None:
        rows = rows.filter(id__lt=position(cursor))
    found = list(rows[: limit + 1])
    return found[:limit], str(found[limit - 1].pk) if len(found) > limit else None


def changes_page(workspace_id: str, *, limit: int, cursor: str | None) -> tuple[list[BudgetChange], str | None]:
    rows = BudgetChange.objects.filter(project_id=workspace_id).order_by("-id")
    if cursor is not None:
        rows = rows.filter(id__lt=position(cursor))
    found = list(rows[: limit + 1])
    return found[:limit], str(found[limit - 1].pk) if len(found) > limit else None


def holds_page(workspace_id: str, *, limit: int, cursor: str | None) -> tuple[list[Hold], str | None]:
    """The open holds after `cursor`, oldest first, and the next cursor."""
    rows = Hold.objects.filter(project_id=workspace_id, state=Hold.State.OPEN).order_by("id")
    if cursor is not None:
        rows = rows.filter(id__gt=position(cursor))
    found = list(rows[: limit + 1])
    return found[:limit], str(found[limit - 1].pk) if len(found) > limit else None


def position(cursor: str) -> int:
    """The row number in a cursor that we gave out. Raises Invalid for any other text."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise Invalid("The cursor is not one that this list gave out", "cursor")
    return int(cursor)


def session_spend(session_ref: str) -> dict[str, int | None]:
    """What a session's ledger rows say: booked, reported and computed (micro-USD), and tokens. None: nothing of the kind was told."""
    return LedgerEntry.objects.filter(session_ref=session_ref).aggregate(
        amount=Sum("amount"),
        reported=Sum("reported"),
        computed=Sum("computed"),
        input_tokens=Sum("input_tokens"),
        output_tokens=Sum("output_tokens"),
        cache_read_tokens=Sum("cache_read_tokens"),
        cache_write_tokens=Sum("cache_write_tokens"),
    )
