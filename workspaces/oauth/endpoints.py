"""The OAuth endpoints for clients: metadata, token, revocation, registration. They read no cookie."""

import json

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from workspaces.errors import Invalid, TooMany
from workspaces.oauth import clients, grants, metadata
from workspaces.oauth.models import RegisteredClient
from workspaces.people.device_endpoints import error, form_endpoint, given
from workspaces.people.tokens import LOGIN_LASTS


@require_safe
def resource(request: HttpRequest) -> HttpResponse:
    return JsonResponse(metadata.of_resource(request))


@require_safe
def server(request: HttpRequest) -> HttpResponse:
    return JsonResponse(metadata.of_server(request))


@form_endpoint
def token(request: HttpRequest) -> HttpResponse:
    if given(request, "grant_type") != "authorization_code":
        return error("unsupported_grant_type", "The grant_type is authorization_code")
    names = ("client_id", "redirect_uri")
    code, verifier = given(request, "code"), given(request, "code_verifier")
    for_resource = given(request, "resource") if "resource" in request.POST else None
    try:
        secret = grants.redeem(code, verifier=verifier, resource=for_resource, **{name: given(request, name) for name in names})
    except grants.NoGrant as problem:
        return error("invalid_grant", str(problem))
    lasts = int(LOGIN_LASTS.total_seconds())
    return JsonResponse({"access_token": secret, "token_type": "Bearer", "expires_in": lasts})


@form_endpoint
def revoke(request: HttpRequest) -> HttpResponse:
    """Token revocation (RFC 7009) by its holder."""
    grants.revoke(given(request, "token"))
    return JsonResponse({})


@csrf_exempt
@require_POST
def register(request: HttpRequest) -> HttpResponse:
    """Dynamic client registration (RFC 7591), where MUSTER_MCP_CLIENTS allows it."""
    if "registration" not in settings.MCP_CLIENTS:
        raise Http404
    try:
        client = clients.register(json.loads(request.body), request.META.get("REMOTE_ADDR", ""))
    except TooMany as problem:
        response = error("slow_down", problem.message, status=429)
        response["Retry-After"] = str(problem.wait)
    except Invalid as problem:
        response = error(problem.names[0], problem.message)
    except (ValueError, RecursionError):
        response = error("invalid_client_metadata", "Send a JSON object")
    else:
        response = JsonResponse(_registered(client), status=201)
    response["Cache-Control"] = "no-store"
    return response


def _registered(client: RegisteredClient) -> dict[str, object]:
    return {
        "client_id": client.pk,
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
    }
