"""A device that keeps passkeys, in software: it does what a browser and its authenticator do with the options of a server."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """`counts`: it counts uses; `verifies`: it knows its person."""

    origin: str = "https://muster.example"
    counts: bool = True
    verifies: bool = True
    count: int = 0
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    handle: str = ""
    host: str = ""

    def create(self, options: dict[str, Any]) -> str:
        self.handle, self.host = options["user"]["id"], options["rp"]["id"]
        point = self.key.public_key().public_numbers()
        public = cbor.encode({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + public
        statement = {"fmt": "none", "attStmt": {}, "authData": self._data(self.host, ATTESTED) + attested}
        return self._answer(attestationObject=cbor.encode(statement), clientDataJSON=self._client("create", options))

    def get(self, options: dict[str, Any]) -> str:
        self.count += self.counts
        data, client = self._data(options["rpId"]), self._client("get", options)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(authenticatorData=data, clientDataJSON=client, signature=signature, userHandle=decode(self.handle))

    def _data(self, host: str, more: int = 0) -> bytes:
        flags = PRESENT | more | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, verb: str, options: dict[str, Any]) -> bytes:
        return json.dumps({"type": f"webauthn.{verb}", "challenge": options["challenge"], "origin": self.origin}).encode()

    def _answer(self, **parts: bytes) -> str:
        response = {name: encode(part) for name, part in parts.items()}
        mine = encode(self.credential_id)
        return json.dumps({"id": mine, "rawId": mine, "type": "public-key", "response": response, "clientExtensionResults": {}})
