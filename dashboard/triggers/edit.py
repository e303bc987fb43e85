"""The form of a new trigger and of an edit, with the next times of its schedule while a person types it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import SEE_OTHER
from dashboard.shared.texts import agent_choices
from dashboard.triggers import form
from orchestration.lists import search_language
from orchestration.models import Trigger
from orchestration.triggers import changes, reads, schedules
from orchestration.triggers.changes import trigger_for
from workspaces.access import Need
from workspaces.errors import Invalid


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Need.ADMIN)
def create(page_request: PageRequest) -> HttpResponse:
    if page_request.request.method != "POST":
        kind = _kind(page_request.request.GET)
        return _render(page_request, None, form.first_values(kind), {}, kind=kind)
    return _save(page_request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Need.ADMIN)
def edit(page_request: PageRequest, trigger_id: str) -> HttpResponse:
    trigger = trigger_for(page_request.workspace.pk, trigger_id)
    if page_request.request.method != "POST":
        form_data = form.from_trigger(trigger)
        if form_data["agent"] not in dict(agent_choices.of(page_request.executor.config)):
            form_data["agent"] = ""
        return _render(page_request, trigger, form_data, {}, kind=trigger.kind)
    return _save(page_request, trigger)


def _kind(sent: QueryDict) -> str:
    """The kind of a new trigger; one that Muster does not know is a schedule."""
    kind = sent.get("kind", "")
    return kind if kind in form.KINDS else str(Trigger.Kind.SCHEDULE)


def _save(page_request: PageRequest, trigger: Trigger | None) -> HttpResponse:
    form_data = form.submitted(page_request.request.POST)
    kind = trigger.kind if trigger else _kind(page_request.request.POST)
    read = form.read(page_request.workspace.pk, form_data, kind=kind, before=trigger)
    if read.wrong:
        return _render(page_request, trigger, form_data, read.wrong, kind=kind)
    try:
        if trigger is None:
            saved = changes.create(page_request.workspace, read.values | {"kind": kind}, by=page_request.caller)
        else:
            saved = changes.change(trigger, read.values, by=page_request.caller)
    except Invalid as refused:
        name = refused.names[0] if refused.names else "content"
        return _render(page_request, trigger, form_data, {form.FIELD_OF.get(name, name): refused.message}, kind=kind)
    messages.success(page_request.request, f"{saved.name} is saved", extra_tags="good")
    return HttpResponseRedirect(reverse("trigger", args=[page_request.workspace.pk, saved.pk]), status=SEE_OTHER)


def _render(
    page_request: PageRequest, trigger: Trigger | None, form_data: dict[str, str], wrong: dict[str, str], *, kind: str
) -> HttpResponse:
    page_request.memo["form"] = form_data
    regions = HEADER | {"times": Region("triggers/times.html", _times)}
    response = render_page(
        page_request,
        "triggers/edit.html",
        regions,
        trigger=trigger,
        kind=kind,
        kinds=form.KINDS,
        form_data=form_data,
        wrong=wrong,
        priorities=search_language.PRIORITIES,
        agents=agent_choices.of(page_request.executor.config),
        overlaps=form.OVERLAP,
        catch_ups=form.CATCH_UP,
        repeated=True,
    )
    if wrong:
        response.status_code = 422
    return response


def _times(page_request: PageRequest) -> dict[str, Any]:
    """The typed schedule as a sentence with its next times, or what is wrong with it."""
    asked = page_request.request.GET
    typed = asked if "schedule" in asked else page_request.memo["form"]
    schedule, time_zone = typed.get("schedule", "").strip()[:100], typed.get("time_zone", "").strip()[:64]
    if not schedule:
        return {"times": []}
    now = timezone.now()
    try:
        schedules.zone(time_zone)
        schedules.check(schedule, time_zone, now)
        times = schedules.upcoming(schedule, time_zone, now, reads.NEXT)
    except schedules.BadSchedule as problem:
        return {"times": [], "problem": str(problem)}
    return {"times": times, "time_zone": time_zone, "sentence": schedules.sentence(schedule, time_zone)}
