"""The caller, and what they may do. One call finds a workspace and checks the caller's role, so that neither is forgotten."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from workspaces import lookup
from workspaces.errors import Forbidden, NotFound
from workspaces.models import AS_OWNER, ApiToken, Membership, Role, Workspace
from workspaces.values import ids


class Need(Enum):
    """The permission that an operation needs. The value is a part of the refusal's sentence."""

    VIEW = "see this workspace"
    OPERATE = "run the executor and change the backlog"
    BUDGET = "change budgets"
    ADMIN = "administer this workspace"


GRANTS = {
    Role.VIEWER: {Need.VIEW},
    Role.OPERATOR: {Need.VIEW, Need.OPERATE},
    Role.BUDGET: {Need.VIEW, Need.BUDGET},
    Role.ADMIN: set(Need),
}


@dataclass(frozen=True)
class Caller:
    """A person, a token, or Muster itself."""

    name: str
    user: Any = None
    token: ApiToken | None = None

    @property
    def is_human(self) -> bool:
        return self.user is not None

    @property
    def session_ref(self) -> str:
        """The session whose agent is calling, or ""."""
        return self.token.session_ref if self.token else ""

    @property
    def person_id(self) -> int | None:
        """The person whose memberships count: the caller, or the owner that a token stands for."""
        if self.token:
            return self.token.owner_id if self.token.stands_for_owner else None
        return self.user.pk if self.user else None

    @property
    def everywhere(self) -> bool:
        """True if the caller sees every workspace: a superuser, or a token without a workspace."""
        if self.token and self.token.stands_for_owner:
            return self.token.owner_is_superuser
        if self.token:
            return self.token.workspace_id is None and not self.session_ref
        return bool(self.user and self.user.is_superuser)

    def role_in(self, workspace: Workspace) -> Role | None:
        """None: the workspace does not exist for this caller."""
        if self.person_id is not None:
            if self.everywhere:
                return Role.ADMIN
            membership = Membership.objects.filter(user=self.person_id, workspace=workspace).first()
            return Role(membership.role) if membership else None
        if self.token:
            mine = self.token.workspace_id in (None, workspace.pk)
            return Role(self.token.role) if mine and not self.session_ref else None
        return None

    def may(self, need: Need, workspace: Workspace) -> bool:
        role = self.role_in(workspace)
        return role is not None and need in GRANTS[role]


class Request(HttpRequest):
    """An authenticated request of the API."""

    auth: Caller


MUSTER = Caller("muster")


def of_user(user: Any) -> Caller:
    return Caller(user.get_username(), user=user)


def of_token(token: ApiToken) -> Caller:
    return Caller(f"token:{token.name}", token=token)


_only_checking: ContextVar[bool] = ContextVar("only_checking", default=False)


class Granted(Exception):
    """The check of access was passed, and nothing else is to run."""


def granted() -> None:
    """Each check of access ends here. Raises Granted within `check`."""
    if _only_checking.get():
        raise Granted


def check(operation: Callable[[], object]) -> None:
    """Run an operation as far as its check of access. Raises what that raises."""
    before = _only_checking.set(True)
    try:
        operation()
    except Granted:
        pass
    finally:
        _only_checking.reset(before)


def workspaces_for(caller: Caller) -> QuerySet[Workspace]:
    """The workspaces that exist for this caller, newest first."""
    granted()
    alive = Workspace.objects.filter(deleted_at__isnull=True).order_by("-created_at", "id")
    if caller.everywhere:
        return alive
    if caller.token and caller.person_id is None:
        return alive.none() if caller.session_ref else alive.filter(pk=caller.token.workspace_id)
    return alive.filter(memberships__user=caller.person_id)


def workspace_for(caller: Caller, workspace_id: str, need: Need = Need.VIEW) -> Workspace:
    """Find a workspace and check the need. Raises NotFound where the caller may not see it, Forbidden where the role is too small."""
    return workspace_and_role(caller, workspace_id, need)[0]


def workspace_and_role(caller: Caller, workspace_id: str, need: Need = Need.VIEW) -> tuple[Workspace, Role]:
    """Like `workspace_for`, with the caller's role there. One query."""
    workspace, role = _load(caller, workspace_id) if ids.is_id(workspace_id) else (None, None)
    if workspace is None or role is None:
        raise NotFound("Workspace not found")
    if need not in GRANTS[role]:
        raise Forbidden(f"The role {role.value} may not {need.value}", [each.value for each in GRANTS if need in GRANTS[each]])
    granted()
    return workspace, role


def _load(caller: Caller, workspace_id: str) -> tuple[Workspace | None, Role | None]:
    if caller.person_id is None or caller.everywhere:
        workspace = lookup.find_row(Workspace, "id = %s AND deleted_at IS NULL", workspace_id)
        return workspace, caller.role_in(workspace) if workspace else None
    mine = Membership.objects.select_related("workspace").filter(user=caller.person_id, workspace_id=workspace_id)
    membership = mine.filter(workspace__deleted_at__isnull=True).first()
    return (membership.workspace, Role(membership.role)) if membership else (None, None)


def needs_anywhere(caller: Caller) -> set[Need]:
    """The needs that the caller meets in at least one workspace. At most one query."""
    if caller.session_ref:
        return set()
    if caller.person_id is None:
        return GRANTS[Role(caller.token.role)] if caller.token else set()
    if caller.everywhere:
        return set(Need)
    mine = Membership.objects.filter(user=caller.person_id, workspace__deleted_at__isnull=True)
    return set[Need]().union(*(GRANTS[Role(role)] for role in mine.values_list("role", flat=True).distinct()))


def check_may_create(caller: Caller) -> None:
    """Only admins of the whole server create workspaces. Raises Forbidden."""
    if not caller.everywhere or (caller.token and caller.token.role not in (Role.ADMIN, AS_OWNER)):
        raise Forbidden("Only an admin of the whole server may create workspaces")
    granted()
