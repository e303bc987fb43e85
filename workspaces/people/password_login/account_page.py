"""A person's own page of their second factor: the app, passkeys, recovery codes."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from workspaces.errors import Invalid, Refused
from workspaces.people.password_login import codes, passkeys
from workspaces.people.password_login.second_step import TOO_MANY, prove


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if request.method == "GET":
        return _page(request)
    if codes.count_try(user) is not None:
        return _page(request, problem=TOO_MANY, status=429)
    code = request.POST.get("code", "")[:100]
    try:
        if request.POST.get("act") == "remove":
            if answer := request.POST.get("answer"):
                passkeys.use(request, answer, "remove", user)
            codes.remove(user, None if answer else code)
        else:
            _check_has_password(user)
            recovery = codes.confirm(user, code)
            codes.take_back(user)
            return _page(request, recovery=recovery, done="The app is set up: a login by password needs a code of it")
    except Refused as problem:
        return _page(request, problem=problem.message, status=400)
    codes.take_back(user)
    left = "" if codes.is_on(user) else "Logins by password need no code any more"
    return _back(request, left or "The app is removed")


@sensitive_post_parameters()
@require_POST
@never_cache
@login_required
def options(request: HttpRequest) -> JsonResponse:
    """The request to the browser: for a new passkey of who knows the password, or for one of the person before something is removed."""
    user: Any = request.user
    if request.POST.get("act") != "add":
        return JsonResponse(passkeys.begin_use(request, "remove", user))
    if codes.count_try(user) is not None:
        return JsonResponse({"message": TOO_MANY}, status=429)
    try:
        _check_has_password(user)
        if not user.check_password(request.POST.get("password", "")[:4096]):
            raise Invalid("The password is wrong", "password")
        options = passkeys.begin_add(request, request.POST.get("name", "")[:200])
    except Invalid as problem:
        return JsonResponse({"message": problem.message}, status=400)
    codes.take_back(user)
    return JsonResponse(options)


@require_POST
@never_cache
@login_required
def add(request: HttpRequest) -> HttpResponse:
    try:
        recovery = passkeys.add(request, request.POST.get("answer", ""))
    except Refused as problem:
        return _page(request, problem=problem.message, status=400)
    if recovery:
        return _page(request, recovery=recovery, done="The passkey is added")
    return _back(request, "The passkey is added")


@sensitive_post_parameters()
@require_POST
@never_cache
@login_required
def remove(request: HttpRequest, passkey_id: str) -> HttpResponse:
    """Shows a page that requests a code or a passkey first: 409."""
    user: Any = request.user
    passkey = passkeys.list_of(user).filter(pk=int(passkey_id)).first()
    if passkey is None:
        raise Http404
    context = {"tab": "second-factor", "passkey": passkey, "has_app": codes.has_app(user), **passkeys.places(request, user)}
    if "code" not in request.POST and "answer" not in request.POST:
        return render(request, "account/passkey_remove.html", context, status=409)
    if codes.count_try(user) is not None:
        return render(request, "account/passkey_remove.html", {**context, "problem": TOO_MANY}, status=429)
    try:
        prove(request, user, "remove")
        name = passkeys.remove(user, passkey.pk)
    except Refused as problem:
        return render(request, "account/passkey_remove.html", {**context, "problem": problem.message}, status=400)
    codes.take_back(user)
    return _back(request, f"{name} is removed")


def _check_has_password(user: Any) -> None:
    if not user.has_usable_password():
        raise Invalid("Set a password first", "code")


def _back(request: HttpRequest, sentence: str) -> HttpResponse:
    messages.success(request, sentence, extra_tags="good")
    return HttpResponseRedirect(reverse("second-factor"), status=303)


def _page(
    request: HttpRequest, *, problem: str = "", recovery: list[str] | None = None, done: str = "", status: int = 200
) -> HttpResponse:
    user: Any = request.user
    has_app, has_password = codes.has_app(user), user.has_usable_password()
    context = {
        "tab": "second-factor",
        "problem": problem,
        "codes": recovery or [],
        "done": done,
        "has_app": has_app,
        "has_password": has_password,
        "provider": settings.OIDC_NAME if settings.SSO else "",
        "key": "" if has_app or not has_password else codes.begin(user),
        "page_url": reverse("second-factor"),
        **passkeys.places(request, user),
    }
    return render(request, "account/second_factor.html", context, status=status)
