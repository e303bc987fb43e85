"""The form that splits an entry into children, written as a plan, and its undo."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.entry.actions import ReasonForm
from dashboard.entry.tabs import children
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, render_page
from dashboard.shared.responses import SEE_OTHER, done
from orchestration.backlog import drafts, splitting
from orchestration.backlog.entries import Draft
from orchestration.edge import queries
from orchestration.models import Entry
from orchestration.plans import formats, importing
from orchestration.plans.readers.shared.items import Problem
from orchestration.proposals import expanding
from workspaces.access import Need
from workspaces.errors import Conflict, Invalid


@dataclass(frozen=True)
class Typed:
    """The typed text, as children or as problems."""

    text: str = ""
    children: tuple[Draft, ...] = ()
    problems: tuple[Problem, ...] = ()


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Need.OPERATE)
def page(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    if page_request.request.method != "POST":
        return _render(page_request, entry, Typed())
    typed = _read(page_request, entry)
    if typed.problems:
        return _render(page_request, entry, typed, status=422)
    try:
        created = splitting.split(
            entry, typed.children, by=page_request.caller, reason=validated(ReasonForm(page_request.request.POST))["reason"]
        )
    except (Conflict, Invalid) as why:
        status = 409 if isinstance(why, Conflict) else 422
        return _render(page_request, entry, Typed(typed.text, problems=(Problem(0, why.message),)), status=status)
    messages.success(page_request.request, f"#{entry.seq} is split into {len(created)} entries", extra_tags="good")
    address = reverse("entry", args=[page_request.workspace.pk, entry.pk])
    return HttpResponseRedirect(f"{address}?tab=children", status=SEE_OTHER)


@require_POST
@in_workspace(Need.OPERATE)
def ask(page_request: PageRequest, entry_id: str) -> HttpResponse:
    """Let the expander propose how."""
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    run = expanding.expand(page_request.workspace, entry, by=page_request.caller)
    return HttpResponseRedirect(reverse("run", args=[page_request.workspace.pk, run.pk]), status=SEE_OTHER)


@require_POST
@in_workspace(Need.OPERATE)
def undo(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = splitting.undo(queries.entry_for(page_request.workspace.pk, entry_id), by=page_request.caller)
    return done(page_request, f"#{entry.seq} is one entry again")


def _read(page_request: PageRequest, entry: Entry) -> Typed:
    text = page_request.request.POST.get("plan", "")
    plan = formats.parse(text)
    checked = importing.check(page_request.workspace.pk, plan)
    if checked.problems:
        return Typed(text, problems=tuple(checked.problems[:20]))
    given = [row.item.value if isinstance(row.item.value, dict) else {} for row in checked.rows]
    return Typed(text, tuple(drafts.as_child(draft, own, entry) for draft, own in zip(checked.drafts, given, strict=True)))


def _render(page_request: PageRequest, entry: Entry, typed: Typed, *, status: int = 200) -> HttpResponse:
    context = {
        "entry": entry,
        "account": entry.account,
        "text": typed.text,
        "problems": typed.problems,
        "may_split": children.may_split(entry),
        "divides": entry.account.own_budget or entry.account.human_locked,
        "left": max(entry.account.headroom, 0),
    }
    response = render_page(page_request, "entry/split.html", HEADER, **context)
    response.status_code = status
    return response
