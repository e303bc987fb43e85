"""The page on which a person decides whether a program gets a token. Whatever is wrong with a request stays on the page: no browser is led anywhere
before a person has pressed a button, since anybody may write a link to this page.
"""

import re
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from workspaces.errors import Invalid, TooMany
from workspaces.oauth import clients, grants, metadata
from workspaces.people.tokens import LOGIN_LASTS

NAMES = ("response_type", "client_id", "redirect_uri", "state", "code_challenge", "code_challenge_method", "resource")
MAX_LENGTH = 2000
"""The longest address of the page, in characters: a login keeps no longer one for its redirect."""
MAX_STATE = 1000
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
STATE = re.compile(r"[ -~]*")


@require_http_methods(["GET", "POST"])
@never_cache
@login_required
def authorize(request: HttpRequest) -> HttpResponse:
    """The consent page. Only for a logged-in person does this server fetch a client's document (SSRF)."""
    try:
        asked = _asked(request)
        if request.method == "GET":
            return _page(request, asked=asked)
        decision = request.POST.get("decision")
        if decision not in ("approve", "refuse"):
            raise Invalid("Approve or refuse")
        answer = {"code": grants.approve(asked, user=request.user)} if decision == "approve" else {"error": "access_denied"}
    except TooMany as problem:
        response = _page(request, problem=problem.message, status=429)
        response["Retry-After"] = str(problem.wait)
        return response
    except Invalid as problem:
        return _page(request, problem=problem.message, status=400)
    return _lead_on(request, asked, answer)


def _asked(request: HttpRequest) -> grants.Request:
    """The valid authorization request. Raises Invalid and TooMany."""
    form = request.POST if request.method == "POST" else request.GET
    if len(request.get_full_path()) > MAX_LENGTH or any(len(form.getlist(name)) > 1 for name in NAMES):
        raise Invalid("The request is too long, or names something twice")
    given = {name: form[name] for name in NAMES if name in form}
    client = clients.find(given.get("client_id", ""), reader=request.user)
    redirect = given.get("redirect_uri", "")
    if len(redirect) > clients.MAX_ADDRESS or not client.takes(redirect):
        raise Invalid("The request leads to an address that the program does not name", "redirect_uri")
    if given.get("response_type") != "code":
        raise Invalid("The response_type is code", "response_type")
    if given.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(given.get("code_challenge", "")):
        raise Invalid("The program must use PKCE with S256", "code_challenge")
    if given.get("resource", metadata.mcp(request)) != metadata.mcp(request):
        raise Invalid(f"The program asks for access to another address than {metadata.mcp(request)}", "resource")
    if len(given.get("state", "")) > MAX_STATE or not STATE.fullmatch(given.get("state", "")):
        raise Invalid("The state is too long, or no ASCII", "state")
    return grants.Request(client, redirect, given["code_challenge"], metadata.mcp(request), given.get("state"))


def _lead_on(request: HttpRequest, asked: grants.Request, answer: dict[str, str]) -> HttpResponse:
    """A page with a link to the client. A redirect would fail: the CSP's `form-action` forbids it."""
    state = {"state": asked.state} if asked.state is not None else {}
    query = urlencode({**answer, **state, "iss": metadata.origin(request)})
    address = asked.redirect_uri + ("&" if "?" in asked.redirect_uri else "?") + query
    return render(
        request, "account/consent_given.html", {"address": address, "name": asked.client.name, "is_given": "code" in answer}
    )


def _page(request: HttpRequest, *, asked: grants.Request | None = None, problem: str = "", status: int = 200) -> HttpResponse:
    context = {
        "problem": problem,
        "client": asked.client if asked else None,
        "host": clients.host_of(asked.redirect_uri) if asked else "",
        "fields": [(name, request.GET[name]) for name in NAMES if name in request.GET] if asked else [],
        "days": LOGIN_LASTS.days,
    }
    return render(request, "account/consent.html", context, status=status)
