"""Bearer tokens: 256 random bits, stored as SHA-256, shown once."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils import timezone

from workspaces import activity, lookup
from workspaces.access import Caller, of_user
from workspaces.activity import events
from workspaces.activity.events import TokenEvent
from workspaces.errors import Invalid, NotFound
from workspaces.models import AS_OWNER, ApiToken, Event, Role, Workspace
from workspaces.people import standing

MARK = "muster_"
MCP_MARK = MARK + "mcp_"
"""Tokens that count at /mcp alone begin so. It is a part of what is hashed: their holder cannot take it away."""
MAX_OWN = 50
LOGIN_LASTS = timedelta(days=30)
_is_at_mcp: ContextVar[bool] = ContextVar("is_at_mcp", default=False)


@contextmanager
def at_mcp() -> Iterator[None]:
    """Within it, tokens for /mcp count: in a request that came there, and in the calls of the API that its tools make."""
    before = _is_at_mcp.set(True)
    try:
        yield
    finally:
        _is_at_mcp.reset(before)


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
    owner: Any = None,
    mark: str = MARK,
) -> str:
    """Create a token and return its secret, which cannot be read again."""
    secret = mark + secrets.token_urlsafe(32)
    ApiToken.objects.create(
        name=name,
        digest=_digest(secret),
        prefix=secret[: len(mark) + 5],
        role=role,
        workspace=workspace,
        session_ref=session_ref,
        owner=owner,
        by_provider=bool(owner) and standing.has_provider(owner.pk),
        expires_at=expires_at,
        created_by=by,
    )
    return secret


def find(secret: str) -> ApiToken | None:
    """The live token with this secret. Looked up by digest, so that a wrong secret always takes the same time.

    A person's own token is live only while its owner could create it: the same statement checks that they may log in and are an admin
    of the whole server, or a member of its workspace with a role that covers the token's. One that stands for its owner is live while they may
    log in; in each workspace it may do what they may there. None while the owner has to log in again (`standing`), and for a token for /mcp
    elsewhere.
    """
    if secret.startswith(MCP_MARK) and not _is_at_mcp.get():
        return None
    token = lookup.find_row(ApiToken, _LIVE, _digest(secret), owner_is_superuser=_OF_SUPERUSER)
    return None if token and _why_over(token) else token


def why_void(secret: str) -> str:
    """A sentence for the owner of a token that `find` does not return."""
    if secret.startswith(MCP_MARK) and not _is_at_mcp.get():
        return "This token counts at /mcp alone"
    token = ApiToken.objects.filter(digest=_digest(secret)).only("owner_id", "by_provider").first()
    return (_why_over(token) if token else "") or "The token is unknown, expired or revoked"


def _why_over(token: ApiToken) -> str:
    if token.by_provider and not settings.SSO:
        return standing.SWITCHED_OFF
    return standing.why_over(token.owner_id) if token.owner_id else ""


def roles_within(mine: Role) -> list[Role]:
    """The roles that a token of a person with this role may have."""
    return list(Role) if mine == Role.ADMIN else [role for role in Role if role in (mine, Role.VIEWER)]


_IS_IN_TIME = """workspaces_apitoken.revoked_at IS NULL
    AND (workspaces_apitoken.expires_at IS NULL OR workspaces_apitoken.expires_at > CURRENT_TIMESTAMP)"""
IN_TIME = RawSQL(f"({_IS_IN_TIME})", [], output_field=BooleanField())
"""Neither revoked nor expired: for lists, and for `_LIVE`."""
_COVERED = " OR ".join(
    f"(membership.role, workspaces_apitoken.role) = ('{mine}', '{role}')" for mine in Role for role in roles_within(mine)
)
_LIVE = f"""digest = %s AND {_IS_IN_TIME}
    AND (owner_id IS NULL OR EXISTS (SELECT 1 FROM auth_user AS person WHERE person.id = workspaces_apitoken.owner_id
        AND person.is_active AND (person.is_superuser OR workspaces_apitoken.role = '{AS_OWNER}' OR EXISTS (SELECT 1 FROM workspaces_membership AS membership
            WHERE membership.user_id = person.id AND membership.workspace_id = workspaces_apitoken.workspace_id AND ({_COVERED})))))"""
_OF_SUPERUSER = (
    "EXISTS (SELECT 1 FROM auth_user AS person WHERE person.id = owner_id AND person.is_active AND person.is_superuser)"
)


def mark_used(token: ApiToken) -> None:
    """Record the last use, at most once an hour."""
    stale = timezone.now() - timedelta(hours=1)
    if token.last_used_at is None or token.last_used_at < stale:
        with suppress(DatabaseError):  # a full disk does not keep anybody out, least of all whoever wants to stop something
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=Now())


def list_own(user: Any) -> QuerySet[ApiToken]:
    """A person's own tokens, newest first, with `is_in_time`."""
    return ApiToken.objects.filter(owner=user).select_related("workspace").annotate(is_in_time=IN_TIME).order_by("-id")


def make_own(
    name: str, *, role: Role, workspace: Workspace | None, expires_at: datetime | None, by: Caller
) -> tuple[ApiToken, str]:
    """A person's own token: for a workspace of theirs and at most with their role there. Raises Invalid."""
    if workspace is None and not by.everywhere:
        raise Invalid("Choose a workspace: a token for all of them is for admins of the whole server", "workspace")
    mine = Role.ADMIN if workspace is None else by.role_in(workspace)
    if mine is None or role not in roles_within(mine):
        raise Invalid("A token may have at most the role that you have in that workspace", "role")
    if list_own(by.user).filter(IN_TIME).count() >= MAX_OWN:
        raise Invalid(f"You have {MAX_OWN} tokens: revoke one first", "name")
    return issue(name, role=role, workspace=workspace, expires_at=expires_at, by=by, reason="made by its owner", owner=by.user)


def why_no_login(user: Any) -> str:
    """The reason why no token can stand for this person; empty when one can."""
    if not user.is_active:
        return "Your login was taken away"
    if not user.is_superuser and not user.memberships.filter(workspace__deleted_at__isnull=True).exists():
        return "You are not a member of any workspace yet"
    return f"You have {MAX_OWN} tokens: revoke one first" if list_own(user).filter(IN_TIME).count() >= MAX_OWN else ""


def log_in(user: Any, program: str, mark: str = MARK) -> tuple[ApiToken, str]:
    """A token that stands for a person, for the program that they have confirmed. `mark`: where it counts. Raises Invalid."""
    if why := why_no_login(user):
        raise Invalid(why)
    name = f"{user.get_username()}, {program}"[:200]  # unlike another person's: activity and reviews know a token by its name
    ends = timezone.now() + LOGIN_LASTS
    reason = "login confirmed"
    return issue(name, role=AS_OWNER, workspace=None, expires_at=ends, by=of_user(user), reason=reason, owner=user, mark=mark)


def end_session(session_ref: str) -> None:
    """Revoke a session's token."""
    ApiToken.objects.filter(session_ref=session_ref, revoked_at__isnull=True).update(revoked_at=Now())


def issue(
    name: str,
    *,
    role: str,
    workspace: Workspace | None,
    expires_at: datetime | None,
    by: Caller,
    reason: str,
    owner: Any = None,
    mark: str = MARK,
) -> tuple[ApiToken, str]:
    """Create a token for a person, with a line of activity. Returns it and its secret."""
    with transaction.atomic():
        secret = create(name, role=role, workspace=workspace, expires_at=expires_at, by=by.name, owner=owner, mark=mark)
        token = ApiToken.objects.get(digest=_digest(secret))
        _record(token, events.TokenCreated, by=by, reason=reason)
    return token, secret


def change(token: ApiToken, *, name: str, expires_at: datetime | None, by: Caller, reason: str) -> ApiToken:
    """Change its name and expiry. Raises Invalid for a session's token and for a revoked one."""
    with transaction.atomic():
        row = _lock(token)
        row.name, row.expires_at = name, expires_at
        row.save(update_fields=["name", "expires_at"])
        _record(row, events.TokenChanged, by=by, reason=reason)
    return row


def revoke(token: ApiToken, *, by: Caller, reason: str) -> None:
    """Revoke a token. Raises Invalid for a session's token and for a revoked one."""
    with transaction.atomic():
        row = _lock(token)
        ApiToken.objects.filter(pk=row.pk).update(revoked_at=Now())
        _record(row, events.TokenRevoked, by=by, reason=reason)


def why_kept(token: ApiToken) -> str:
    """The reason why a person may not change a token; empty when they may."""
    if token.session_ref:
        return "It belongs to a session and ends with it: stop the session"
    return "It is revoked already" if token.revoked_at else ""


def _lock(token: ApiToken) -> ApiToken:
    row = ApiToken.objects.select_for_update(of=("self",)).filter(pk=token.pk).first()
    if row is None:
        raise NotFound("The token is gone")
    if why := why_kept(row):
        raise Invalid(why)
    return row


def _is_of_superuser(token: ApiToken) -> bool:
    return token.owner is not None and token.owner.is_superuser


def _record(token: ApiToken, event: type[TokenEvent], *, by: Caller, reason: str) -> None:
    """Record it in the token's workspace, or in every workspace for a token of all; in those of its owner where it stands for them."""
    alive = Workspace.objects.filter(deleted_at__isnull=True).values_list("pk", flat=True)
    if token.stands_for_owner and not _is_of_superuser(token):
        alive = alive.filter(memberships__user=token.owner_id)
    expires = token.expires_at.isoformat() if token.expires_at else None
    filled = event(name=token.name, prefix=token.prefix, role=token.role, expires_at=expires)
    Event.objects.bulk_create(
        activity.row(pk, filled, by=by, object_id=token.prefix, reason=reason)
        for pk in ([token.workspace_id] if token.workspace_id else alive)
    )
