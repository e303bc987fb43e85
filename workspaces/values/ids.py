"""Opaque ids with a prefix: `ws_`, `entry_`, `sess_`, `run_`, `trig_`, `chan_`, `rev_`, then 20 of `0-9a-z`."""

import hashlib
import re
import secrets

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"[a-z]+_[0-9a-z]{16,32}")


def _new(prefix: str) -> str:
    """20 characters of 36 from 13 random bytes: 103 bits, in one call (a cycle makes hundreds)."""
    return _encode(prefix, secrets.token_bytes(13))


def _encode(prefix: str, source: bytes) -> str:
    number = int.from_bytes(source, "big")
    letters = []
    for _ in range(20):
        number, digit = divmod(number, 36)
        letters.append(ALPHABET[digit])
    return f"{prefix}_{''.join(letters)}"


def workspace() -> str:
    return _new("ws")


def entry() -> str:
    return _new("entry")


def entry_for(key: str) -> str:
    """The same id for the same key, so that a repeated request creates one entry."""
    return _encode("entry", hashlib.sha256(key.encode()).digest()[:13])


def access() -> str:
    """An id of the gateway, from which a token is derived."""
    return _new("access")


def request() -> str:
    """A key by which a repeated statement knows its own row."""
    return _new("req")


def session() -> str:
    return _new("sess")


def run() -> str:
    return _new("run")


def run_for(key: str) -> str:
    """The same id for the same key, so that a repeated request starts one run."""
    return _encode("run", hashlib.sha256(key.encode()).digest()[:13])


def permit() -> str:
    return _new("permit")


def trigger() -> str:
    return _new("trig")


def channel() -> str:
    return _new("chan")


def review() -> str:
    return _new("rev")


def is_id(text: str) -> bool:
    """False for anything that cannot be an id: such a value never reaches the database (NUL, megabytes, ...)."""
    return bool(_SHAPE.fullmatch(text))
