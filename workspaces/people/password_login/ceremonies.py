"""Requests to browsers for a passkey, and the check of their answers (WebAuthn). Without the database.

The library is imported with the first answer: who has no passkey pays nothing for it.
"""

import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any

import structlog
from django.http import HttpRequest

from workspaces.errors import Refused

log = structlog.get_logger(__name__)
ALGORITHMS = (-7, -8, -257)
"""ES256, EdDSA, RS256: what devices have."""
LASTS_MS = 300_000
MAX_ANSWER, MAX_ID, MAX_KEY = 16_384, 1023, 2000
REFUSED = "The answer of the passkey does not fit: try again"


@dataclass(frozen=True)
class Site:
    """This server, as the browser knows it. A passkey belongs to a host name and to no other."""

    host: str

    @property
    def name(self) -> str:
        return self.host.rsplit(":", 1)[0] if not self.host.endswith("]") else self.host

    def is_origin(self, origin: str) -> bool:
        """Browsers give passkeys to HTTPS alone, and to this machine."""
        local = self.name == "localhost" or self.name.endswith(".localhost")
        return origin == f"https://{self.host}" or (local and origin == f"http://{self.host}")


@dataclass(frozen=True)
class Answer:
    """`challenge`: the one that it claims to answer."""

    parsed: dict[str, Any]
    challenge: str


@dataclass(frozen=True)
class Fresh:
    credential_id: bytes
    public_key: bytes
    sign_count: int


def site_of(request: HttpRequest) -> Site:
    return Site(request.get_host().lower())


def new_challenge() -> str:
    return secrets.token_urlsafe(32)


def read(text: str) -> Answer:
    """Raises Refused."""
    try:
        if len(text) > MAX_ANSWER:
            raise ValueError("too long")
        parsed = json.loads(text)
        client = json.loads(decode(parsed["response"]["clientDataJSON"]))
        if client.get("crossOrigin"):
            raise ValueError("Within a page of another site")
        return Answer(parsed, str(client["challenge"]))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise Refused(REFUSED) from None


def request_new(site: Site, challenge: str, *, handle: bytes, user: str, existing: list[bytes]) -> dict[str, Any]:
    return {
        "rp": {"id": site.name, "name": "Muster"},
        "user": {"id": encode(handle), "name": user, "displayName": user},
        "challenge": challenge,
        "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in ALGORITHMS],
        "excludeCredentials": [_descriptor(key) for key in existing],
        "authenticatorSelection": {"residentKey": "required", "requireResidentKey": True, "userVerification": "required"},
        "attestation": "none",
        "timeout": LASTS_MS,
    }


def request_use(site: Site, challenge: str, *, allowed: list[bytes], verified: bool) -> dict[str, Any]:
    """`verified`: the device must know its person, by a PIN or a finger; `allowed` is empty where any passkey of the site will do."""
    return {
        "rpId": site.name,
        "challenge": challenge,
        "allowCredentials": [_descriptor(key) for key in allowed],
        "userVerification": _verification(verified),
        "timeout": LASTS_MS,
    }


def check_new(site: Site, challenge: str, answer: Answer) -> Fresh:
    """Raises Refused."""
    try:
        from fido2 import cbor

        data = _server(site).register_complete(_state(challenge, verified=True), answer.parsed)
        credential = data.credential_data
        if credential is None or credential.public_key.ALGORITHM not in ALGORITHMS:
            raise ValueError("No key of a kind that was requested")
        fresh = Fresh(bytes(credential.credential_id), cbor.encode(dict(credential.public_key)), data.counter)
        if not 0 < len(fresh.credential_id) <= MAX_ID or len(fresh.public_key) > MAX_KEY:
            raise ValueError("Too long")
        return fresh
    except Exception as problem:  # whatever the library meets in bytes of a stranger
        log.info("passkey.refused", problem=str(problem)[:200])
        raise Refused(REFUSED) from None


def check_use(site: Site, challenge: str, answer: Answer, *, public_key: bytes, credential_id: bytes, verified: bool) -> int:
    """The count of uses that the device signed. Raises Refused."""
    try:
        from fido2 import cbor
        from fido2.cose import CoseKey
        from fido2.webauthn import Aaguid, AttestedCredentialData, AuthenticationResponse

        stored: Any = cbor.decode(public_key)
        key = CoseKey.parse(stored)
        known = AttestedCredentialData.create(Aaguid.NONE, credential_id, key)
        _server(site).authenticate_complete(_state(challenge, verified=verified), [known], answer.parsed)
        return int(AuthenticationResponse.from_dict(answer.parsed).response.authenticator_data.counter)
    except Exception as problem:
        log.info("passkey.refused", problem=str(problem)[:200])
        raise Refused(REFUSED) from None


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("No text")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _server(site: Site) -> Any:
    from fido2.server import Fido2Server
    from fido2.webauthn import PublicKeyCredentialRpEntity

    return Fido2Server(PublicKeyCredentialRpEntity(id=site.name, name="Muster"), verify_origin=site.is_origin)


def _state(challenge: str, *, verified: bool) -> dict[str, str]:
    return {"challenge": challenge, "user_verification": _verification(verified)}


def _verification(verified: bool) -> str:
    return "required" if verified else "preferred"


def _descriptor(credential_id: bytes) -> dict[str, str]:
    return {"type": "public-key", "id": encode(credential_id)}
