"""The metadata of the protected resource (RFC 9728) and of the authorization server (RFC 8414)."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

RESOURCE = "/.well-known/oauth-protected-resource/mcp"
SERVER = "/.well-known/oauth-authorization-server"


def origin(request: HttpRequest) -> str:
    """This server's address for the caller. Behind a proxy with TLS the scheme comes from MUSTER_BASE_URL, for its host."""
    base, host = settings.BASE_URL.rstrip("/"), request.get_host()
    return base if urlsplit(base).netloc == host else f"{request.scheme}://{host}"


def mcp(request: HttpRequest) -> str:
    return origin(request) + "/mcp"


def challenge(request: HttpRequest) -> str:
    """The WWW-Authenticate header of a 401 at /mcp."""
    return f'Bearer realm="muster", resource_metadata="{origin(request)}{RESOURCE}"'


def of_resource(request: HttpRequest) -> dict[str, Any]:
    return {
        "resource": mcp(request),
        "resource_name": "Muster",
        "authorization_servers": [origin(request)],
        "bearer_methods_supported": ["header"],
    }


def of_server(request: HttpRequest) -> dict[str, Any]:
    mine = origin(request)
    registration = {"registration_endpoint": f"{mine}/oauth/register"} if "registration" in settings.MCP_CLIENTS else {}
    return {
        "issuer": mine,
        "authorization_endpoint": f"{mine}/oauth/authorize",
        "token_endpoint": f"{mine}/oauth/token",
        "revocation_endpoint": f"{mine}/oauth/revoke",
        **registration,
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "client_id_metadata_document_supported": "documents" in settings.MCP_CLIENTS,
        "authorization_response_iss_parameter_supported": True,
    }
