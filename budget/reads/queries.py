"""Reads of money, each a fixed number of queries whatever the number of entries."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import F, QuerySet, Subquery, Sum
from django.db.models.functions import Greatest

from budget import amounts
from budget.categories import ANSWER_KEYS
from budget.models import Account, BudgetChange, GatewayRequest, Hold, LedgerEntry, Project
from workspaces import paging
from workspaces.errors import NotFound
from workspaces.values import ids


def project_of(workspace_id: str) -> Project:
    return Project.objects.get(pk=workspace_id)


def account_for(workspace_id: str, entry_id: str) -> Account:
    """The account of an entry that is on the backlog. Raises NotFound."""
    if ids.is_id(entry_id):
        account = Account.objects.filter(pk=entry_id, project_id=workspace_id, entry__deleted_at__isnull=True).first()
        if account:
            return account
    raise NotFound("Entry not found")


def totals(project: Project) -> dict[str, Any]:
    """The contract's amounts, in USD."""
    return {
        "total_budget_usd": amounts.number(project.total_budget),
        "max_project_spend_usd": amounts.number(project.max_project_spend),
        **{key: amounts.number(project.spent_on(name)) for name, key in ANSWER_KEYS.items()},
        "total_spent_usd": amounts.number(project.total_spent),
    }


def most_spent(project_id: str, limit: int) -> list[str]:
    """The accounts of the entries that spent most, without those that spent nothing. Largest first."""
    spent = Account.objects.filter(project_id=project_id, spent__gt=0).exclude(pk__in=removed_accounts(project_id))
    return list(spent.order_by("-spent", "pk").values_list("pk", flat=True)[:limit])


def removed_accounts(project_id: str) -> QuerySet[Account, Any]:
    """The accounts of removed entries. The workspace is named so that the database reads its small index of them."""
    return Account.objects.filter(entry__workspace=project_id, entry__deleted_at__isnull=False).values("pk")


def ledger_of(project_id: str) -> QuerySet[LedgerEntry]:
    """Written as a range, so that an order by project and id is not the order by id alone to PostgreSQL: it would look for the newest rows
    of a project through those of all others."""
    return LedgerEntry.objects.filter(project_id__gte=project_id, project_id__lte=project_id)


def ledger_rows(
    workspace_id: str,
    *,
    category: str | None = None,
    entry_id: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> QuerySet[LedgerEntry]:
    """Rows of a category, of an entry, of the UTC days from `since` to `until`, both included. Raises NotFound for an unknown entry."""
    rows = ledger_of(workspace_id)
    if category is not None:
        rows = rows.filter(category=category)
    if entry_id is not None:
        known = ids.is_id(entry_id) and Account.objects.filter(pk=entry_id, project_id=workspace_id).exists()
        if not known:  # a deleted entry keeps its spend on record
            raise NotFound("Entry not found")
        rows = rows.filter(account_id=entry_id)
    if since is not None:
        rows = rows.filter(at__gte=datetime.combine(since, time(), UTC))
    if until is not None:
        rows = rows.filter(at__lte=datetime.combine(until, time.max, UTC))  # `until` may be the calendar's last day
    return rows


def ledger_entry(workspace_id: str, ledger_id: str) -> LedgerEntry:
    """One row. Raises NotFound."""
    is_id = ledger_id.isascii() and ledger_id.isdigit() and len(ledger_id) <= 18
    entry = LedgerEntry.objects.filter(pk=int(ledger_id), project_id=workspace_id).first() if is_id else None
    if entry is None:
        raise NotFound("Ledger row not found")
    return entry


def ledger_page(rows: QuerySet[LedgerEntry], *, limit: int, cursor: str | None) -> tuple[list[LedgerEntry], str | None]:
    """The newest rows before `cursor`, and the next cursor."""
    return paging.page(rows, "-project_id", "-id", limit=limit, cursor=cursor)


def changes_page(workspace_id: str, *, limit: int, cursor: str | None) -> tuple[list[BudgetChange], str | None]:
    return paging.page(BudgetChange.objects.filter(project_id=workspace_id), "-id", limit=limit, cursor=cursor)


def holds_page(workspace_id: str, *, limit: int, cursor: str | None) -> tuple[list[Hold], str | None]:
    """The holds after `cursor` that are not settled, oldest first, and the next cursor."""
    rows = Hold.objects.filter(project_id=workspace_id, state__in=Hold.RESERVED)
    return paging.page(rows, "id", limit=limit, cursor=cursor)


def not_known(project_id: str) -> tuple[int, int]:
    """Micro-USD of a project that await hosts, and of requests whose answer is not known. One query."""
    away = Hold.objects.filter(project_id=project_id, state=Hold.State.AWAITING, unknown_since__isnull=True)
    kept = away.values("project_id").annotate(sum=Sum(Greatest(F("amount") - F("drawn"), 0))).values("sum")
    unknown = GatewayRequest.objects.filter(hold__project_id=project_id, state=GatewayRequest.State.UNKNOWN)
    rows = unknown.values("hold__project_id")
    sums = Subquery(kept), Subquery(rows.annotate(sum=Sum(F("bound") - F("amount"))).values("sum"))
    hosts, answers = Project.objects.filter(pk=project_id).values_list(*sums).get()
    return int(hosts or 0), int(answers or 0)


def session_spend(session_ref: str) -> dict[str, int | None]:
    """The sums of a session's ledger rows: booked, reported and computed (micro-USD), and tokens. None: no row has the value."""
    return LedgerEntry.objects.filter(session_ref=session_ref).aggregate(
        amount=Sum("amount"),
        reported=Sum("reported"),
        computed=Sum("computed"),
        input_tokens=Sum("input_tokens"),
        output_tokens=Sum("output_tokens"),
        cache_read_tokens=Sum("cache_read_tokens"),
        cache_write_tokens=Sum("cache_write_tokens"),
        cache_write_1h_tokens=Sum("cache_write_1h_tokens"),
    )
