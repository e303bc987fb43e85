"""The call that names its caller: the person, their roles, and the token. The token of a session learns of itself alone."""

from datetime import datetime
from typing import Any, Literal

from ninja import Router, Schema

from workspaces import access, paging
from workspaces.access import Caller, Request
from workspaces.models import ApiToken, Membership, Role
from workspaces.schemas import Cursor, Limit, responses

router = Router(tags=["people"])


class MyRole(Schema):
    id: str
    name: str
    role: str


class MyToken(Schema):
    """`kind`: login stands for its owner, personal is of its owner with a role of its own, service has no owner, session is an agent's.
    `expires_at` null: no end by itself."""

    kind: Literal["login", "personal", "service", "session"]
    name: str
    session_id: str | None
    expires_at: datetime | None


class MeOut(Schema):
    """`name` null: a token without an owner. `email`: only for a person's own login. `role`: the one in every workspace of the server; null: only
    in `workspaces`, in pages, which are empty otherwise. `token` null: the login of a browser."""

    name: str | None
    email: str | None
    role: str | None
    workspaces: list[MyRole]
    next_cursor: str | None
    token: MyToken | None


@router.get("", response=responses(MeOut), operation_id="agent.orchestration.meGet")
def get_me(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """The caller: the person, their roles, and the token with its end."""
    access.granted()
    caller = request.auth
    person = caller.user or (caller.token.owner if caller.token and caller.token.owner_id else None)
    start = paging.position(cursor) if cursor is not None else 0
    roles = [] if caller.everywhere else _roles(caller, start, limit + 1)
    is_own_login = caller.token is None or caller.token.stands_for_owner
    return {
        "name": person.get_username() if person else None,
        "email": (person.email or None) if person and is_own_login else None,
        "role": _role_everywhere(caller),
        "workspaces": roles[:limit],
        "next_cursor": str(start + limit) if len(roles) > limit else None,
        "token": _token(caller.token) if caller.token else None,
    }


def _role_everywhere(caller: Caller) -> str | None:
    if not caller.everywhere:
        return None
    return caller.token.role if caller.token and caller.person_id is None else Role.ADMIN.value


def _roles(caller: Caller, start: int, most: int) -> list[dict[str, str]]:
    """The workspaces that the caller may see, each with the caller's role there. None for the token of a session."""
    if caller.token and caller.person_id is None:
        role = caller.token.role
        return [{"id": row.pk, "name": row.name, "role": role} for row in access.workspaces_for(caller)[start : start + most]]
    rows = Membership.objects.filter(user=caller.person_id, workspace__deleted_at__isnull=True).select_related("workspace")
    return [
        {"id": row.workspace_id, "name": row.workspace.name, "role": row.role}
        for row in rows.order_by("-workspace__created_at", "workspace_id")[start : start + most]
    ]


def _token(token: ApiToken) -> dict[str, Any]:
    kind = "session" if token.session_ref else "login" if token.stands_for_owner else "personal" if token.owner_id else "service"
    return {"kind": kind, "name": token.name, "session_id": token.session_ref or None, "expires_at": token.expires_at}
