"""The form that changes the children of a proposed split."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from pydantic import ValidationError

from dashboard.new_entry import form as entry_form
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, render_page
from dashboard.shared.responses import SEE_OTHER
from orchestration.models import Proposal
from orchestration.proposals import editing
from orchestration.proposals.answering.change_schema import NewValues
from workspaces.errors import Invalid

FIELDS = ("content", "criteria", "modifies", "creates", "tests")


def page(page_request: PageRequest, proposal: Proposal) -> HttpResponse:
    children = proposal.after["entries"]
    if page_request.request.method != "POST":
        return _render(page_request, proposal, [_filled(child) for child in children], "")
    typed = [_submitted(page_request.request.POST, n) for n in range(len(children))]
    try:
        values = NewValues.model_validate({"entries": _kept(children, typed)})
        editing.set_values(proposal, values, by=page_request.caller)
    except ValidationError as error:
        return _render(page_request, proposal, typed, _words(error))
    except Invalid as refused:
        return _render(page_request, proposal, typed, refused.message)
    messages.success(page_request.request, f"Proposal {proposal.number} is changed", extra_tags="good")
    return HttpResponseRedirect(reverse("run", args=[page_request.workspace.pk, proposal.run_id]), status=SEE_OTHER)


def _filled(child: dict[str, Any]) -> dict[str, str]:
    spec = child.get("spec") or {}
    fields = {name: entry_form.joined(spec.get(entry_form.SPEC_OF[name])) for name in FIELDS if name != "content"}
    return fields | {"content": child["content"]}


def _submitted(post: Any, n: int) -> dict[str, str]:
    form_data = {name: post.get(f"{name}-{n}", "").replace("\r\n", "\n") for name in FIELDS}
    return form_data | {"left_out": post.get(f"left_out-{n}", "")}


def _kept(children: list[dict[str, Any]], typed: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The children as typed. What the form has no field for stays; nobody waits for a child that is left out."""
    rows = [(child, form_data) for child, form_data in zip(children, typed, strict=True) if not form_data["left_out"]]
    gone = {child.get("ref") for child in children} - {child.get("ref") for child, _ in rows}
    return [
        child
        | {
            "content": form_data["content"],
            "spec": _spec(child, form_data),
            "depends_on": [name for name in child.get("depends_on") or () if name not in gone],
        }
        for child, form_data in rows
    ]


def _spec(child: dict[str, Any], form_data: dict[str, str]) -> dict[str, Any] | None:
    written = {entry_form.SPEC_OF[name]: entry_form.lines(form_data[name]) for name in FIELDS if name != "content"}
    spec = (child.get("spec") or {}) | written
    return {name: value for name, value in spec.items() if value} or None


def _words(error: ValidationError) -> str:
    detail = error.errors()[0]
    at = detail["loc"]
    if len(at) < 2 or not isinstance(at[1], int):
        return "A split needs at least two children: reject the proposal instead"
    return f"Child {at[1] + 1}, {at[-1]}: {detail['msg'].removeprefix('Value error, ')}"


def _render(page_request: PageRequest, proposal: Proposal, typed: list[dict[str, str]], problem: str) -> HttpResponse:
    context = {"proposal": proposal, "run": proposal.run, "children": typed, "problem": problem}
    response = render_page(page_request, "proposals/edit_split.html", HEADER, **context)
    response.status_code = 422 if problem else 200
    return response
