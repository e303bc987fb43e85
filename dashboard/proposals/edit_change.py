"""The form that changes a proposed change of an entry, or the text of a merged one."""

import re
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from pydantic import ValidationError

from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, render_page
from dashboard.shared.responses import SEE_OTHER
from orchestration.backlog.entries import PRIORITIES
from orchestration.models import Entry, Proposal
from orchestration.proposals import editing
from orchestration.proposals.answering.change_schema import NewValues
from workspaces.errors import Invalid
from workspaces.schemas import property_path

FIELDS = ("content", "priority", "depends_on", "rounds")


def page(page_request: PageRequest, proposal: Proposal) -> HttpResponse:
    """Raises Invalid for a kind that has nothing to edit."""
    editable = editing.EDITABLE.get(Proposal.Kind(proposal.kind))
    if not editable:
        raise Invalid("There is nothing to edit in it: apply or reject the proposal", "proposalID")
    shown = [name for name in FIELDS if name in editable and (name != "content" or "content" in proposal.after)]
    if page_request.request.method != "POST":
        return _render(page_request, proposal, _filled(proposal, shown), "")
    form_data = {name: page_request.request.POST.get(name, "").replace("\r\n", "\n") for name in shown}
    try:
        editing.set_values(proposal, NewValues.model_validate(_values(form_data)), by=page_request.caller)
    except ValidationError as error:
        detail = error.errors()[0]
        return _render(page_request, proposal, form_data, f"{property_path(detail['loc'])}: {detail['msg']}")
    except Invalid as refused:
        return _render(page_request, proposal, form_data, refused.message)
    messages.success(page_request.request, f"Proposal {proposal.number} is changed", extra_tags="good")
    return HttpResponseRedirect(reverse("run", args=[page_request.workspace.pk, proposal.run_id]), status=SEE_OTHER)


def _filled(proposal: Proposal, shown: list[str]) -> dict[str, str]:
    """The proposed values, and where there is none the entry's."""
    values = {name: proposal.after.get(name, (proposal.before or {}).get(name)) for name in shown}
    if "depends_on" in values:
        seqs = Entry.objects.filter(pk__in=values["depends_on"] or ()).order_by("seq").values_list("seq", flat=True)
        values["depends_on"] = ", ".join(f"#{seq}" for seq in seqs)
    return {name: str(value) for name, value in values.items()}


def _values(form_data: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = dict(form_data)
    if "depends_on" in form_data:
        names = re.findall(r"[^\s,]+", form_data["depends_on"])
        values["depends_on"] = [f"#{name}" if name.isdigit() else name for name in names]
    if form_data.get("rounds", "").isdecimal():
        values["rounds"] = int(form_data["rounds"][:9])
    return values


def _render(page_request: PageRequest, proposal: Proposal, form_data: dict[str, str], problem: str) -> HttpResponse:
    context = {
        "proposal": proposal,
        "run": proposal.run,
        "form_data": form_data,
        "problem": problem,
        "priorities": list(PRIORITIES),
    }
    response = render_page(page_request, "proposals/edit_change.html", HEADER, **context)
    response.status_code = 422 if problem else 200
    return response
