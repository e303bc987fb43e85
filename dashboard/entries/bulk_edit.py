"""Many entries by one form: held, released, moved in line, or exported. All or none, and what refused says so entry by entry."""

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
from dashboard.shared.forms import checked
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import confirm, done
from orchestration.backlog import entries, entry_actions
from orchestration.models import Entry
from workspaces.access import Need
from workspaces.errors import Forbidden, Invalid, NotFound

MOST = 500
TYPED_ABOVE = 50
MOST_TOLD = 20
GONE = "An entry is not on the backlog any more: load the page again. Nothing was changed"
DOES = {"hold": "Hold", "release": "Release", "priority": "Change the priority of", "export": "Export"}
DID = {"hold": "held back until someone releases {}", "release": "back in line", "priority": "of {} priority now"}


class BulkForm(forms.Form):
    do = forms.ChoiceField(choices=list(DOES.items()), error_messages={"required": "Choose what to do with the selected entries"})
    priority = forms.ChoiceField(choices=[(name, name) for name in entries.PRIORITIES], required=False)
    reason = forms.CharField(max_length=500, required=False)
    matching = forms.CharField(max_length=2000, required=False)  # the address's filters, when all that match are meant


@require_POST
@in_workspace()
def act(page_request: PageRequest) -> HttpResponseBase:
    said = checked(BulkForm(page_request.request.POST))
    if said["do"] != "export" and not page_request.may(Need.OPERATE):
        raise Forbidden(f"The role {page_request.role.value} may not {Need.OPERATE.value}")
    chosen = _chosen(page_request, said)
    if said["do"] == "export":
        return csv_export.respond("entries-selected", csv_rows.HEAD, csv_rows.lines(page_request, [entry.pk for entry in chosen]))
    if said["do"] == "priority" and not said["priority"]:
        raise Invalid("Choose the priority to set", "priority")
    n = len(chosen)
    if n > TYPED_ABOVE and page_request.request.POST.get("typed", "").strip() != str(n):
        return _ask(page_request, said, chosen)
    _carry_out(page_request, said, chosen)
    words = DID[said["do"]].format(said["priority"] if said["do"] == "priority" else "it" if n == 1 else "them")
    return done(page_request, f"{_entries(n)} {'is' if n == 1 else 'are'} {words}")


def _chosen(page_request: PageRequest, said: dict[str, Any]) -> list[Entry]:
    """The ticked ones; or all that match the filters of the page."""
    if page_request.request.POST.get("all"):
        wanted = filters.read(
            PageRequest(
                _asking(page_request.request, said["matching"]), page_request.caller, page_request.workspace, page_request.role
            )
        )
        found = filters.matching(page_request.workspace.pk, wanted)
    else:
        picks = set(page_request.request.POST.getlist("pick")) | set(
            filter(None, page_request.request.POST.get("picks", "").split(","))
        )
        if (
            len(picks) > MOST
        ):  # a page has fifty, the question after it as many as it asks for; a database takes so many and no more
            raise Invalid(f"At most {MOST} entries at once: select fewer, or all that match", "pick")
        found = filters.backlog(page_request.workspace.pk).filter(pk__in=[pick for pick in picks if "\x00" not in pick])
        if len(found) != len(picks):
            raise Invalid(GONE, "pick")
    most = MOST if said["do"] != "export" else 100_000
    chosen = list(found.order_by("seq")[: most + 1])
    if not chosen:
        raise Invalid("Select at least one entry", "pick")
    if len(chosen) > most:
        raise Invalid(f"At most {most} entries at once: narrow the filters", "pick")
    return chosen


def _asking(request: HttpRequest, query: str) -> HttpRequest:
    asking = HttpRequest()
    asking.GET = QueryDict(query)
    asking.path, asking.user = request.path, request.user
    return asking


def _ask(page_request: PageRequest, said: dict[str, Any], chosen: Sequence[Entry]) -> HttpResponseBase:
    n = len(chosen)
    consequence = {
        "hold": "Each keeps its branch, frees its locks and waits until someone releases it.",
        "release": "Each goes back in line, and may start in the next cycle. Failed ones get their rounds anew.",
        "priority": "Their places in line change; what is at work goes on.",
    }[said["do"]]
    fields = {name: said[name] for name in ("do", "priority", "reason")} | {"picks": ",".join(entry.pk for entry in chosen)}
    return confirm(
        page_request,
        title=f"{DOES[said['do']]} {_entries(n)}",
        sentence=consequence,
        button=f"{DOES[said['do']]} {_entries(n)}",
        action=reverse("entries-bulk", args=[page_request.workspace.pk]),
        fields=fields,
        typed=str(n),
    )


def _carry_out(page_request: PageRequest, said: dict[str, Any], chosen: Sequence[Entry]) -> None:
    """In one transaction; when one refuses, none is changed and all that refuse are named."""
    by, reason = page_request.caller, said["reason"]
    try:
        if said["do"] == "hold":
            entry_actions.put_all_on_hold(chosen, by=by, reason=reason)
        elif said["do"] == "release":
            entry_actions.resume_all(chosen, by=by, reason=reason)
        else:
            entry_actions.set_priority_of_all(chosen, entries.PRIORITIES[said["priority"]], by=by, reason=reason)
    except entry_actions.SomeRefuse as some:
        raise Invalid(_refusal(some.each, len(chosen)), "pick") from None
    except NotFound:
        raise Invalid(GONE, "pick") from None


def _refusal(refused: Sequence[tuple[Entry, str]], n: int) -> str:
    told = "; ".join(f"#{entry.seq}: {why[:1].lower()}{why[1:]}" for entry, why in refused[:MOST_TOLD])
    more = f"; and {len(refused) - MOST_TOLD} more" if len(refused) > MOST_TOLD else ""
    return f"Nothing was changed: {len(refused)} of {_entries(n)} cannot be. {told}{more}"


def _entries(n: int) -> str:
    return f"{n} {'entry' if n == 1 else 'entries'}"
