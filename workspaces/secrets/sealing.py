"""Encryption at rest with the server's key. A value sealed for one purpose cannot be unsealed for another."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Sealed(Exception):
    """Sealed with another MUSTER_SECRET_KEY: the value must be set again."""


def is_sealable(value: str, max_chars: int) -> bool:
    """False for an empty or too long text, and for one that no environment variable can have."""
    return 0 < len(value) <= max_chars and "\0" not in value and not any(0xD800 <= ord(c) < 0xE000 for c in value)


def seal(value: str, *, purpose: str) -> bytes:
    return _box(purpose).encrypt(value.encode())


def unseal(sealed: bytes | memoryview, *, purpose: str) -> str:
    """Raises Sealed."""
    try:
        return _box(purpose).decrypt(bytes(sealed)).decode()
    except InvalidToken:
        raise Sealed("sealed with another MUSTER_SECRET_KEY") from None


def _box(purpose: str) -> Fernet:
    key = HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(key))
