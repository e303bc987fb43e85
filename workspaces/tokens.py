"""Bearer tokens: 256 random bits, kept as SHA-256, shown once."""

import hashlib
import secrets
from datetime import datetime

from django.db.models import Q
from django.db.models.functions import Now

from workspaces.models import ApiToken, Role, Workspace

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
    live = Q(revoked_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=Now()))
    return ApiToken.objects.filter(live, digest=_digest(secret)).select_related("workspace").first()


def end_session(session_ref: str) -> None:
    """A session's token dies with it."""
    ApiToken.objects.filter(session_ref=session_ref, revoked_at__isnull=True).update(revoked_at=Now())
