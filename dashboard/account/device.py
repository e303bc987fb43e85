"""The page that confirms the login of a command line: type its code, see what asks, confirm or refuse."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from dashboard.shared.decorators import logged_in
from workspaces.access import Caller
from workspaces.errors import Invalid, TooMany
from workspaces.models import DeviceLogin
from workspaces.people import devices
from workspaces.people.tokens import LOGIN_LASTS


@require_http_methods(["GET", "POST"])
@logged_in
def page(request: HttpRequest, caller: Caller) -> HttpResponse:
    """GET shows the form alone: a link looks up nothing and confirms nothing."""
    if request.method == "GET":
        return _page(request, code=request.GET.get("code", "")[:20])
    code, decision = request.POST.get("code", "")[:40], request.POST.get("decision", "")
    try:
        if decision not in ("confirm", "refuse"):
            return _page(request, code=code, login=devices.find(code, by=caller))
        login = devices.decide(code, confirm=decision == "confirm", by=caller)
    except TooMany as problem:
        response = _page(request, code=code, problem=problem.message, status=429)
        response["Retry-After"] = str(problem.wait)
        return response
    except Invalid as problem:
        return _page(request, code=code, problem=problem.message, status=400)
    return _page(request, login=login, decided=decision)


def _page(
    request: HttpRequest,
    *,
    code: str = "",
    login: DeviceLogin | None = None,
    decided: str = "",
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "tab": "device",
        "code": devices.spelled(login.user_code) if login else code,
        "login": login,
        "decided": decided,
        "problem": problem,
        "days": LOGIN_LASTS.days,
    }
    response = render(request, "account/device.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response
