"""The form that edits an entry, its deletion, and its copy as the values of a new entry.

A form carries the version of the entry that it showed. When the entry has changed meanwhile, the form comes back with what was typed and what
is there now, and a second save overwrites it knowingly.
"""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard.entries import refusals
from dashboard.entry.actions import ReasonForm
from dashboard.new_entry import form as entry_form
from dashboard.new_entry import views as new_entry
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, render_page
from dashboard.shared.responses import SEE_OTHER, confirm
from dashboard.shared.texts import agent_choices
from orchestration.backlog import content, entries, fields
from orchestration.backlog.fields import Change
from orchestration.backlog.tree import leaves
from orchestration.edge import queries
from orchestration.models import Entry
from orchestration.plans import importing
from orchestration.plans.readers.shared.items import Item, Plan
from workspaces.access import Need
from workspaces.errors import Conflict, Invalid

_FIELD_OF_NAME = {"files_to_create": "creates", "files_to_modify": "modifies", "depends_on": "after", "spec": "modifies"}
LABELS = {
    "content": "Task",
    "requirements": "Requirements",
    "criteria": "Acceptance criteria",
    "modifies": "Files to modify",
    "creates": "Files to create",
    "tests": "Tests to make pass",
    "after": "Waits for",
    "heading": "Group",
    "labels": "Runs on hosts with",
    "agent": "Agent",
    "route": "Route",
}


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Need.OPERATE)
def page(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    if page_request.request.method != "POST":
        return _render(page_request, entry, entry_form.from_entry(entry), {})
    form_data = entry_form.submitted(page_request.request.POST)
    change, wrong = _change(page_request, entry, form_data)
    if change is None:
        return _render(page_request, entry, form_data, wrong, version=page_request.request.POST.get("version", ""))
    try:
        content.edit(
            entry,
            change,
            by=page_request.caller,
            reason=validated(ReasonForm(page_request.request.POST))["reason"],
            seen=page_request.request.POST.get("version", "") or "missing",
        )
    except Conflict as conflict:
        return _render(page_request, entry, form_data, {}, overtaken=conflict.message)
    except Invalid as why:
        field = _FIELD_OF_NAME.get(why.names[0] if why.names else "", "content")
        return _render(page_request, entry, form_data, {field: why.message})
    messages.success(page_request.request, f"#{entry.seq} is changed", extra_tags="good")
    address = reverse("entry", args=[page_request.workspace.pk, entry.pk])
    return HttpResponseRedirect(f"{address}?tab=brief", status=SEE_OTHER)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Need.OPERATE)
def delete(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    posted = page_request.request.method == "POST"
    reason = validated(ReasonForm(page_request.request.POST))["reason"] if posted else ""
    below = f", and {len(leaves.below([entry]))} below it" if entry.is_container else ""
    if not posted or not confirmation.is_confirmed(page_request, "entry-delete", entry.pk):
        return confirm(
            page_request,
            title=f"Delete #{entry.seq}",
            sentence=f"#{entry.seq} {entry.title} leaves the backlog{below}. Its sessions, its branch and what it spent stay on record.",
            button=f"Delete #{entry.seq}",
            action=reverse("entry-delete", args=[page_request.workspace.pk, entry.pk]),
            fields={"confirm": confirmation.token(page_request, "entry-delete", entry.pk), "reason": reason},
        )
    try:
        entries.delete(entry, by=page_request.caller, reason=reason)
    except Invalid as why:
        sentence = f"#{entry.seq} was not deleted. {refusals.numbered(page_request.workspace.pk, why.message)}"
        messages.error(page_request.request, sentence, extra_tags="bad")
        return HttpResponseRedirect(reverse("entry", args=[page_request.workspace.pk, entry.pk]), status=SEE_OTHER)
    messages.success(page_request.request, f"#{entry.seq} is deleted", extra_tags="good")
    return HttpResponseRedirect(reverse("entries", args=[page_request.workspace.pk]), status=SEE_OTHER)


def _change(page_request: PageRequest, entry: Entry, form_data: dict[str, str]) -> tuple[Change | None, dict[str, str]]:
    """The change in the API's shape, checked like an entry of a plan; or the errors by field."""
    item = Item(0, entry_form.written(form_data) | entry_form.of_session(form_data), entry_form.LINES)
    checked = importing.check(page_request.workspace.pk, Plan("form", (item,)))
    wrong: dict[str, str] = {}
    for problem in checked.problems:
        field = entry_form.FIELDS[problem.line - 1] if problem.line else "content"
        wrong.setdefault(field, entry_form.in_words(field, problem.message, form_data))
    if wrong:
        return None, wrong
    draft = checked.drafts[0]
    spec = {name: value for name, value in entry.spec.items() if name not in entry_form.SPEC_OF.values()} | draft.spec
    if form_data["requirements"].replace("\r\n", "\n") == entry_form.from_entry(entry)["requirements"]:
        spec |= {name: value for name, value in entry.spec.items() if name == "requirements"}  # a list stays a list
    edited = {name: getattr(draft, name) for name in fields.FIELDS if name in fields.EDITED_FIELDS}
    return Change(**edited, spec=spec, depends_on=draft.depends_on), {}


def _render(
    page_request: PageRequest,
    entry: Entry,
    form_data: dict[str, str],
    wrong: dict[str, str],
    *,
    overtaken: str = "",
    version: str = "",
) -> HttpResponse:
    fresh = queries.entry_for(page_request.workspace.pk, entry.pk)
    needs = fresh.dependencies.values_list("depends_on_id", flat=True)
    context: dict[str, Any] = {
        "entry": fresh,
        "form_data": form_data,
        "wrong": wrong,
        "overtaken": overtaken,
        "agents": agent_choices.of(page_request.executor.config),
        "version": version or content.version(fields.values(fresh, needs)),
        "now": _differences(entry_form.from_entry(fresh), form_data) if overtaken else [],
    }
    page_request.memo["form"] = form_data
    regions = HEADER | new_entry.REGIONS
    response = render_page(page_request, "entry/edit.html", regions, **context)
    response.status_code = 409 if overtaken else 422 if wrong else 200
    return response


def _differences(now: dict[str, str], typed: dict[str, str]) -> list[tuple[str, str]]:
    """The fields whose value on the backlog is another than the typed one: label and value there."""
    return [(LABELS[name], now[name]) for name in entry_form.WRITTEN if now[name].split() != typed[name].split()]
