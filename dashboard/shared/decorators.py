"""Access to pages: logged-in users only, workspace pages for members only. What a page shows is read from one snapshot of the database. Refusals become
responses here, in one place.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import SEE_OTHER, is_htmx, render_result
from workspaces import access, snapshot
from workspaces.access import Caller, Need
from workspaces.errors import Conflict, Forbidden, NotFound, Refused

P = ParamSpec("P")
SAFE = ("GET", "HEAD")
STATUS: dict[type[Refused], int] = {NotFound: 404, Forbidden: 403, Conflict: 409}


def logged_in(view: Callable[Concatenate[HttpRequest, Caller, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Decorate a view for logged-in users. Its Refused errors become responses. For a safe method it reads one snapshot and cannot write: what a request writes
    besides, such as the login's last use, is written before or afterwards."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _signed_out() if is_htmx(request) else redirect_to_login(request.get_full_path())
        try:
            with snapshot.read() if request.method in SAFE else nullcontext():
                response: HttpResponseBase = view(request, access.of_user(request.user), *args, **kwargs)
        except Refused as refused:
            response = _refuse(request, refused)
        response.headers.setdefault("Cache-Control", "private, no-cache")  # a response with a secret sets no-store itself
        return response

    return wrapped


def in_workspace(
    need: Need = Need.VIEW,
) -> Callable[[Callable[Concatenate[PageRequest, P], HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """A page or form of one workspace, for members whose role grants `need`."""

    def decorate(view: Callable[Concatenate[PageRequest, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def wrapped(
            request: HttpRequest, caller: Caller, workspace_id: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            workspace, role = access.workspace_and_role(caller, workspace_id, need)
            return view(PageRequest(request, caller, workspace, role), *args, **kwargs)

        return logged_in(wrapped)  # type: ignore[arg-type]  # mypy names the positional parameters of a wrapped view

    return decorate


def _signed_out() -> HttpResponse:
    """No redirect, which would swap the login page into a region; the page's script shows a link instead."""
    return HttpResponse(status=401, headers={"HX-Reswap": "none"})


def _refuse(request: HttpRequest, refused: Refused) -> HttpResponse:
    """Invalid input returns to its form; forbidden and missing objects get the error page. htmx requests get the message only."""
    status = next((code for kind, code in STATUS.items() if isinstance(refused, kind)), 422)
    if is_htmx(request):
        response = HttpResponse(render_result(request, refused.message, tone="bad"), status=status)
        response["HX-Reswap"] = "none"
        return response
    if status == 404:
        raise Http404(refused.message)
    if status == 403:
        raise PermissionDenied(refused.message)
    messages.error(request, refused.message, extra_tags="bad")
    next_url = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(next_url, allowed_hosts=None)
    return HttpResponseRedirect(next_url if safe else reverse("workspaces"), status=SEE_OTHER)
