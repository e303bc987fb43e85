"""A provider of OpenID Connect on loopback, over real HTTP, whose answers tests change. Its clients must use PKCE; codes and, where it rotates them,
refresh tokens count once."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "muster", "s3cret:&"
STRANGE_KEYS = [
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "x"},
    {"kty": "EC", "crv": "P-999", "x": "x", "y": "y", "kid": "odd"},
    {"kty": "RSA"},
    7,
]
"""Keys of kinds to come, and broken ones: the others count."""


def key(kid: str = "one") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


class Provider:
    def __init__(self) -> None:
        self.key = key()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.reset()

    def reset(self) -> None:
        self.person: dict[str, Any] = {
            "sub": "u1",
            "email": "bea@example.com",
            "email_verified": True,
            "preferred_username": "bea",
            "groups": [],
        }
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh_tokens: set[str] = set()
        self.gives_refresh = True
        self.down = 0
        """An HTTP status that everything answers, or 0."""
        self.broken: set[str] = set()
        """Paths that answer 503."""
        self.requests: list[str] = []
        self.forge: Callable[[dict[str, Any]], str] = self.signed
        """Makes the ID token of its claims."""
        self.document: dict[str, Any] = {}
        """Additions to its usual description, and replacements in it."""
        self.id_token_lacks: set[str] = set()

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": "one", **header}, claims, self.key)

    def metadata(self) -> dict[str, Any]:
        usual = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
        }
        return {**usual, **self.document}

    def authorize(self, address: str) -> str:
        """The person agrees: the address to which their browser returns."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["client_id"] == CLIENT and query["response_type"] == "code" and query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self.codes[code] = query
        return query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"]})

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if pair != f"{CLIENT}:s3cret%3A%26":
            return 401, {"error": "invalid_client"}
        nonce = None
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.refresh_tokens:
                return 400, {"error": "invalid_grant"}
            self.refresh_tokens.remove(form["refresh_token"])
        else:
            began = self.codes.pop(form["code"], None)
            proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
            if not began or began["redirect_uri"] != form["redirect_uri"] or began["code_challenge"] != proof:
                return 400, {"error": "invalid_grant"}
            nonce = began["nonce"]
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, **self.person}
        claims = {name: value for name, value in claims.items() if name not in self.id_token_lacks}
        answer = {
            "access_token": "access",
            "token_type": "Bearer",
            "id_token": self.forge(claims | ({"nonce": nonce} if nonce else {})),
        }
        if self.gives_refresh:
            answer["refresh_token"] = secrets.token_urlsafe()
            self.refresh_tokens.add(answer["refresh_token"])
        return 200, answer


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers: dict[str, Callable[[], Any]] = {
                "/.well-known/openid-configuration": provider.metadata,
                "/keys": lambda: {"keys": [*STRANGE_KEYS, provider.key.as_dict(private=False)]},
                "/userinfo": lambda: provider.person,
            }
            answer = answers.get(urlsplit(self.path).path)
            self.answer(*((200, answer()) if answer else (404, {})))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self.answer(*provider.token(form, self.headers.get("Authorization", "")))

        def answer(self, status: int, body: Any) -> None:
            provider.requests.append(urlsplit(self.path).path)
            content = json.dumps(body).encode()
            self.send_response(provider.down or (503 if urlsplit(self.path).path in provider.broken else status))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
