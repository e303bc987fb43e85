"""Ends the browser's session of a person whose login by the provider is over."""

from collections.abc import Callable

from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse, JsonResponse

from workspaces.people import standing


def renewed(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated or _breaks_glass(request):
            return get_response(request)
        why = standing.why_over(request.user.pk)
        if not why:
            return get_response(request)
        auth.logout(request)
        if request.path.startswith("/api/"):
            error = {"name": "UnauthorizedError", "data": {"message": why}}
            return JsonResponse(error, status=401, headers={"WWW-Authenticate": 'Bearer realm="muster"'})
        messages.error(request, why, extra_tags="bad")
        return get_response(request)

    return middleware


def _breaks_glass(request: HttpRequest) -> bool:
    """True for an admin of the whole server who logged in without the provider."""
    return bool(request.user.is_superuser) and not standing.is_by_provider(request)
