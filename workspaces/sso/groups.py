"""Roles by the provider's groups. A membership by a group ends with the group. One by an admin stays."""

from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from workspaces import activity
from workspaces.access import Caller
from workspaces.activity import events
from workspaces.errors import Invalid, NotFound
from workspaces.models import Membership, Role, Workspace
from workspaces.people import members
from workspaces.sso.models import GroupMembership, GroupRole

STRONGEST = [Role.ADMIN, Role.OPERATOR, Role.BUDGET, Role.VIEWER]
"""Roles by strength: the strongest of a person's groups applies."""
MAX_PER_WORKSPACE = 200


@dataclass(frozen=True)
class Provider(Caller):
    """The caller that applies groups. It may take the last admin of a workspace, as an admin of the server may."""

    @property
    def everywhere(self) -> bool:
        return True


BY_PROVIDER = Provider("single sign-on")
REASON = "by the groups at the provider"


def apply(user: Any, groups: list[str]) -> None:
    """Give the person the roles of exactly these groups. Call it in a transaction, with the person's login locked."""
    roles = _roles(groups)
    mine = Membership.objects.filter(user=user).select_related("by_group", "user", "workspace")
    for membership in mine.order_by("pk"):
        role = roles.pop(membership.workspace_id, None)
        if not hasattr(membership, "by_group"):
            continue
        if role is None:
            members.remove(membership, by=BY_PROVIDER, reason=REASON)
        elif role != membership.role:
            members.set_role(membership, role, by=BY_PROVIDER, reason=REASON)
    for workspace in Workspace.objects.filter(pk__in=roles):
        try:
            membership = members.add(workspace, user, roles[workspace.pk], by=BY_PROVIDER, reason=REASON)
        except Invalid:  # somebody added them in this moment
            continue
        GroupMembership.objects.create(membership=membership)


def _roles(groups: list[str]) -> dict[str, Role]:
    roles: dict[str, Role] = {}
    for row in GroupRole.objects.filter(group__in=groups, workspace__deleted_at__isnull=True):
        known = roles.get(row.workspace_id)
        roles[row.workspace_id] = min(filter(None, (known, Role(row.role))), key=STRONGEST.index)
    return roles


def list_of(workspace: Workspace) -> list[GroupRole]:
    return list(GroupRole.objects.filter(workspace=workspace).order_by("group"))


def memberships(workspace: Workspace) -> set[int]:
    """The memberships by a group."""
    return set(GroupMembership.objects.filter(membership__workspace=workspace).values_list("membership_id", flat=True))


def set_role(workspace: Workspace, group: str, role: Role, *, by: Caller) -> None:
    """Set a group's role, from each person's next login or refresh on. Raises Invalid."""
    if not GroupRole.objects.filter(workspace=workspace, group=group).exists() and len(list_of(workspace)) >= MAX_PER_WORKSPACE:
        raise Invalid(f"This workspace has {MAX_PER_WORKSPACE} groups: remove one first", "group")
    try:
        with transaction.atomic():
            GroupRole.objects.update_or_create(workspace=workspace, group=group, defaults={"role": role})
            event = events.GroupRoleSet(group=group, role=role.value)
            activity.record(workspace.pk, event, by=by, object_id=workspace.pk)
    except IntegrityError:
        raise Invalid("Somebody else has just changed this group: try again", "group") from None


def remove(workspace: Workspace, group_id: int, *, by: Caller) -> str:
    """Remove a group's role, from each member's next login or refresh on. Returns its name."""
    with transaction.atomic():
        row = GroupRole.objects.select_for_update().filter(workspace=workspace, pk=group_id).first()
        if row is None:
            raise NotFound("Group not found")
        activity.record(workspace.pk, events.GroupRoleRemoved(group=row.group, role=row.role), by=by, object_id=workspace.pk)
        row.delete()
    return row.group
