"""Bearer tokens: 256 random bits, kept as SHA-256, shown once."""

import hashlib
import secrets
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from workspaces import activity, lookup
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound
from workspaces.models import ApiToken, Event, Role, Workspace

MARK = "muster_"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def create(
    name: str,
    *,
    role: str = Role.ADMIN,
    workspace: Workspace | None = None,
    session_ref: str = "",
    expires_at: datetime | None = None,
    by: str = "",
) -> str:
    """Make a token and return its secret, which nobody can read again."""
    secret = MARK + secrets.token_urlsafe(32)
    ApiToken.objects.create(
        name=name,
        digest=_digest(secret),
        prefix=secret[:12],
        role=role,
        workspace=workspace,
        session_ref=session_ref,
        expires_at=expires_at,
        created_by=by,
    )
    return secret


def find(secret: str) -> ApiToken | None:
    """The live token with this secret. Looked up by digest: comparing takes the same time for any wrong one."""
    live = "digest = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > CURRENT_TIMESTAMP)"
    return lookup.one(ApiToken, live, _digest(secret))


def end_session(session_ref: str) -> None:
    """A session's token dies with it."""
    ApiToken.objects.filter(session_ref=session_ref, revoked_at__isnull=True).update(revoked_at=Now())


def issue(
    name: str, *, role: str, workspace: Workspace | None, expires_at: datetime | None, by: Caller, reason: str
) -> tuple[ApiToken, str]:
    """Make a token by hand, on record. Answers it and its secret."""
    with transaction.atomic():
        secret = create(name, role=role, workspace=workspace, expires_at=expires_at, by=by.name)
        token = ApiToken.objects.get(digest=_digest(secret))
        _record(token, "token.created", by=by, reason=reason)
    return token, secret


def change(token: ApiToken, *, name: str, expires_at: datetime | None, by: Caller, reason: str) -> ApiToken:
    """Rename it, or move its end. Raises Invalid for a session's token and for a revoked one."""
    with transaction.atomic():
        row = _mine(token)
        row.name, row.expires_at = name, expires_at
        row.save(update_fields=["name", "expires_at"])
        _record(row, "token.changed", by=by, reason=reason)
    return row


def revoke(token: ApiToken, *, by: Caller, reason: str) -> None:
    """From now on it opens nothing. Raises Invalid for a session's token and for a revoked one."""
    with transaction.atomic():
        row = _mine(token)
        ApiToken.objects.filter(pk=row.pk).update(revoked_at=Now())
        _record(row, "token.revoked", by=by, reason=reason)


def why_kept(token: ApiToken) -> str:
    """Why a person may not change a token; empty when they may."""
    if token.session_ref:
        return "It belongs to a session and ends with it: stop the session"
    return "It is revoked already" if token.revoked_at else ""


def _mine(token: ApiToken) -> ApiToken:
    row = ApiToken.objects.select_for_update(of=("self",)).filter(pk=token.pk).first()
    if row is None:
        raise NotFound("The token is gone")
    if why := why_kept(row):
        raise Invalid(why)
    return row


def _record(token: ApiToken, verb: str, *, by: Caller, reason: str) -> None:
    """In its workspace; a token for every workspace is told in each of them."""
    alive = Workspace.objects.filter(deleted_at__isnull=True).values_list("pk", flat=True)
    expires = token.expires_at.isoformat() if token.expires_at else None
    data = {"name": token.name, "prefix": token.prefix, "role": token.role, "expires_at": expires}
    Event.objects.bulk_create(
        activity.event(pk, verb, by=by, object_id=token.prefix, reason=reason, data=data)
        for pk in ([token.workspace_id] if token.workspace_id else alive)
    )
