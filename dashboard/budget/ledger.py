"""The ledger: every booking with the source of its price, and corrections by an opposite booking."""

import hashlib
from collections.abc import Iterator
from typing import Any

from django import forms
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.timezone import get_current_timezone
from django.views.decorators.http import require_http_methods

from budget import amounts
from budget.amounts import columns
from budget.ledger import corrections
from budget.models import Category, DaySpend, LedgerEntry
from budget.reads import csv_export, queries
from dashboard.budget.filters import LedgerFilter
from dashboard.shared import confirmation, counts
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import AmountField, validated
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters, paging
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import confirm, done
from workspaces import times
from workspaces.access import Need
from workspaces.errors import NotFound

FROM_TO = {"from": "since", "to": "until"}
HEAD = [
    "id",
    "at",
    "category",
    "entry_id",
    "session_id",
    "round",
    "amount_usd",
    "price_source",
    "reported_usd",
    "computed_usd",
    "price_version",
    "model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "corrects",
    "actor",
    "reason",
]


class CorrectionForm(forms.Form):
    """A correction of a ledger row: direction and amount."""

    direction = forms.ChoiceField(choices=[("back", "Subtract"), ("more", "Add")])
    amount = AmountField(
        error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD, such as 12.50"}
    )
    reason = forms.CharField(max_length=500, error_messages={"required": "Enter a reason: a correction needs one"})


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    if page_request.request.GET.get("format") == "csv":
        chosen, _ = filters.read(LedgerFilter, page_request, FROM_TO)
        rows = _filtered(page_request, chosen).order_by("id").iterator(chunk_size=1000)
        return csv_export.respond("-".join(filter(None, ["ledger", chosen["category"]])), HEAD, map(_line, rows))
    return render_page(
        page_request, "budget/ledger.html", HEADER | {"ledger": Region("budget/ledger.html#ledger", ledger_rows)}, tab="ledger"
    )


def ledger_rows(page_request: PageRequest) -> dict[str, Any]:
    chosen, ignored = filters.read(LedgerFilter, page_request, FROM_TO)
    queryset = _filtered(page_request, chosen)
    cursor = {key: page_request.request.GET.get(key, "") for key in ("after", "before")}
    cut = paging.paginate(queryset.select_related("account__entry"), "id", "id", within="project_id", descending=True, **cursor)
    places = columns.exact_places([row.amount for row in cut.rows])
    rows = [
        {
            "row": row,
            "entry": getattr(row.account, "entry", None),
            "unknown": _unknown(row),
            "amount": amounts.format_usd(row.amount, places=places),
        }
        for row in cut.rows
    ]
    return {
        "rows": rows,
        "cut": cut,
        "totals": _totals(page_request, chosen, queryset),
        "chosen": chosen | {"from": chosen["since"], "to": chosen["until"]},
        "categories": [("", "All categories"), *Category.choices],
        "ignored": ignored,
        "filtered": any(chosen.values()),
        "query": filters.query(page_request),
    }


@require_http_methods(["GET", "POST"])
@in_workspace(Need.BUDGET)
def correct(page_request: PageRequest, row_id: int) -> HttpResponse:
    """The form, then its effect for confirmation, then the correction: once per confirmation."""
    rows = LedgerEntry.objects.select_related("account__entry", "project")
    row = rows.filter(pk=row_id, project_id=page_request.workspace.pk).first() if row_id < 2**63 else None
    if row is None:
        raise NotFound("Ledger row not found")
    if page_request.request.method == "GET":
        entry = getattr(row.account, "entry", None)
        return render_page(
            page_request, "budget/correction.html", HEADER, row=row, entry=entry, exact=columns.exact(row.amount), tab="ledger"
        )
    form_data = validated(CorrectionForm(page_request.request.POST))
    amount = -form_data["amount"] if form_data["direction"] == "back" else form_data["amount"]
    question = f"correct {row.pk}"
    if not confirmation.is_confirmed(page_request, question, amount):
        effect = corrections.effect(row, amount)
        return confirm(
            page_request,
            title=f"Correct row {row.pk} by {columns.exact(amount)}",
            sentence="A correcting row is added; existing rows do not change.",
            points=_effect(effect),
            button=f"Book {columns.exact(amount)}",
            action=reverse("ledger-correct", args=[page_request.workspace.pk, row.pk]),
            fields={key: page_request.request.POST[key] for key in ("direction", "amount", "reason")}
            | {"confirm": confirmation.token(page_request, question, amount)},
        )
    key = f"correction:{row.pk}:{hashlib.sha256(page_request.request.POST['confirm'].encode()).hexdigest()[:16]}"
    fresh = corrections.correct(row, amount, by=page_request.caller, reason=form_data["reason"], key=key)
    return done(
        page_request,
        f"Booked {columns.exact(amount)} as a correction of row {row.pk}"
        if fresh
        else "That correction is already booked; nothing was added",
    )


def _filtered(page_request: PageRequest, chosen: dict[str, Any]) -> QuerySet[LedgerEntry]:
    queryset = queries.ledger_of(page_request.workspace.pk)
    if chosen["category"]:
        queryset = queryset.filter(category=chosen["category"])
    if chosen["entry"]:
        queryset = queryset.filter(entry_filter(chosen["entry"]))
    if chosen["session"]:
        queryset = queryset.filter(session_ref=chosen["session"])
    if chosen["since"]:
        queryset = queryset.filter(at__gte=times.midnight(chosen["since"], get_current_timezone()))
    if chosen["until"]:
        queryset = queryset.filter(at__lte=times.end_of(chosen["until"], get_current_timezone()))
    return queryset


def _totals(page_request: PageRequest, chosen: dict[str, Any], rows: QuerySet[LedgerEntry]) -> dict[str, Any]:
    """The number and the sum of the rows. A whole ledger is not read for it: its sum by day is kept, and counting stops at COUNTED_TO."""
    if any(chosen[name] for name in ("entry", "session", "since", "until")):
        totals = rows.aggregate(rows=Count("*"), amount=Sum("amount", default=0))
    else:
        days = DaySpend.objects.filter(project_id=page_request.workspace.pk)
        if chosen["category"]:
            days = days.filter(category=chosen["category"])
        totals = days.aggregate(amount=Sum("amount", default=0)) | {"rows": rows[: counts.COUNTED_TO + 1].count()}
    return totals | {"counted": counts.text(totals["rows"])}


def entry_filter(name: str) -> Q:
    """By the entry's id or number."""
    return Q(account_id=name) if name.startswith("entry_") else Q(account__entry__seq=int(name.removeprefix("#")))


def _unknown(row: LedgerEntry) -> bool:
    """Neither the agent nor the price table knew the cost: the reservation was charged."""
    return row.reported is None and row.computed is None and row.price_source != LedgerEntry.PriceSource.MANUAL


def _effect(effect: corrections.Effect) -> list[str]:
    named = [
        ("This row", effect.row),
        ("Spent in the project", effect.project_spent),
        ("Left under the cap", effect.project_headroom),
        ("Spent on the entry", effect.account_spent),
        ("Left of its budget", effect.account_headroom),
    ]
    return [f"{name}: {columns.exact(*pair)} → {columns.exact(*pair[::-1])}" for name, pair in named if pair]


def _line(row: LedgerEntry) -> Iterator[Any]:
    def usd(micro: int | None) -> Any:
        return None if micro is None else amounts.number(micro)

    yield from (row.pk, row.at, row.category, row.account_id, row.session_ref or None, row.round, usd(row.amount))
    yield from (row.price_source, usd(row.reported), usd(row.computed), row.price_version, row.model)
    yield from (row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens, row.cache_write_1h_tokens)
    yield from (row.corrects_id, row.actor, row.reason)
