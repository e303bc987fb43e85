"""A person's API tokens: created, shown once, listed, revoked."""

import re
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.shared.decorators import logged_in
from dashboard.shared.lists.head import first_of
from dashboard.shared.responses import SEE_OTHER
from workspaces import access
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound, Refused
from workspaces.models import ApiToken, Membership, Role, Workspace
from workspaces.people import tokens

LIFETIMES = [("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("", "never")]
MAX_TOKENS = 200


class TokenForm(forms.Form):
    name = forms.CharField(max_length=200, error_messages={"required": "Write a name"})
    workspace = forms.CharField(max_length=40, required=False)
    role = forms.ChoiceField(choices=Role.choices, error_messages={"invalid_choice": "Choose a role"})
    expires = forms.ChoiceField(choices=LIFETIMES, required=False, error_messages={"invalid_choice": "Choose when it expires"})


@require_http_methods(["GET", "POST"])
@logged_in
def page(request: HttpRequest, caller: Caller) -> HttpResponse:
    if request.method == "GET":
        return _page(request, caller)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, caller, problems={name: str(errors[0]) for name, errors in form.errors.items()})
    form_data = form.cleaned_data
    try:
        workspace = access.workspace_for(caller, form_data["workspace"]) if form_data["workspace"] else None
        ends = now() + timedelta(days=int(form_data["expires"])) if form_data["expires"] else None
        created, secret = tokens.make_own(
            form_data["name"], role=Role(form_data["role"]), workspace=workspace, expires_at=ends, by=caller
        )
    except Invalid as invalid:
        return _page(request, caller, problems={next(iter(invalid.names), "name"): invalid.message})
    except Refused as refused:
        return _page(request, caller, problems={"workspace": refused.message})
    response = _page(request, caller, created=created, secret=secret)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@logged_in
def revoke(request: HttpRequest, caller: Caller, token_id: str) -> HttpResponse:
    token = tokens.list_own(request.user).filter(pk=int(token_id)).first()
    if token is None:
        raise NotFound("Token not found")
    if request.POST.get("confirm") != "revoke":
        return render(request, "account/revoke.html", {"token": token}, status=409)
    tokens.revoke(token, by=caller, reason="revoked by its owner")
    messages.success(request, f"{token.name} is revoked", extra_tags="good")
    return HttpResponseRedirect(reverse("tokens"), status=SEE_OTHER)


def _page(
    request: HttpRequest,
    caller: Caller,
    *,
    problems: dict[str, str] | None = None,
    created: ApiToken | None = None,
    secret: str = "",
) -> HttpResponse:
    before = request.GET.get("before", "")
    own = tokens.list_own(request.user)
    listed = first_of(own.filter(pk__lt=int(before)) if re.fullmatch("[0-9]{1,18}", before) else own, MAX_TOKENS)
    mine = dict(Membership.objects.filter(user=request.user).values_list("workspace_id", "role"))  # type: ignore[misc]
    context = {
        "tab": "tokens",
        "problems": problems or {},
        "form_data": request.POST.dict() if problems else {"expires": "90"},
        "created": created,
        "secret": secret,
        "rows": [_row(token, mine, everywhere=caller.everywhere) for token in listed],
        "listed": listed,
        "before": listed[-1].pk if listed.is_cut else "",
        "places": _places(caller, mine),
        "roles": Role.choices,
        "lifetimes": LIFETIMES,
        "page_url": reverse("tokens"),
    }
    return render(request, "account/tokens.html", context, status=400 if problems else 200)


def _places(caller: Caller, mine: dict[str, str]) -> list[tuple[Workspace, str]]:
    """Workspaces, and the highest role of a token there."""
    return [(workspace, mine.get(workspace.pk, Role.ADMIN.value)) for workspace in access.workspaces_for(caller)]


def _row(token: Any, mine: dict[str, str], *, everywhere: bool) -> dict[str, Any]:
    """`token`: of `tokens.list_own`."""
    role = mine.get(token.workspace_id or "")
    may = token.stands_for_owner or everywhere or (role is not None and Role(token.role) in tokens.roles_within(Role(role)))
    gone = token.workspace is not None and token.workspace.deleted_at is not None
    why = "revoked" if token.revoked_at else "expired" if not token.is_in_time else "its workspace is deleted" if gone else ""
    return {"token": token, "over": why or ("" if may else "your role there no longer covers it"), "live": not token.revoked_at}
