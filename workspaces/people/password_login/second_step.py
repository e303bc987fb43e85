"""The second step of a login by password."""

import time
from typing import Any

from django.contrib import auth
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from workspaces.errors import Refused
from workspaces.people.password_login import codes, passkeys

KEY = "second_step"
LASTS_S = 600
TOO_MANY = "Too many tries. Wait 15 minutes, then try again."


def ask(request: HttpRequest, user: Any, next_url: str) -> HttpResponse | None:
    """After a right password: lead to the page that requests a code. None for a person without a second factor."""
    if not codes.is_on(user):
        return None
    request.session.cycle_key()
    request.session[KEY] = {"user": user.pk, "hash": user.get_session_auth_hash(), "next": next_url, "at": time.time()}
    return HttpResponseRedirect(reverse("second-step"))


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    user = _waiting(request)
    if user is None:
        return HttpResponseRedirect(reverse("login"))
    if request.method == "GET":
        return _page(request, user)
    if codes.count_try(user) is not None:
        return _page(request, user, problem=TOO_MANY, status=429)
    try:
        prove(request, user, "step")
    except Refused as problem:
        return _page(request, user, problem=problem.message, status=400)
    codes.take_back(user)
    next_url = request.session.pop(KEY)["next"]
    auth.login(request, user, backend="workspaces.people.Backend")
    return HttpResponseRedirect(next_url)


@require_POST
@never_cache
def options(request: HttpRequest) -> JsonResponse:
    """The request to the browser, after the right password."""
    user = _waiting(request)
    if user is None:
        return JsonResponse({"message": "Log in with the password again"}, status=400)
    return JsonResponse(passkeys.begin_use(request, "step", user))


def prove(request: HttpRequest, user: Any, purpose: passkeys.Purpose) -> None:
    """Use the passkey, the code of the app or the recovery code that the form has. Raises Refused."""
    if answer := request.POST.get("answer"):
        passkeys.use(request, answer, purpose, user)
    else:
        codes.check(user, request.POST.get("code", "")[:100])


def _waiting(request: HttpRequest) -> User | None:
    """The person who has given the right password."""
    waiting = request.session.get(KEY) or {"user": None, "at": 0}
    user = User.objects.filter(pk=waiting["user"], is_active=True).first()
    if user is None or time.time() - waiting["at"] > LASTS_S or user.get_session_auth_hash() != waiting["hash"]:
        request.session.pop(KEY, None)
        return None
    return user


def _page(request: HttpRequest, user: User, *, problem: str = "", status: int = 200) -> HttpResponse:
    context = {"problem": problem, "has_app": codes.has_app(user), **passkeys.places(request, user)}
    return render(request, "account/second_step.html", context, status=status)
