"""An MCP client that a person lets in, step by step, and what it says of itself."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.contrib.auth.models import User
from django.test import Client

from workspaces.models import Membership, Role, Workspace

ID = "https://client.example/app.json"
BACK = "http://127.0.0.1:49152/callback"
WEB = "https://client.example/back?from=muster"
ORIGIN = "http://testserver"
VERIFIER = "a-verifier-of-which-only-the-program-knows-1"
FORM = "application/x-www-form-urlencoded"


def document(**changes: Any) -> dict[str, Any]:
    """The document at the program's id."""
    return {"client_id": ID, "client_name": "Any Editor", "redirect_uris": ["http://127.0.0.1/callback", WEB], **changes}


def challenge(verifier: str = VERIFIER) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def request(**changes: Any) -> dict[str, Any]:
    """The program's request. None takes a value away."""
    usual = {
        "response_type": "code",
        "client_id": ID,
        "redirect_uri": BACK,
        "state": "s t&te",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
        "resource": f"{ORIGIN}/mcp",
        **changes,
    }
    return {name: value for name, value in usual.items() if value is not None}


def member(name: str, workspace: Workspace, role: Role = Role.OPERATOR) -> Client:
    """The browser of a person who is logged in."""
    user, client = User.objects.create_user(name), Client()
    Membership.objects.create(user=user, workspace=workspace, role=role)
    client.force_login(user)
    return client


def decide(client: Client, decision: str = "approve", **changes: Any) -> Any:
    return client.post("/oauth/authorize", {**request(**changes), "decision": decision})


def led_to(response: Any) -> tuple[str, dict[str, str]]:
    """The address to which the person's browser is led, and what it carries there."""
    assert response.status_code == 200, response.content
    parts = urlsplit(response.context["address"])
    return parts._replace(query="").geturl(), dict(parse_qsl(parts.query))


def code(client: Client, **changes: Any) -> str:
    """The code that the program gets once the person has approved."""
    return led_to(decide(client, **changes))[1]["code"]


def redeem(given: str, **changes: Any) -> Any:
    usual = {
        "grant_type": "authorization_code",
        "code": given,
        "redirect_uri": BACK,
        "client_id": ID,
        "code_verifier": VERIFIER,
        **changes,
    }
    return post("/oauth/token", {name: value for name, value in usual.items() if value is not None})


def post(path: str, form: dict[str, str]) -> Any:
    """A form of the program, which has no cookie."""
    return Client(enforce_csrf_checks=True).post(path, urlencode(form), content_type=FORM)


def revoke(secret: str) -> int:
    return int(post("/oauth/revoke", {"token": secret}).status_code)


def token(client: Client) -> str:
    return str(redeem(code(client)).json()["access_token"])
