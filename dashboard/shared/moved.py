"""Addresses of earlier releases lead to where their pages are now."""

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.urls import re_path, reverse
from django.views.decorators.http import require_safe

from dashboard.shared.decorators import in_workspace
from dashboard.shared.page_request import PageRequest

PLACES = {
    "entries/goal": "backlog/plans",
    "entries/orchestrate": "backlog/plans/orchestrate",
    "entries/plan": "backlog/plans/import",
    "entries/runs": "backlog/plans",
    "entries": "backlog",
    "workers": "sessions",
    "locks": "backlog/locks",
    "budget": "money",
    "insight": "money/insight",
    "executor/hosts": "sessions/hosts",
    "executor": "settings/executor",
    "activity": "settings/activity",
    "agents": "settings/agents",
    "notices": "settings/notices",
}
"""The first segments of an address below the workspace, then and now."""


def to_place(request: HttpRequest, workspace_id: str, old: str) -> HttpResponse:
    """301, or 308 for what changes something: the browser repeats it. A page that is open since before gets none of its live regions, whose
    markup is not what its script knows: the next beat of its stream asks for a reload."""
    remaining = request.get_full_path().split("/", 3)[3].removeprefix(f"{old}/")
    return _lead(request, f"/w/{workspace_id}/{PLACES[old]}/{remaining}")


@require_safe
@in_workspace()
def to_review(page_request: PageRequest, entry_id: str) -> HttpResponse:
    """The review of an entry's work had a page of its own."""
    address = reverse("entry", args=[page_request.workspace.pk, entry_id])
    query = page_request.request.GET.urlencode()
    return _lead(page_request.request, f"{address}?tab=review{'&' if query else ''}{query}")


def _lead(request: HttpRequest, address: str) -> HttpResponse:
    if "live" in request.GET:
        return JsonResponse({"regions": {}, "failed": [], "reload": True})
    response = HttpResponsePermanentRedirect(address)
    response["Cache-Control"] = "private, no-cache"  # an earlier release, to which one may go back, leads the other way
    if request.method not in ("GET", "HEAD"):
        response.status_code = 308
    return response


OLD = re_path(rf"^w/(?P<workspace_id>[^/]+)/(?P<old>{'|'.join(PLACES)})/.*$", to_place, name="moved")
