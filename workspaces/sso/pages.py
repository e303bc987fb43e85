"""The redirect to the provider and its callback. State, nonce and verifier are in the browser's session (`workspaces/people/pending.py`)."""

import re
import secrets
from typing import Any

import structlog
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from workspaces.errors import Refused
from workspaces.people import pending, standing, throttle
from workspaces.sso import people, provider

log = structlog.get_logger(__name__)
KEY = "provider_logins"
MAX_STARTS = 300
"""From one address, in the throttle's window: an office has one."""
MAX_REFUSED = 60


def button() -> dict[str, Any]:
    """The login page's button, disabled with a sentence while the provider is unavailable."""
    away = ""
    try:
        provider.endpoint("authorization_endpoint")
    except provider.Unavailable:
        away = f"{settings.OIDC_NAME} does not answer. Who is logged in stays so; new logins wait until it is back."
    except Refused as refused:
        away = refused.message
    return {"name": settings.OIDC_NAME, "away": away}


@require_POST
@never_cache
def start(request: HttpRequest) -> HttpResponse:
    """A page with a link to the provider. A redirect would fail: the CSP's `form-action` forbids it, and a provider may redirect through any host."""
    if (wait := throttle.count("provider login", request.META.get("REMOTE_ADDR", ""), MAX_STARTS)) is not None:
        return _refused(request, "Too many logins from your address. Try again in some minutes.", status=429, wait=wait)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    try:
        address = provider.authorization_url(state=state, nonce=nonce, verifier=verifier)
    except provider.Unavailable as away:
        return _away(request, away)
    except Refused as refused:
        return _refused(request, refused.message)
    mine = {"nonce": nonce, "verifier": verifier, "next": request.POST.get("next", "")[:2000]}
    pending.begin(request, KEY, state, mine)
    return render(request, "account/provider_next.html", {"address": address, "name": settings.OIDC_NAME})


@require_GET
@never_cache
def callback(request: HttpRequest) -> HttpResponse:
    address = request.META.get("REMOTE_ADDR", "")
    if (wait := throttle.count("provider answer", address, MAX_REFUSED)) is not None:
        return _refused(request, "Too many answers that were refused. Try again in some minutes.", status=429, wait=wait)
    try:
        mine = _take(request)
        user = people.log_in(_identity(request, mine))
    except provider.Unavailable as away:
        return _away(request, away)
    except Refused as refused:
        return _refused(request, refused.message)
    throttle.take_back("provider answer", address)
    auth.login(request, user, backend=standing.BY_PROVIDER)
    request.session.pop(KEY, None)
    safe = url_has_allowed_host_and_scheme(mine["next"], allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(mine["next"] if safe else "/")


@require_POST
@never_cache
def log_out(request: HttpRequest) -> HttpResponse:
    """Log out of Muster. The page links to the provider's own logout."""
    address = provider.logout_url() if standing.is_by_provider(request) else ""
    auth.logout(request)
    if not address:
        return HttpResponseRedirect(reverse("login"))
    return render(request, "account/provider_out.html", {"address": address, "name": settings.OIDC_NAME})


def _take(request: HttpRequest) -> dict[str, Any]:
    """Take the pending login of an answer, once. Raises Refused.

    Of two simultaneous answers one is first: a provider revokes a code's tokens when the code comes twice. It is taken before the provider is requested.
    """
    mine = pending.take(request, KEY, request.GET.get("state", ""))
    if mine is None:
        raise Refused("This answer belongs to no login that began in this browser")
    return mine


def _identity(request: HttpRequest, mine: dict[str, Any]) -> provider.Identity:
    if any(len(request.GET.getlist(name)) > 1 for name in ("state", "code", "iss", "error")):
        raise Refused("The answer names something twice")
    provider.check_issuer(request.GET.get("iss"))
    if error := request.GET.get("error"):
        known = error if re.fullmatch(r"[a-z_]{1,40}", error) else "an error"
        raise Refused(f"{settings.OIDC_NAME} refused: {known}")
    code = request.GET.get("code", "")
    if not 0 < len(code) <= 4096:
        raise Refused("The answer has no code")
    return provider.redeem(code, verifier=mine["verifier"], nonce=mine["nonce"])


def _away(request: HttpRequest, away: provider.Unavailable) -> HttpResponse:
    log.warning("sso.away", problem=str(away))
    provider.back_off(away)
    sentence = f"{settings.OIDC_NAME} does not answer. Try again later, or log in with a password."
    return render(request, "account/provider_refused.html", {"sentence": sentence}, status=503)


def _refused(request: HttpRequest, sentence: str, *, status: int = 403, wait: float = 0) -> HttpResponse:
    log.warning("sso.refused", problem=sentence, address=request.META.get("REMOTE_ADDR", ""))
    response = render(request, "account/provider_refused.html", {"sentence": sentence}, status=status)
    if wait:
        response["Retry-After"] = str(int(wait))
    return response
