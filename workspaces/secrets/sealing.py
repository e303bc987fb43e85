"""Encryption at rest with the server's key. A value sealed for one purpose cannot be unsealed for another."""

import base64
from contextlib import suppress

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
    return _box(settings.SECRET_KEY, purpose).encrypt(value.encode())


def unseal(sealed: bytes | memoryview, *, purpose: str) -> str:
    """Also what the other key sealed, while the key is changed. Raises Sealed."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        with suppress(InvalidToken):
            return _box(key, purpose).decrypt(bytes(sealed)).decode()
    raise Sealed("sealed with another MUSTER_SECRET_KEY")


def is_current(sealed: bytes | memoryview, *, purpose: str) -> bool:
    """True if MUSTER_SECRET_KEY itself opens it."""
    with suppress(InvalidToken):
        _box(settings.SECRET_KEY, purpose).decrypt(bytes(sealed))
        return True
    return False


def _box(secret_key: str, purpose: str) -> Fernet:
    key = HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(secret_key.encode())
    return Fernet(base64.urlsafe_b64encode(key))
