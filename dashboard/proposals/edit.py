"""The form that changes a proposal before it is applied: the fields of an entry."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from pydantic import ValidationError

from dashboard.new_entry import form as entry_form
from dashboard.new_entry import views as new_entry
from dashboard.proposals import edit_change, edit_split
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, render_page
from dashboard.shared.responses import SEE_OTHER
from orchestration.models import Entry, Proposal
from orchestration.proposals import editing, run_requests
from orchestration.proposals.kinds.schema import ProposedEntry
from workspaces.access import Need
from workspaces.errors import Invalid
from workspaces.schemas import property_path


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Need.OPERATE)
def page(page_request: PageRequest, run_id: str, proposal_id: str) -> HttpResponse:
    run = run_requests.run_for(page_request.workspace.pk, run_id)
    proposal = run_requests.proposal_for(run, proposal_id)
    if proposal.kind == Proposal.Kind.SPLIT:
        return edit_split.page(page_request, proposal)
    if proposal.kind != Proposal.Kind.ADD:
        return edit_change.page(page_request, proposal)
    if page_request.request.method != "POST":
        return _render(page_request, proposal, _filled(page_request, proposal), {})
    form_data = entry_form.submitted(page_request.request.POST)
    try:
        editing.edit(proposal, ProposedEntry.model_validate(_after(proposal, form_data)), by=page_request.caller)
    except ValidationError as error:
        return _render(page_request, proposal, form_data, _wrong(error))
    except Invalid as refused:
        return _render(page_request, proposal, form_data, {"content": refused.message})
    messages.success(page_request.request, f"Proposal {proposal.number} is changed", extra_tags="good")
    return HttpResponseRedirect(reverse("run", args=[page_request.workspace.pk, run.pk]), status=SEE_OTHER)


def _filled(page_request: PageRequest, proposal: Proposal) -> dict[str, str]:
    after = proposal.after
    spec = after.get("spec") or {}
    names = after.get("depends_on") or []
    seqs = dict(Entry.objects.filter(workspace=page_request.workspace, pk__in=names).values_list("pk", "seq"))
    fields = {name: entry_form.joined(spec.get(key)) for name, key in entry_form.SPEC_OF.items()}
    return fields | {
        "content": after["content"],
        "after": ", ".join(f"#{seqs[name]}" if name in seqs else name for name in names),
        "heading": after.get("group") or "",
    }


def _after(proposal: Proposal, form_data: dict[str, str]) -> dict[str, Any]:
    """The proposal's values after the edit. Values that the form has no field for stay."""
    typed = entry_form.written(form_data)
    before = proposal.after.get("spec") or {}
    others = {name: value for name, value in before.items() if name not in entry_form.SPEC_OF.values()}
    spec = others | (typed["spec"] or {})
    merged = {**proposal.after, **typed, "spec": spec or None}
    return {name: value for name, value in merged.items() if value is not None}


def _wrong(error: ValidationError) -> dict[str, str]:
    """The first message of each field."""
    wrong: dict[str, str] = {}
    for detail in error.errors():
        name = property_path(detail["loc"])
        key = next((field for field, key in entry_form.SPEC_OF.items() if key in name), entry_form.FIELD_OF.get(name, "content"))
        message = detail["msg"].removeprefix("Value error, ")
        wrong.setdefault(key, f"{name}: {message[:1].lower()}{message[1:]}")
    return wrong


def _render(page_request: PageRequest, proposal: Proposal, form_data: dict[str, str], wrong: dict[str, str]) -> HttpResponse:
    page_request.memo["form"] = form_data
    context = {"proposal": proposal, "run": proposal.run, "form_data": form_data, "wrong": wrong}
    response = render_page(page_request, "proposals/edit.html", HEADER | new_entry.REGIONS, **context)
    response.status_code = 422 if wrong else 200
    return response
