"""Bulk edits of entries. All or none; a refusal names each entry and its reason. `bulk_actions` has what each does."""

import hashlib
from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST

from budget.limits.bulk_edit import MAX_ENTRIES
from budget.reads import csv_export
from dashboard.entries import bulk_undo, csv_rows, filters, refusals
from dashboard.entries.bulk_actions import ACTIONS, Action, entries_
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import AmountField, validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import confirm, done
from orchestration.backlog import entries, entry_actions
from orchestration.lists import entries as lists
from orchestration.models import Entry
from workspaces.errors import Forbidden, Invalid, NotFound

TYPED_ABOVE = 50
MAX_POINTS = 12
GONE = "An entry is no longer on the backlog: reload the page. Nothing was changed"


class BulkForm(forms.Form):
    do = forms.ChoiceField(
        choices=[(name, action.does) for name, action in ACTIONS.items()] + [("export", "Export")],
        error_messages={"required": "Choose what to do with the selected entries"},
    )
    budget = AmountField(max_length=40, required=False)
    priority = forms.ChoiceField(choices=[(name, name) for name in entries.PRIORITIES], required=False)
    agent = forms.CharField(max_length=63, required=False)
    reason = forms.CharField(max_length=500, required=False)
    matching = forms.CharField(max_length=2000, required=False)  # the URL's filters, when all matching entries are selected

    def clean(self) -> dict[str, Any]:
        """An amount counts only for the action that sets it."""
        if self.cleaned_data.get("do") != "budget":
            self.errors.pop("budget", None)
            self.cleaned_data["budget"] = None
        return self.cleaned_data


@require_POST
@in_workspace()
def apply(page_request: PageRequest) -> HttpResponseBase:
    form_data = validated(BulkForm(page_request.request.POST))
    if form_data["do"] == "export":
        chosen = _chosen(page_request, form_data)
        return csv_export.respond("entries-selected", csv_rows.HEAD, csv_rows.lines(page_request, [entry.pk for entry in chosen]))
    action = ACTIONS[form_data["do"]]
    for need in action.needs:
        if not page_request.may(need):
            raise Forbidden(f"The role {page_request.role.value} may not {need.value}")
    chosen = _chosen(page_request, form_data)
    if action.field and form_data[action.field] in ("", None):
        raise Invalid(action.missing, action.field)
    if question := _question(page_request, action, form_data, chosen):
        return question
    undo = bulk_undo.offer(page_request, chosen, form_data)
    try:
        action.carry_out(page_request, chosen, form_data)
    except entry_actions.SomeRefuse as some:
        raise Invalid(refusals.of_many(some.refusals, len(chosen)), "pick") from None
    except NotFound:
        raise Invalid(GONE, "pick") from None
    n = len(chosen)
    but = action.but(page_request, chosen)
    sentence = f"{entries_(n)} {'is' if n == 1 else 'are'} {action.did(form_data, n)}{but}"
    return done(page_request, sentence, tone="warn" if but else "good", undo=undo)


def _chosen(page_request: PageRequest, form_data: dict[str, Any]) -> list[Entry]:
    """The selected entries, or all that match the page's filters."""
    if page_request.request.POST.get("all"):
        query = filters.read(
            PageRequest(
                _filter_request(page_request.request, form_data["matching"]),
                page_request.caller,
                page_request.workspace,
                page_request.role,
            )
        )
        matches = lists.matching(page_request.workspace.pk, query)
    else:
        picks = set(page_request.request.POST.getlist("pick")) | set(
            filter(None, page_request.request.POST.get("picks", "").split(","))
        )
        if len(picks) > MAX_ENTRIES:  # databases limit the number of parameters
            raise Invalid(f"At most {MAX_ENTRIES} entries at once: select fewer, or all that match", "pick")
        matches = lists.backlog(page_request.workspace.pk).filter(pk__in=[pick for pick in picks if "\x00" not in pick])
        if len(matches) != len(picks):
            raise Invalid(GONE, "pick")
    limit = MAX_ENTRIES if form_data["do"] != "export" else 100_000
    chosen = list(matches.select_related("account").order_by("seq")[: limit + 1])
    if not chosen:
        raise Invalid("Select at least one entry", "pick")
    if len(chosen) > limit:
        raise Invalid(f"At most {limit} entries at once: narrow the filters", "pick")
    return chosen


def _filter_request(request: HttpRequest, query: str) -> HttpRequest:
    filter_request = HttpRequest()
    filter_request.GET = QueryDict(query)
    filter_request.path, filter_request.user = request.path, request.user
    return filter_request


def _question(
    page_request: PageRequest, action: Action, form_data: dict[str, Any], chosen: Sequence[Entry]
) -> HttpResponseBase | None:
    """The question that comes first: for many entries with their number to type, and always for what cannot be undone."""
    n, post = len(chosen), page_request.request.POST
    many = n > TYPED_ABOVE
    over = action.over(page_request, chosen, form_data)
    if not many and not action.asks and not over:
        return None
    picks = ",".join(sorted(entry.pk for entry in chosen))
    subject = hashlib.sha256(f"{picks} {over}".encode()).hexdigest()[:32]
    confirmed = confirmation.is_confirmed(page_request, f"entries-{form_data['do']}", subject)
    if confirmed and (not many or post.get("typed", "").strip() == str(n)):
        return None
    carried = {name: form_data[name] for name in ("do", "priority", "agent", "reason")} | {"budget": post.get("budget", "")}
    words = f"{action.does} {entries_(n)}"
    return confirm(
        page_request,
        title=words,
        sentence=" ".join(filter(None, [action.consequence, f"{over}." if over else ""])),
        points=[f"#{entry.seq} {entry.title}" for entry in chosen[:MAX_POINTS]] if not many else (),
        button=words,
        action=reverse("entries-bulk", args=[page_request.workspace.pk]),
        fields=carried | {"picks": picks, "confirm": confirmation.token(page_request, f"entries-{form_data['do']}", subject)},
        typed=str(n) if many else "",
    )
