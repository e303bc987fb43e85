"""Home over all workspaces, and what a person does with an item of the queue."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboard.home import cards, queue, scope
from dashboard.home.scope import Scope
from dashboard.shared import region_versions
from dashboard.shared.decorators import logged_in
from dashboard.shared.responses import SEE_OTHER, Undo, is_htmx, render_result
from workspaces import times
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound
from workspaces.people import queue_marks, standing

REGIONS: dict[str, Callable[[Scope], dict[str, Any]]] = {
    "queue": queue.region,
    "workspaces": cards.region,
    "headline": lambda seen: queue.region(seen) | cards.region(seen),
}
MORNING_HOUR = 8
FOR_GOOD = timedelta(days=3650)
MOST = 100


@logged_in
def page(request: HttpRequest, caller: Caller) -> HttpResponse:
    seen = scope.of(caller, whole_queue=request.GET.get("queue") == "all")
    if shown := region_versions.parse(request.GET.get("live", "")):
        names = [name for name in shown if name in REGIONS]
        return region_versions.answer(shown, names, lambda name: _region(request, name, seen), build=request.GET.get("build", ""))
    context: dict[str, Any] = {"page_url": request.path, "logins_trouble": standing.trouble() if caller.everywhere else ""}
    for name in ("queue", "workspaces"):  # which have the figures of the headline
        context |= REGIONS[name](seen)
    return render(request, "home/home.html", context)


def _region(request: HttpRequest, name: str, seen: Scope) -> str:
    return render_to_string(f"home/{name}.html#{name}", REGIONS[name](seen) | {"page_url": request.path}, request=request)


@require_POST
@logged_in
def act(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Mark an item as read, put it aside for an hour, until tomorrow or until it changes, or take it back."""
    keys, choice = request.POST.getlist("key")[:MOST], request.POST.get("do", "")
    if choice == "back":
        for key in keys:
            queue_marks.take_back(request.user, key)
        return _answer(request, "It is in the queue again")
    known = {item.key for item in queue.items(scope.of(caller))}
    if choice == "read-all":
        queue_marks.read(request.user, known)
        return _answer(request, "All is marked as read")
    keys = [key for key in keys if key in known]
    if not keys:
        raise NotFound("It is not in your queue any more: reload the page")
    if choice == "read":
        queue_marks.read(request.user, keys)
        return HttpResponse(status=204)
    until, words = _until(choice)
    for key in keys:
        queue_marks.put_aside(request.user, key, until)
    return _answer(request, words, undo=Undo("Undo", reverse("queue"), {"key": keys, "do": "back"}))


def _until(choice: str) -> tuple[datetime, str]:
    """The time when the item comes back, and a sentence for it. Raises Invalid."""
    at, zone = timezone.localtime(), timezone.get_current_timezone()
    if choice == "done":
        return at + FOR_GOOD, "Done: it comes back if it changes"
    if choice == "hour":
        until = at + timedelta(hours=1)
    elif choice == "tomorrow":
        until = (at + timedelta(days=1)).replace(hour=MORNING_HOUR, minute=0, second=0, microsecond=0)
    else:
        raise Invalid("Choose one of: read, done, hour, tomorrow, back")
    return until, f"Snoozed until {times.soon(until, zone, at)}"


def _answer(request: HttpRequest, sentence: str, undo: Undo | None = None) -> HttpResponse:
    home = reverse("workspaces")
    if not is_htmx(request):
        messages.success(request, sentence, extra_tags="good")
        return HttpResponseRedirect(home, status=SEE_OTHER)
    response = HttpResponse(render_result(request, sentence, tone="good", undo=undo, back=home))
    response["HX-Trigger-After-Swap"] = "muster:changed"
    return response
