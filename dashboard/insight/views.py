"""The page of insight: figures by agent, model, group, person or day, compared with the period before."""

from collections.abc import Hashable
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from budget import amounts
from budget.reads import csv_export
from dashboard.insight import advice, reading
from dashboard.insight.bars import Bar
from dashboard.insight.days import draw
from dashboard.insight.figures import BY_NAME, METRICS, OF_STEPS, Metric, Row, ordered
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters, span
from dashboard.shared.page_request import PageRequest, Region, render_page
from workspaces import times

TABS = {"model": "Model", "agent": "Agent", "step": "Step", "group": "Group", "person": "Person", "day": "Day"}
UNNAMED = {
    "step": "no agent named",
    "model": "no model named",
    "agent": "no agent named",
    "group": "no group",
    "person": "nobody named",
}
SHOWN = 100
"""Rows; the CSV has all."""


class InsightFilter(forms.Form):
    by = forms.ChoiceField(choices=[("", ""), *TABS.items()], required=False)
    sort = forms.ChoiceField(
        choices=[("", ""), *((f"{sign}{name}", "") for name in ("name", *BY_NAME) for sign in ("", "-"))], required=False
    )
    range = forms.ChoiceField(choices=[("", ""), *span.WORDS.items()], required=False)
    to = forms.CharField(required=False)


InsightFilter.base_fields["from"] = forms.CharField(required=False)  # no name for an attribute in Python


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    if page_request.request.GET.get("format") == "csv":
        chosen, _, listed, _ = _read(page_request)
        return csv_export.respond(f"insight-by-{chosen['by']}", _head(chosen["by"]), (_line(row) for row in listed))
    regions = HEADER | {name: Region(f"insight/insight.html#{name}", table) for name in ("headline", "figures")}
    return render_page(page_request, "insight/insight.html", regions)


def table(page_request: PageRequest) -> dict[str, Any]:
    """Read once for the headline and the table."""
    if "insight" not in page_request.memo:
        page_request.memo["insight"] = _table(page_request)
    shown: dict[str, Any] = page_request.memo["insight"]
    return shown


def _table(page_request: PageRequest) -> dict[str, Any]:
    chosen, shown, listed, every = _read(page_request)
    by, zone = chosen["by"], timezone.get_current_timezone()
    most = max((row.now.cost for row in listed), default=0)
    cheapest = min((row for row in listed if row.now.landed), key=lambda row: row.now.cost / row.now.landed, default=None)
    return {
        "tabs": [
            (word, filters.query(page_request, "sort", by="" if name == "model" else name), name == by)
            for name, word in TABS.items()
        ],
        "word": TABS[by],
        **span.context(page_request, shown),
        "span_words": shown.words(zone),
        "query": filters.query(page_request),
        "all_query": filters.query(page_request, "from", "to", range="all"),
        "ignored": chosen["ignored"],
        "heads": [_head_cell(page_request, chosen, metric.name, metric.label) for metric in _metrics(by)],
        "name_head": _head_cell(page_request, chosen, "name", TABS[by]),
        "rows": [_shown(page_request, by, shown, row, most) for row in listed[:SHOWN]],
        "more": max(len(listed) - SHOWN, 0),
        "every": _cells(by, every),
        "advice": advice.read(page_request.workspace.pk, shown) if by == "step" else None,
        "false_alarms": every.now.false_alarms,
        "chart": _chart(listed) if by == "day" and listed else "",
        "each": every.now.cost // every.now.landed if every.now.landed else None,
        "total": every.now,
        "cheapest": {"name": _name(by, cheapest.key), "each": cheapest.now.cost // cheapest.now.landed} if cheapest else None,
    }


def _read(page_request: PageRequest) -> tuple[dict[str, Any], span.Span, list[Row], Row]:
    chosen, ignored = filters.read(InsightFilter, page_request)
    shown = span.read(page_request.request.GET, timezone.now())
    chosen = {"by": chosen["by"] or "model", "sort": chosen["sort"], "ignored": ignored}
    chosen["sort"] = chosen["sort"] or _usual_sort(chosen["by"])
    listed, every = reading.rows(page_request.workspace.pk, shown, chosen["by"], timezone.get_current_timezone())
    return chosen, shown, ordered(listed, chosen["sort"]), every


def _chart(listed: list[Row]) -> SafeString:
    days = sorted(((row.key, row.now) for row in listed if isinstance(row.key, date)), key=lambda day: day[0])
    return draw(days, timezone.get_current_timezone())


def _usual_sort(by: str) -> str:
    return "-name" if by == "day" else "each"


def _shown(page_request: PageRequest, by: str, shown: span.Span, row: Row, most: int) -> dict[str, Any]:
    return {
        "name": _name(by, row.key),
        "url": f"{reverse('entries', args=[page_request.workspace.pk])}?{urlencode(_entries(by, row.key, shown))}",
        "bar": Bar(row.now.cost, row.now.wasted, most),
        "cells": _cells(by, row),
    }


def _metrics(by: str) -> tuple[Metric, ...]:
    return (*METRICS[:2], *OF_STEPS, *METRICS[2:]) if by == "step" else METRICS


def _cells(by: str, row: Row) -> list[dict[str, Any]]:
    cells = []
    for metric in _metrics(by):
        value = metric.value(row)
        text = "—" if value is None else metric.text(value)
        cells.append({"label": metric.label, "text": text, "difference": metric.difference(row), "exact": value})
    return cells


def _name(by: str, key: Hashable) -> str:
    if isinstance(key, date):
        return f"{key:%a} {key.day} {key:%b %Y}"
    return str(key) or UNNAMED[by]


def _entries(by: str, key: Hashable, shown: span.Span) -> dict[str, str]:
    """The filters of the list of entries that select those of a row."""
    since, until = shown.since, shown.until
    if isinstance(key, date):
        zone = timezone.get_current_timezone()
        day = times.midnight(key, zone), times.midnight(key + timedelta(days=1), zone)
        since, until = max(since or day[0], day[0]), min(until, day[1])
    worked = f"worked:{_worked(shown, since, until)}" if since else ""
    terms = {"agent": "agent", "step": "agent", "model": "model", "person": "by"}
    key = str(key).partition(" ")[0] if by == "step" else key
    term = f'{terms[by]}:"{str(key).replace(chr(34), "") or "none"}"' if by in terms else ""
    chosen = {"q": " ".join(filter(None, (term, worked)))}
    return chosen | ({"group": str(key)} if by == "group" and key else {})


def _worked(shown: span.Span, since: datetime, until: datetime) -> str:
    if (since, until) == (shown.since, shown.now) and shown.name:
        return shown.name
    return f"{times.minute(since)}..{times.minute(until + timedelta(seconds=59))}"


def _head_cell(page_request: PageRequest, chosen: dict[str, Any], name: str, label: str) -> dict[str, str]:
    """The first click sorts figures descending, names ascending; the second one the other way."""
    order = (chosen["sort"].removeprefix("-"), chosen["sort"].startswith("-"))
    return filters.head(page_request, name, order, ["name"], _usual_sort(chosen["by"])) | {"label": label}


def _head(by: str) -> list[str]:
    return [
        by,
        *("landed", "first_rounds", "first_rounds_passed", "rounds", "spent_usd", "usd_per_landed", "wasted_usd"),
        *("in_queue_p50_s", "in_queue_p95_s", "input_tokens", "cached_tokens"),
    ]


def _line(row: Row) -> list[Any]:
    now = row.now
    each = BY_NAME["each"].value(row)
    waits = [None if wait is None else wait.total_seconds() for wait in (row.waits.p50, row.waits.p95)]
    spent, wasted = amounts.number(now.cost), amounts.number(now.wasted)
    per_landed = None if each is None else amounts.number(int(each))
    counts = (now.landed, now.first, now.first_passed, now.rounds)
    return [str(row.key), *counts, spent, per_landed, wasted, *waits, now.input_tokens, now.cached_tokens]
