"""Bulk edits of entries: hold, release, priority and export. All or none; a refusal names each entry and its reason."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST

from budget.reads import csv_export
from dashboard.entries import csv_rows, filters
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import confirm, done
from orchestration.backlog import entries, entry_actions
from orchestration.models import Entry
from workspaces.access import Need
from workspaces.errors import Forbidden, Invalid, NotFound

MAX_ENTRIES = 500
TYPED_ABOVE = 50
MAX_NAMED = 20
GONE = "An entry is no longer on the backlog: reload the page. Nothing was changed"
DOES = {"hold": "Put on hold", "release": "Resume", "priority": "Change the priority of", "export": "Export"}
DID = {"hold": "on hold until someone resumes {}", "release": "back in line", "priority": "of {} priority now"}


class BulkForm(forms.Form):
    do = forms.ChoiceField(choices=list(DOES.items()), error_messages={"required": "Choose what to do with the selected entries"})
    priority = forms.ChoiceField(choices=[(name, name) for name in entries.PRIORITIES], required=False)
    reason = forms.CharField(max_length=500, required=False)
    matching = forms.CharField(max_length=2000, required=False)  # the URL's filters, when all matching entries are selected


@require_POST
@in_workspace()
def apply(page_request: PageRequest) -> HttpResponseBase:
    form_data = validated(BulkForm(page_request.request.POST))
    if form_data["do"] != "export" and not page_request.may(Need.OPERATE):
        raise Forbidden(f"The role {page_request.role.value} may not {Need.OPERATE.value}")
    chosen = _chosen(page_request, form_data)
    if form_data["do"] == "export":
        return csv_export.respond("entries-selected", csv_rows.HEAD, csv_rows.lines(page_request, [entry.pk for entry in chosen]))
    if form_data["do"] == "priority" and not form_data["priority"]:
        raise Invalid("Choose the priority to set", "priority")
    n = len(chosen)
    if n > TYPED_ABOVE and page_request.request.POST.get("typed", "").strip() != str(n):
        return _ask_confirmation(page_request, form_data, chosen)
    _carry_out(page_request, form_data, chosen)
    words = DID[form_data["do"]].format(form_data["priority"] if form_data["do"] == "priority" else "it" if n == 1 else "them")
    return done(page_request, f"{_entries(n)} {'is' if n == 1 else 'are'} {words}")


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
        matches = filters.matching(page_request.workspace.pk, query)
    else:
        picks = set(page_request.request.POST.getlist("pick")) | set(
            filter(None, page_request.request.POST.get("picks", "").split(","))
        )
        if len(picks) > MAX_ENTRIES:  # databases limit the number of parameters
            raise Invalid(f"At most {MAX_ENTRIES} entries at once: select fewer, or all that match", "pick")
        matches = filters.backlog(page_request.workspace.pk).filter(pk__in=[pick for pick in picks if "\x00" not in pick])
        if len(matches) != len(picks):
            raise Invalid(GONE, "pick")
    limit = MAX_ENTRIES if form_data["do"] != "export" else 100_000
    chosen = list(matches.order_by("seq")[: limit + 1])
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


def _ask_confirmation(page_request: PageRequest, form_data: dict[str, Any], chosen: Sequence[Entry]) -> HttpResponseBase:
    n = len(chosen)
    consequence = {
        "hold": "Each keeps its branch, releases its locks and waits until someone resumes it.",
        "release": "Each goes back in line, and may start in the next cycle. Failed entries get new rounds.",
        "priority": "Their places in line change; running sessions continue.",
    }[form_data["do"]]
    fields = {name: form_data[name] for name in ("do", "priority", "reason")} | {"picks": ",".join(entry.pk for entry in chosen)}
    return confirm(
        page_request,
        title=f"{DOES[form_data['do']]} {_entries(n)}",
        sentence=consequence,
        button=f"{DOES[form_data['do']]} {_entries(n)}",
        action=reverse("entries-bulk", args=[page_request.workspace.pk]),
        fields=fields,
        typed=str(n),
    )


def _carry_out(page_request: PageRequest, form_data: dict[str, Any], chosen: Sequence[Entry]) -> None:
    """All in one transaction. Raises Invalid with every refusal."""
    by, reason = page_request.caller, form_data["reason"]
    try:
        if form_data["do"] == "hold":
            entry_actions.put_all_on_hold(chosen, by=by, reason=reason)
        elif form_data["do"] == "release":
            entry_actions.resume_all(chosen, by=by, reason=reason)
        else:
            entry_actions.set_priorities(chosen, entries.PRIORITIES[form_data["priority"]], by=by, reason=reason)
    except entry_actions.SomeRefuse as some:
        raise Invalid(_refusal(some.refusals, len(chosen)), "pick") from None
    except NotFound:
        raise Invalid(GONE, "pick") from None


def _refusal(refused: Sequence[tuple[Entry, str]], n: int) -> str:
    reasons = "; ".join(f"#{entry.seq}: {why[:1].lower()}{why[1:]}" for entry, why in refused[:MAX_NAMED])
    more = f"; and {len(refused) - MAX_NAMED} more" if len(refused) > MAX_NAMED else ""
    return f"Nothing was changed: {len(refused)} of {_entries(n)} cannot be. {reasons}{more}"


def _entries(n: int) -> str:
    return f"{n} {'entry' if n == 1 else 'entries'}"
