"""Start the demo where there is no workspace, and start it again in place of an earlier run."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace, logged_in
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import SEE_OTHER, confirm, is_htmx
from orchestration.demo import starting
from workspaces import access
from workspaces.access import Caller, Need
from workspaces.errors import Invalid, NotFound
from workspaces.models import Workspace


@require_POST
@logged_in
def start(request: HttpRequest, caller: Caller) -> HttpResponse:
    """From an empty home page. Raises Invalid where there are workspaces."""
    access.check_may_create(caller)
    if Workspace.objects.filter(deleted_at__isnull=True).exists():
        raise Invalid("There are workspaces already: run the demo again from its own page, or with ./muster manage demo")
    return _open(request, starting.start())


@require_http_methods(["GET", "POST"])
@in_workspace(Need.ADMIN)
def again(page_request: PageRequest) -> HttpResponse:
    """A fresh run takes the place of this one, with a new repository. Raises NotFound for a workspace that is no demo, Invalid while sessions
    run in it."""
    access.check_may_create(page_request.caller)
    if not starting.is_demo(page_request.workspace):
        raise NotFound("This workspace is not the demo")
    if page_request.request.method == "GET" or not confirmation.is_confirmed(page_request, "demo-again"):
        return confirm(
            page_request,
            title="Run the demo again",
            sentence="It starts from the beginning, in a new workspace with a new repository. This one is deleted; your other workspaces stay.",
            button="Delete this run and start again",
            action=reverse("demo-again", args=[page_request.workspace.pk]),
            fields={"confirm": confirmation.token(page_request, "demo-again")},
        )
    return _open(page_request.request, starting.start(replaces=page_request.workspace, by=page_request.caller))


def _open(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    page = reverse("workspace", args=[workspace.pk])
    if is_htmx(request):
        return HttpResponse(headers={"HX-Redirect": page})
    return HttpResponseRedirect(page, status=SEE_OTHER)
