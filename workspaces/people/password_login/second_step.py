"""The second step of a login by password, and its part of a person's account."""

import time
from typing import Any

from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from workspaces.errors import Invalid
from workspaces.people.password_login import codes

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
    waiting = request.session.get(KEY) or {"user": None, "at": 0}
    user = User.objects.filter(pk=waiting["user"], is_active=True).first()
    if user is None or time.time() - waiting["at"] > LASTS_S or user.get_session_auth_hash() != waiting["hash"]:
        request.session.pop(KEY, None)
        return HttpResponseRedirect(reverse("login"))
    if request.method == "GET":
        return render(request, "account/second_step.html")
    if codes.count_try(user) is not None:
        return render(request, "account/second_step.html", {"problem": TOO_MANY}, status=429)
    try:
        codes.check(user, request.POST.get("code", "")[:100])
    except Invalid as problem:
        return render(request, "account/second_step.html", {"problem": problem.message}, status=400)
    codes.take_back(user)
    auth.login(request, user, backend="workspaces.people.Backend")
    request.session.pop(KEY, None)
    return HttpResponseRedirect(waiting["next"])


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@login_required
def account(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if request.method == "GET":
        return _account(request)
    if codes.count_try(user) is not None:
        return _account(request, problem=TOO_MANY, status=429)
    code = request.POST.get("code", "")[:100]
    try:
        if request.POST.get("act") == "remove":
            codes.remove(user, code)
        elif not user.has_usable_password():
            raise Invalid("Set a password first", "code")
        else:
            recovery = codes.confirm(user, code)
            codes.take_back(user)
            return _account(request, recovery=recovery)
    except Invalid as problem:
        return _account(request, problem=problem.message, status=400)
    codes.take_back(user)
    messages.success(request, "Logins by password need no code any more", extra_tags="good")
    return HttpResponseRedirect(reverse("second-factor"), status=303)


def _account(request: HttpRequest, *, problem: str = "", recovery: list[str] | None = None, status: int = 200) -> HttpResponse:
    user: Any = request.user
    is_on = codes.is_on(user)
    context = {
        "tab": "second-factor",
        "problem": problem,
        "codes": recovery or [],
        "is_on": is_on,
        "has_password": user.has_usable_password(),
        "provider": settings.OIDC_NAME if settings.SSO else "",
        "key": "" if is_on or not user.has_usable_password() else codes.begin(user),
        "page_url": reverse("second-factor"),
    }
    return render(request, "account/second_factor.html", context, status=status)
