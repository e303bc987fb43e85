"""A workspace's name and members. Each change is recorded with who and why."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from workspaces import activity
from workspaces.access import Caller
from workspaces.activity import events
from workspaces.activity.events import PersonEvent
from workspaces.errors import Invalid, NotFound
from workspaces.models import Membership, Role, Workspace


def rename(workspace: Workspace, name: str, *, by: Caller, reason: str = "") -> None:
    """Give a workspace another name; its id stays."""
    with transaction.atomic():
        before = Workspace.objects.select_for_update(no_key=True).values_list("name", flat=True).get(pk=workspace.pk)
        Workspace.objects.filter(pk=workspace.pk).update(name=name)
        event = events.WorkspaceRenamed(before=before, after=name)
        activity.record(workspace.pk, event, by=by, object_id=workspace.pk, reason=reason)
    workspace.name = name


def find_or_create_person(name: str, *, create: bool = False) -> tuple[User, bool]:
    """A person who may log in, by user name, and whether they are new. `create`: create a missing one, without a password: they log in by
    a login link and set one. Raises Invalid."""
    known = User.objects.filter(username=name).first()
    if known is not None and not known.is_active:
        raise Invalid(f"{name} may no longer log in", "name")
    if known is not None:
        return known, False
    if not create:
        raise Invalid(f"There is no user {name} on this server", "name")
    try:
        User._meta.get_field("username").run_validators(name)
        with transaction.atomic():
            return User.objects.create_user(name), True
    except ValidationError as error:
        raise Invalid(str(error.messages[0]), "name") from None
    except IntegrityError:
        return find_or_create_person(name)


def add(workspace: Workspace, user: Any, role: Role, *, by: Caller, reason: str = "") -> Membership:
    """Add a member. Raises Invalid when they are one already."""
    try:
        with transaction.atomic():
            membership = Membership.objects.create(workspace=workspace, user=user, role=role)
            _record(membership, events.MemberAdded(user=user.get_username(), role=role.value), by=by, reason=reason)
    except IntegrityError:
        raise Invalid(f"{user.get_username()} is a member already", "user") from None
    return membership


def set_role(membership: Membership, role: Role, *, by: Caller, reason: str = "") -> Membership:
    """Change what a member may do, from their next request on. Raises Invalid for the last admin."""
    with transaction.atomic():
        row = _lock(membership)
        _check_not_last(row, role, by)
        before, row.role = row.role, role.value
        row.save(update_fields=["role"])
        event = events.MemberRoleChanged(user=row.user.get_username(), before=before, after=role.value)
        _record(row, event, by=by, reason=reason)
    return row


def remove(membership: Membership, *, by: Caller, reason: str = "") -> None:
    """Remove a member, for whom the workspace no longer exists. Raises Invalid for the last admin."""
    with transaction.atomic():
        row = _lock(membership)
        _check_not_last(row, None, by)
        _record(row, events.MemberRemoved(user=row.user.get_username(), role=row.role), by=by, reason=reason)
        row.delete()


def _lock(membership: Membership) -> Membership:
    """The membership, locked after its workspace's row: two admins who leave at once would deadlock otherwise."""
    list(Workspace.objects.select_for_update(no_key=True).filter(pk=membership.workspace_id).values_list("pk"))
    row = Membership.objects.select_for_update(of=("self",)).select_related("user").filter(pk=membership.pk).first()
    if row is None:
        raise NotFound("The membership is gone")
    return row


def _check_not_last(row: Membership, role: Role | None, by: Caller) -> None:
    """A workspace with an admin keeps one, unless an admin of the whole server, who may do everything in it, decides otherwise. All of its
    admins are locked, so that of two who leave at once the second is refused."""
    if by.everywhere or row.role != Role.ADMIN or role == Role.ADMIN:
        return
    admins = Membership.objects.select_for_update(of=("self",)).filter(workspace_id=row.workspace_id, role=Role.ADMIN)
    if not any(admin.pk != row.pk and admin.user.is_active for admin in admins.select_related("user").order_by("pk")):
        raise Invalid(f"{row.user.get_username()} is the last admin of this workspace: make another one first", "role")


def _record(row: Membership, event: PersonEvent, *, by: Caller, reason: str) -> None:
    activity.record(row.workspace_id, event, by=by, object_id=str(row.user_id), reason=reason)
