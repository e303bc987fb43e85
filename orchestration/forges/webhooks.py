"""Requests that a forge posts: pure. Only their signature and their subject are read: what happened is asked of the forge itself, so that a
forged or repeated request changes nothing but when Muster looks."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SIGNATURES = {"github": ("x-hub-signature-256", "sha256="), "gitea": ("x-gitea-signature", "")}


class BadSignature(Exception):
    """It is not signed with the workspace's FORGE_WEBHOOK_SECRET."""


class BadPayload(Exception):
    """It is signed, and no JSON object."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """`key`: of the signed content, so that a repeated request is known whatever its headers say. `numbers`: of pull requests; `commits`:
    whose checks changed; `branches`: that were pushed."""

    key: str
    event: str
    numbers: frozenset[int] = frozenset()
    commits: frozenset[str] = frozenset()
    branches: frozenset[str] = frozenset()


def read(kind: str, headers: Mapping[str, str], body: bytes, secret: str) -> Delivery:
    """`headers`: their names in lower case. Raises BadSignature, or BadPayload."""
    if not secret or not _is_signed(kind, headers, body, secret):
        raise BadSignature
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise BadPayload("The body is no JSON: choose the content type application/json") from None
    if not isinstance(payload, dict):
        raise BadPayload("The body is no JSON object")
    event = "".join(c for c in headers.get(f"x-{kind}-event", "")[:100] if c.isprintable())
    subject = _gitlab(payload) if kind == "gitlab" else _github(payload)
    numbers, commits, branches = subject
    return Delivery(
        hashlib.sha256(body).hexdigest(),
        event,
        frozenset(numbers),
        frozenset(filter(None, commits)),
        frozenset(filter(None, branches)),
    )


def _is_signed(kind: str, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """GitHub and Gitea sign the body; GitLab sends the secret itself."""
    if kind == "gitlab":
        return hmac.compare_digest(headers.get("x-gitlab-token", "").encode(), secret.encode())
    name, prefix = _SIGNATURES[kind]
    expected = prefix + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(headers.get(name, "").encode(), expected.encode())


_Subject = tuple[set[int], set[str], set[str]]


def _github(payload: dict[str, Any]) -> _Subject:
    """Gitea's payloads have the same names."""
    numbers, commits = {_number(payload, "pull_request", "number")}, {_text(payload, "sha")}
    if isinstance(payload.get("issue"), dict) and payload["issue"].get("pull_request"):
        numbers.add(_number(payload, "issue", "number"))
    for name in ("check_run", "check_suite", "workflow_run", "workflow_job"):
        commits.add(_text(payload, name, "head_sha"))
    return numbers - {0}, commits, {_branch(payload)}


def _gitlab(payload: dict[str, Any]) -> _Subject:
    kind = payload.get("object_kind")
    numbers = {_number(payload, "merge_request", "iid")}
    if kind == "merge_request":
        numbers.add(_number(payload, "object_attributes", "iid"))
    commits = {_text(payload, "commit", "id"), _text(payload, "sha")}
    if kind == "pipeline":
        commits.add(_text(payload, "object_attributes", "sha"))
    return numbers - {0}, commits, {_branch(payload)} if kind == "push" else set()


def _branch(payload: dict[str, Any]) -> str:
    ref = _text(payload, "ref")
    return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _text(payload: dict[str, Any], *keys: str) -> str:
    value = _at(payload, *keys)
    return value if isinstance(value, str) and len(value) <= 300 and value.isprintable() else ""  # no lone surrogate, no NUL


def _number(payload: dict[str, Any], *keys: str) -> int:
    value = _at(payload, *keys)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else 0
