"""Requests that a forge posts: pure. Only their signature and their subject are read: what happened is asked of the forge itself, so that a
forged or repeated request changes nothing but when Muster looks."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class BadSignature(Exception):
    """It is not signed with the workspace's FORGE_WEBHOOK_SECRET."""


class BadPayload(Exception):
    """It is signed, and no JSON object."""


@dataclass(frozen=True, slots=True)
class Subject:
    """`numbers`: of pull requests; `commits`: whose checks changed; `branches`: that were pushed; `issues`: their numbers. 0 and empty names do not count."""

    numbers: set[int]
    commits: set[str]
    branches: set[str]
    issues: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Webhook:
    """The form of one forge's requests. `event_header`: in lower case. `is_signed`: gets the headers, the body and the secret."""

    event_header: str
    is_signed: Callable[[Mapping[str, str], bytes, str], bool]
    subject: Callable[[dict[str, Any]], Subject]


@dataclass(frozen=True, slots=True)
class Delivery:
    """`key`: of the signed content, so that a repeated request is known whatever its headers say."""

    key: str
    event: str
    numbers: frozenset[int] = frozenset()
    commits: frozenset[str] = frozenset()
    branches: frozenset[str] = frozenset()
    issues: frozenset[int] = frozenset()


def read(webhook: Webhook, headers: Mapping[str, str], body: bytes, secret: str) -> Delivery:
    """`headers`: their names in lower case. Raises BadSignature, or BadPayload."""
    if not secret or not webhook.is_signed(headers, body, secret):
        raise BadSignature
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise BadPayload("The body is no JSON: choose the content type application/json") from None
    if not isinstance(payload, dict):
        raise BadPayload("The body is no JSON object")
    event = "".join(c for c in headers.get(webhook.event_header, "")[:100] if c.isprintable())
    subject = webhook.subject(payload)
    return Delivery(
        hashlib.sha256(body).hexdigest(),
        event,
        frozenset(filter(None, subject.numbers)),
        frozenset(filter(None, subject.commits)),
        frozenset(filter(None, subject.branches)),
        frozenset(filter(None, subject.issues)),
    )


def hmac_in(name: str, prefix: str = "") -> Callable[[Mapping[str, str], bytes, str], bool]:
    """The header `name` has the body's HMAC-SHA256, after the prefix."""

    def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        expected = prefix + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(headers.get(name, "").encode(), expected.encode())

    return is_signed


def secret_in(name: str) -> Callable[[Mapping[str, str], bytes, str], bool]:
    """The header `name` has the secret itself."""
    return lambda headers, body, secret: hmac.compare_digest(headers.get(name, "").encode(), secret.encode())


def branch(payload: dict[str, Any]) -> str:
    """The branch of `ref`; empty for a tag."""
    ref = text(payload, "ref")
    return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""


def text(payload: dict[str, Any], *keys: str) -> str:
    value = _at(payload, *keys)
    return value if isinstance(value, str) and len(value) <= 300 and value.isprintable() else ""  # no lone surrogate, no NUL


def number(payload: dict[str, Any], *keys: str) -> int:
    value = _at(payload, *keys)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else 0


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
