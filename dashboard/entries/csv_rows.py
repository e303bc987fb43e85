"""The list as CSV: the same filter and order, all pages."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.http import StreamingHttpResponse

from budget import amounts
from budget.reads import csv_export
from dashboard.entries import rows
from dashboard.shared.page_request import PageRequest
from orchestration.lists import entries as lists
from orchestration.models import Entry

BATCH_SIZE = 500
HEAD = [
    "entry_id",
    "number",
    "title",
    "status",
    "reason",
    "why",
    "since",
    "needs",
    "needs_done",
    "rounds",
    "rounds_allowed",
    "best_score",
    "budget_usd",
    "spent_usd",
    "held_usd",
    "budget_locked",
    "priority",
    "files",
    "created_by",
    "created_at",
    "updated_at",
    "group",
    "requires",
    "agent",
]


def export(page_request: PageRequest, query: lists.EntryQuery) -> StreamingHttpResponse:
    name, descending = query.order
    sign = "-" if descending else ""
    entries = lists.ordered(lists.matching(page_request.workspace.pk, query), name)
    ids = list(entries.order_by(f"{sign}place", f"{sign}seq").values_list("pk", flat=True))
    shown = [query.chosen["status"], query.chosen["reason"], "filtered" if query.search.has_criteria else ""]
    return csv_export.respond("-".join(["entries", *filter(None, shown)]), HEAD, lines(page_request, ids))


def lines(page_request: PageRequest, ids: Sequence[str]) -> Iterator[list[Any]]:
    """These entries in this order, in batches of BATCH_SIZE."""
    for start in range(0, len(ids), BATCH_SIZE):
        some = ids[start : start + BATCH_SIZE]
        by_id = Entry.objects.filter(pk__in=some, deleted_at__isnull=True).select_related("account").in_bulk()
        yield from map(_line, rows.rows(page_request, [by_id[id_] for id_ in some if id_ in by_id], own_first=True))


def _line(row: dict[str, Any]) -> list[Any]:
    entry, account = row["entry"], row["account"]
    usd = [amounts.number(amount) for amount in (account.budget, account.spent, account.held)]
    return [
        entry.pk,
        entry.seq,
        entry.title,
        row["badge"],
        row["code"],
        "".join(text for text, _ in row["why"]),
        row["since"],
        len(row["needs"]),
        row["needs_done"],
        entry.rounds_completed,
        entry.budget_rounds,
        entry.score,
        *usd,
        account.human_locked,
        Entry.Priority(entry.priority).name.lower(),
        "; ".join(entry.paths),
        entry.created_by,
        entry.created_at,
        entry.updated_at,
        entry.group,
        "; ".join(entry.requires),
        entry.agent,
    ]
