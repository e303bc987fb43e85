"""The OpenID provider: discovery, the token endpoint, and the identity in an ID token. No database.

An ID token is valid with the provider's signature, this client as its audience, an unexpired `exp`, and this login's nonce.
"""

import base64
import hashlib
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import quote_plus, urlencode, urlsplit

from django.conf import settings
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from workspaces.errors import Refused

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
"""Asymmetric algorithms alone: `none` and HMAC with a known key would let anyone forge a token."""
TIMEOUT_S = 5.0
MAX_BYTES = 512 * 1024
CACHE_S = 300.0
BACKOFF_S = 15.0
"""The back-off after a failure: each request would wait for its time limit."""
LEEWAY_S = 180
"""The leeway for clock skew between the provider and this server."""
MAX_GROUPS = 500
MAX_NAME = 200
CLIENT_ERRORS = ("invalid_client", "unauthorized_client", "unsupported_grant_type")
"""OAuth errors about this client's id or secret: they end no person's login."""
TEMPORARY_ERRORS = ("server_error", "temporarily_unavailable")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Unavailable(Exception):
    """The provider gives no answer, or no valid one."""


class ClientRejected(Unavailable):
    """The provider rejects this client's id and secret."""


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
_methods: dict[tuple[str, str], str] = {}
"""The client authentication method that worked, by issuer and client."""


def forget() -> None:
    """Read the provider's documents again."""
    _documents.clear()


def back_off(problem: Unavailable) -> None:
    """Request nothing for BACKOFF_S. Then the login page tries again."""
    until, document = _documents.get(_description(), (0.0, None))
    is_known = document is None and time.monotonic() < until
    if not isinstance(problem, ClientRejected) and not is_known:
        _documents[_description()] = (time.monotonic() + BACKOFF_S, None)


def discovery() -> dict[str, Any]:
    """The discovery document. Raises Unavailable, and Refused for another issuer."""
    document = _document(_description())
    if document.get("issuer") != settings.OIDC_ISSUER:
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
        **({"prompt": settings.OIDC_PROMPT} if settings.OIDC_PROMPT else {}),
    }
    address = endpoint("authorization_endpoint")
    return address + ("&" if urlsplit(address).query else "?") + urlencode(query)


def logout_url() -> str:
    """The provider's `end_session_endpoint`, or ""."""
    try:
        address = endpoint("end_session_endpoint")
    except (Unavailable, Refused):
        return ""
    return address + ("&" if urlsplit(address).query else "?") + urlencode({"client_id": settings.OIDC_CLIENT_ID})


def redirect_uri() -> str:
    """The callback's address, from the settings alone: a Host header can be forged."""
    return settings.BASE_URL.rstrip("/") + "/login/provider/callback"


def check_issuer(issuer: str | None) -> None:
    """Refuse a callback of another provider (RFC 9207). Raises Refused."""
    promised = discovery().get("authorization_response_iss_parameter_supported") is True
    if issuer != settings.OIDC_ISSUER and (issuer is not None or promised):
        raise Refused("The answer came from another provider")


def redeem(code: str, *, verifier: str, nonce: str) -> Identity:
    """Exchange a code for an identity. Raises Refused or Unavailable."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri(), "code_verifier": verifier}
    tokens = _tokens(form)
    if not isinstance(tokens.get("id_token"), str):
        raise Refused("The provider sent no ID token")
    return _identity(tokens, nonce=nonce)


def renew(refresh_token: str, subject: str, *, keep: Callable[[str], None]) -> Identity:
    """The current identity by a refresh token. Raises Refused, also for another person, and Unavailable."""
    tokens = _tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})
    if fresh := _refresh_token(tokens):
        keep(fresh)  # before any other request: with rotation the old one is void
    identity = _identity(tokens, nonce=None)
    if identity.subject != subject:
        raise Refused("The provider answered for another person")
    return identity


def _tokens(form: dict[str, str]) -> dict[str, Any]:
    """The token endpoint's answer. Methods are tried in turn: discovery lists all of them, not this client's."""
    client = (settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID)
    address, methods = endpoint("token_endpoint"), _auth_methods()
    methods.sort(key=lambda method: method != _methods.get(client))
    for method in methods:
        fields, headers = _client_authentication(method)
        try:
            answer = _request(address, urlencode({**form, **fields}).encode(), headers)
        except ClientRejected:
            if method == methods[-1]:
                raise
            continue
        _methods[client] = method
        return answer
    raise ClientRejected("no method")


def _auth_methods() -> list[str]:
    if not settings.OIDC_CLIENT_SECRET:
        return ["none"]
    usual = ["client_secret_basic", "client_secret_post"]
    listed = discovery().get("token_endpoint_auth_methods_supported")
    return [method for method in usual if isinstance(listed, list) and method in listed] or usual[:1]


def _client_authentication(method: str) -> tuple[dict[str, str], dict[str, str]]:
    """The form fields and headers of a client authentication method."""
    name, secret = settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET
    if method == "client_secret_basic":
        pair = f"{quote_plus(name)}:{quote_plus(secret)}"
        return {}, {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    return {"client_id": name, **({"client_secret": secret} if secret else {})}, {}


def _identity(tokens: dict[str, Any], *, nonce: str | None) -> Identity:
    """The identity in the ID token, completed by userinfo. A refresh may have no ID token. `email` and `email_verified` come from one document: two may be
    about two addresses."""
    claims: dict[str, Any] = {}
    if isinstance(tokens.get("id_token"), str):
        claims = _verified(tokens["id_token"], nonce)
    lacks = not claims or _claim_of_groups(claims) is None or "email" not in claims
    if lacks and "userinfo_endpoint" in discovery() and isinstance(tokens.get("access_token"), str):
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        answer = _request(endpoint("userinfo_endpoint"), None, bearer)
        if claims and answer.get("sub") != claims["sub"]:
            raise Refused("The provider's userinfo is about another person")
        mailed = claims if "email" in claims else answer
        claims = {**answer, **claims, **{name: mailed.get(name) for name in ("email", "email_verified")}}
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise Refused("The provider named no person")
    email = claims.get("email")
    is_verified = claims.get("email_verified") is True and isinstance(email, str) and 2 < len(email) <= 254 and "@" in email
    is_verified = is_verified and str(email).isprintable()
    name = claims.get("preferred_username") or (email if is_verified else "") or subject
    return Identity(
        subject=subject,
        email=str(email) if is_verified else "",
        name=str(name),
        groups=_groups(claims),
        refresh_token=_refresh_token(tokens),
    )


def _refresh_token(tokens: dict[str, Any]) -> str:
    token = tokens.get("refresh_token")
    return token if isinstance(token, str) and len(token) <= 8192 else ""


def _claim_of_groups(claims: dict[str, Any]) -> Any:
    """The claim by its whole name, else by a path such as `realm_access.roles`; else None."""
    path = settings.OIDC_GROUPS_CLAIM
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _groups(claims: dict[str, Any]) -> list[str]:
    """The groups in a list, or one as a text. Raises Refused for an unreadable claim: it must not cost a person their roles."""
    name, claim = settings.OIDC_GROUPS_CLAIM, _claim_of_groups(claims)
    if claim is None:
        elsewhere = claims.get("_claim_names")  # a provider's reference to groups that were too many for a token
        if isinstance(elsewhere, dict) and name in elsewhere:
            raise Refused(f"The claim {name} has too many groups for a token: let the provider send those that Muster uses")
        return []
    listed = [claim] if isinstance(claim, str) else claim
    if not isinstance(listed, list) or not all(isinstance(group, str) for group in listed):
        raise Refused(f"The claim {name} is not a list of names")
    if len(listed) > MAX_GROUPS:
        raise Refused(f"The claim {name} lists {len(listed)} groups: send at most {MAX_GROUPS}")
    return sorted({group for group in listed if 0 < len(group) <= MAX_NAME and group.isprintable()})


def _verified(token: str, nonce: str | None) -> dict[str, Any]:
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
    public = [key for data in keys["keys"] if (key := _public_key(data))]
    return dict(jwt.decode(token, KeySet(public), algorithms=ALGORITHMS).claims)


def _public_key(key: Any) -> Key | None:
    """The JWK as a key; None for an encryption key, and for an unknown kind."""
    if not isinstance(key, dict) or key.get("kty") not in ("RSA", "EC", "OKP") or key.get("use", "sig") != "sig":
        return None
    try:
        return JWKRegistry.import_key(key)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


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
    """An endpoint of the discovery document. It has TLS, unless the provider is on loopback."""
    address = discovery().get(name)
    parts = urlsplit(address) if isinstance(address, str) else None
    plain = urlsplit(settings.OIDC_ISSUER).scheme == "http"
    if parts is None or not (parts.scheme == "https" or (plain and parts.scheme == "http" and parts.hostname in LOOPBACK)):
        raise Refused(f"The provider's description has no usable {name}")
    return str(address)


def _description() -> str:
    return str(settings.OIDC_ISSUER).rstrip("/") + "/.well-known/openid-configuration"


def _document(address: str) -> dict[str, Any]:
    """A cached document of the provider. Raises Unavailable."""
    with _lock:  # of many who log in at once, one requests it
        until, document = _documents.get(address, (0.0, None))
        if time.monotonic() < until:
            return document if document is not None else _unavailable("it did not answer a moment ago")
        try:
            document = _request(address)
        except (Unavailable, Refused) as problem:
            _documents[address] = (time.monotonic() + BACKOFF_S, None)
            raise Unavailable(str(problem)) from None
        _documents[address] = (time.monotonic() + CACHE_S, document)
        return document


def _request(address: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """A JSON object. Raises Refused for an OAuth error about the person, Unavailable for all else, such as a 403 of a proxy before the provider."""
    until = time.monotonic() + 2 * TIMEOUT_S
    request = urllib.request.Request(address, body, {"Accept": "application/json", **(headers or {})})
    try:
        with _opener.open(request, timeout=TIMEOUT_S) as response:
            answer = json.loads(_content(response, until))
    except urllib.error.HTTPError as problem:
        if (error := _error(problem)) in CLIENT_ERRORS:
            raise ClientRejected(error) from None
        is_temporary = problem.code in (404, 408, 425, 429) or error in TEMPORARY_ERRORS
        if error and 400 <= problem.code < 500 and not is_temporary:
            raise Refused("The provider refused") from None
        _unavailable(f"HTTP {problem.code}")
    except (OSError, ValueError) as problem:  # also a broken answer of HTTP or JSON
        _unavailable(type(problem).__name__)
    except Exception as problem:  # http.client has errors of its own kind
        _unavailable(type(problem).__name__)
    return answer if isinstance(answer, dict) else _unavailable("no object")


def _error(problem: urllib.error.HTTPError) -> str:
    """The OAuth error in the body, else in WWW-Authenticate (RFC 6750); else ""."""
    in_header = "invalid_token" if problem.headers.get("WWW-Authenticate", "").lower().startswith("bearer") else ""
    try:
        with problem:
            answer = json.loads(problem.read(MAX_BYTES))
    except (OSError, ValueError, http.client.HTTPException):
        return in_header
    return str(answer.get("error") or in_header) if isinstance(answer, dict) else in_header


def _content(response: http.client.HTTPResponse, until: float) -> bytes:
    """The body. Raises TimeoutError for a slow one, since the socket's timeout bounds each read alone, and ValueError for a large one."""
    content = b""
    while part := response.read1(65536):
        content += part
        if time.monotonic() > until:
            raise TimeoutError
        if len(content) > MAX_BYTES:
            raise ValueError("too large")
    return content


def _unavailable(why: str) -> NoReturn:
    raise Unavailable(why)
