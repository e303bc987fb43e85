"""The provider: its addresses, requests to it, and the identity that its tokens prove. No database.

An ID token counts only with the provider's own signature, for this client, within its time and with the nonce of this login.
"""

import base64
import hashlib
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import quote_plus, urlencode, urlsplit

from django.conf import settings
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from workspaces.errors import Refused

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""The algorithms of public keys alone: a token that is not signed, or signed with a key that others know, counts for nothing."""
TIMEOUT_S = 5.0
MAX_BYTES = 512 * 1024
KEPT_S = 300.0
AWAY_S = 15.0
"""After a failure, the provider's document is not requested for so long."""
LEEWAY_S = 60
MAX_GROUPS = 500
MAX_NAME = 200
OF_THIS_SERVER = ("invalid_client", "unauthorized_client")
"""Errors that say nothing of the person: this server's id or secret is wrong, which ends nobody's login."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Away(Exception):
    """The provider does not answer, or not in its right mind."""


@dataclass(frozen=True)
class Identity:
    subject: str
    email: str = ""
    """Empty unless the provider has verified it."""
    name: str = ""
    groups: list[str] = field(default_factory=list)
    refresh_token: str = ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)
_lock = threading.Lock()
_documents: dict[str, tuple[float, dict[str, Any] | None]] = {}


def forget() -> None:
    """Read the provider's documents again."""
    _documents.clear()


def discovery() -> dict[str, Any]:
    """The provider's own description. Raises Away; Refused where it describes another issuer."""
    issuer = settings.OIDC_ISSUER
    document = _document(issuer.rstrip("/") + "/.well-known/openid-configuration")
    if document.get("issuer") != issuer:
        raise Refused("The provider's description names another issuer than MUSTER_OIDC_ISSUER")
    return document


def authorization_url(*, state: str, nonce: str, verifier: str) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": settings.OIDC_CLIENT_ID,
        "redirect_uri": redirect_uri(),
        "scope": settings.OIDC_SCOPES,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    address = endpoint("authorization_endpoint")
    return address + ("&" if urlsplit(address).query else "?") + urlencode(query)


def redirect_uri() -> str:
    """By the settings: the Host header of a request has no part in it."""
    return settings.BASE_URL.rstrip("/") + "/login/provider/callback"


def check_sender(issuer: str | None) -> None:
    """Refuse a callback of another provider (RFC 9207). Raises Refused."""
    promised = discovery().get("authorization_response_iss_parameter_supported") is True
    if issuer != settings.OIDC_ISSUER and (issuer is not None or promised):
        raise Refused("The answer came from another provider")


def redeem(code: str, *, verifier: str, nonce: str) -> Identity:
    """The identity that a code stands for. Raises Refused or Away."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri(), "code_verifier": verifier}
    tokens = _tokens(form)
    if not isinstance(tokens.get("id_token"), str):
        raise Refused("The provider sent no ID token")
    return _identity(tokens, nonce=nonce)


def renew(refresh_token: str, subject: str) -> Identity:
    """The identity as the provider has it now. Raises Refused where the provider refuses, or it is not the same person; Away."""
    identity = _identity(_tokens({"grant_type": "refresh_token", "refresh_token": refresh_token}), nonce=None)
    if identity.subject != subject:
        raise Refused("The provider answered for another person")
    return identity


def _tokens(form: dict[str, str]) -> dict[str, Any]:
    methods = discovery().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    headers = {}
    if "client_secret_post" in methods or not settings.OIDC_CLIENT_SECRET:
        secret = {"client_secret": settings.OIDC_CLIENT_SECRET} if settings.OIDC_CLIENT_SECRET else {}
        form = {**form, "client_id": settings.OIDC_CLIENT_ID, **secret}
    else:
        pair = f"{quote_plus(settings.OIDC_CLIENT_ID)}:{quote_plus(settings.OIDC_CLIENT_SECRET)}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return _request(endpoint("token_endpoint"), urlencode(form).encode(), headers)


def _identity(tokens: dict[str, Any], *, nonce: str | None) -> Identity:
    """By the ID token; what that lacks, by the provider's userinfo. A renewal may come without an ID token."""
    claims: dict[str, Any] = {}
    if isinstance(tokens.get("id_token"), str):
        claims = _checked(tokens["id_token"], nonce)
    lacks = not claims or settings.OIDC_GROUPS_CLAIM not in claims or "email" not in claims
    if lacks and "userinfo_endpoint" in discovery() and isinstance(tokens.get("access_token"), str):
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        answer = _request(endpoint("userinfo_endpoint"), None, bearer)
        if claims and answer.get("sub") != claims["sub"]:
            raise Refused("The provider's userinfo is about another person")
        claims = {**answer, **claims}
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise Refused("The provider named no person")
    email, refresh = claims.get("email"), tokens.get("refresh_token")
    is_verified = claims.get("email_verified") is True and isinstance(email, str) and 2 < len(email) <= 254 and "@" in email
    name = claims.get("preferred_username") or (email if is_verified else "") or subject
    return Identity(
        subject=subject,
        email=str(email) if is_verified else "",
        name=str(name),
        groups=_groups(claims.get(settings.OIDC_GROUPS_CLAIM, [])),
        refresh_token=refresh if isinstance(refresh, str) and len(refresh) <= 8192 else "",
    )


def _groups(claim: Any) -> list[str]:
    if not isinstance(claim, list) or not all(isinstance(name, str) for name in claim):
        raise Refused(f"The claim {settings.OIDC_GROUPS_CLAIM} is not a list of names")
    if len(claim) > MAX_GROUPS:
        raise Refused(f"The claim {settings.OIDC_GROUPS_CLAIM} lists {len(claim)} groups: send at most {MAX_GROUPS}")
    return sorted({name for name in claim if 0 < len(name) <= MAX_NAME})


def _checked(token: str, nonce: str | None) -> dict[str, Any]:
    """The claims of an ID token. Raises Refused."""
    keys = endpoint("jwks_uri")
    try:
        try:
            claims = _decoded(token, _document(keys))
        except (JoseError, ValueError):
            _documents.pop(keys, None)  # the provider may have new keys
            claims = _decoded(token, _document(keys))
        _check_claims(claims)
    except JoseError as problem:
        raise Refused(f"The provider's ID token does not count: {problem.error}") from None
    except (ValueError, TypeError, KeyError):
        raise Refused("The provider's ID token cannot be read") from None
    if nonce is not None and claims.get("nonce") != nonce:
        raise Refused("The provider's ID token is for another login")
    return claims


def _decoded(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    public = [key for key in keys["keys"] if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"]
    return dict(jwt.decode(token, KeySet.import_key_set({"keys": public}), algorithms=ALGORITHMS).claims)


def _check_claims(claims: dict[str, Any]) -> None:
    mine = settings.OIDC_CLIENT_ID
    registry = jwt.JWTClaimsRegistry(
        leeway=LEEWAY_S,
        iss={"essential": True, "value": settings.OIDC_ISSUER},
        aud={"essential": True, "value": mine},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    registry.validate(claims)
    others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if ("azp" in claims or others) and claims.get("azp") != mine:
        raise Refused("The provider's ID token is for another program")


def endpoint(name: str) -> str:
    """An address of the provider's description; with TLS, unless the provider itself is on loopback."""
    address = discovery().get(name)
    parts = urlsplit(address) if isinstance(address, str) else None
    plain = urlsplit(settings.OIDC_ISSUER).scheme == "http"
    if parts is None or not (parts.scheme == "https" or (plain and parts.scheme == "http" and parts.hostname in LOOPBACK)):
        raise Refused(f"The provider's description has no usable {name}")
    return str(address)


def _document(address: str) -> dict[str, Any]:
    """A document of the provider, which is kept for a while. Raises Away."""
    with _lock:  # of many who log in at once, one requests it
        until, document = _documents.get(address, (0.0, None))
        if time.monotonic() < until:
            return document if document is not None else _away("it did not answer a moment ago")
        try:
            document = _request(address)
        except (Away, Refused) as problem:
            _documents[address] = (time.monotonic() + AWAY_S, None)
            raise Away(str(problem)) from None
        _documents[address] = (time.monotonic() + KEPT_S, document)
        return document


def _request(address: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """A JSON object. Raises Refused for 4xx that are about the person, Away for everything else that went wrong."""
    until = time.monotonic() + 2 * TIMEOUT_S
    request = urllib.request.Request(address, body, {"Accept": "application/json", **(headers or {})})
    try:
        with _opener.open(request, timeout=TIMEOUT_S) as response:
            answer = json.loads(_content(response, until))
    except urllib.error.HTTPError as problem:
        if (error := _error(problem)) in OF_THIS_SERVER:
            _away(error)
        if 400 <= problem.code < 500 and problem.code not in (404, 408, 425, 429):
            raise Refused("The provider refused") from None
        _away(f"HTTP {problem.code}")
    except (OSError, ValueError) as problem:  # also a broken answer of HTTP or JSON
        _away(type(problem).__name__)
    except Exception as problem:  # http.client has errors of its own kind
        _away(type(problem).__name__)
    return answer if isinstance(answer, dict) else _away("no object")


def _error(problem: urllib.error.HTTPError) -> str:
    """The name of an OAuth error; empty where there is none."""
    try:
        with problem:
            answer = json.loads(problem.read(MAX_BYTES))
    except (OSError, ValueError):
        return ""
    return str(answer.get("error", "")) if isinstance(answer, dict) else ""


def _content(response: http.client.HTTPResponse, until: float) -> bytes:
    """Raises TimeoutError for one that comes by the drop, ValueError for one that is too large."""
    content = b""
    while part := response.read1(65536):
        content += part
        if time.monotonic() > until:
            raise TimeoutError
        if len(content) > MAX_BYTES:
            raise ValueError("too large")
    return content


def _away(why: str) -> NoReturn:
    raise Away(why)
