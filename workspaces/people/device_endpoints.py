"""The addresses that a command line needs to log in (RFC 8628) and out (RFC 7009): forms in, JSON out, by no cookie and no token of a caller.

A program keeps these addresses, so they are promises as the API is; they are no part of it, since its callers have a token.
"""

import re
from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from workspaces.errors import TooMany
from workspaces.people import devices
from workspaces.people.tokens import LOGIN_LASTS

CLIENT = "muster-cli"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
View = Callable[[HttpRequest], HttpResponse]


class Malformed(Exception):
    """The form cannot be used. The message says why."""


def form_endpoint(view: View) -> View:
    """A POST of a form. No cookie is read, so that no other site can use a browser's login here."""

    @csrf_exempt
    @require_POST
    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponse:
        try:
            if request.content_type != "application/x-www-form-urlencoded":
                raise Malformed("Send a form: application/x-www-form-urlencoded")
            response = view(request)
        except Malformed as problem:
            response = error("invalid_request", str(problem))
        except TooMany as problem:
            response = error("slow_down", problem.message, status=429)
            response["Retry-After"] = str(problem.wait)
        response["Cache-Control"] = "no-store"
        return response

    return answered


@form_endpoint
def code(request: HttpRequest) -> HttpResponse:
    """Begin a login."""
    if given(request, "client_id") != CLIENT:
        return error("invalid_client", f"The client_id is {CLIENT}", status=401)
    begun = devices.begin(_program(request), request.META.get("REMOTE_ADDR", ""))
    page, shown = request.build_absolute_uri(reverse("device")), devices.spelled(begun.user_code)
    return JsonResponse(
        {
            "device_code": begun.device_code,
            "user_code": shown,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?code={shown}",
            "expires_in": int(devices.LASTS.total_seconds()),
            "interval": devices.INTERVAL_S,
        }
    )


@form_endpoint
def token(request: HttpRequest) -> HttpResponse:
    """The token, once a person has confirmed the code."""
    if given(request, "grant_type") != GRANT:
        return error("unsupported_grant_type", f"The grant_type is {GRANT}")
    if given(request, "client_id") != CLIENT:
        return error("invalid_client", f"The client_id is {CLIENT}", status=401)
    try:
        _, secret = devices.redeem(given(request, "device_code"))
    except devices.Pending as pending:
        return error(str(pending))
    lasts = int(LOGIN_LASTS.total_seconds())
    return JsonResponse({"access_token": secret, "token_type": "Bearer", "expires_in": lasts})


@form_endpoint
def revoke(request: HttpRequest) -> HttpResponse:
    """Log out: the holder of a token may end it."""
    if not devices.log_out(given(request, "token")):
        return error("unsupported_token_type", "This token is not from a login: revoke it on the account's page")
    return JsonResponse({})


def given(request: HttpRequest, name: str) -> str:
    values = request.POST.getlist(name)
    if len(values) != 1 or not values[0]:
        raise Malformed(f"Give {name} once")
    return str(values[0])


def _program(request: HttpRequest) -> str:
    """The program's name and version as it gives them, without what could disguise them on a page."""
    return re.sub(r"[^A-Za-z0-9._/ -]", "", request.headers.get("User-Agent", ""))[:60].strip() or CLIENT


def error(word: str, sentence: str = "", status: int = 400) -> JsonResponse:
    return JsonResponse({"error": word, **({"error_description": sentence} if sentence else {})}, status=status)
