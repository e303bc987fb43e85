"""A workspace's name, and who belongs to it. Each change is recorded with who and why."""

from typing import Any

from django.db import IntegrityError, transaction

from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound
from workspaces.models import Membership, Role, Workspace


def rename(workspace: Workspace, name: str, *, by: Caller, reason: str = "") -> None:
    """Give a workspace another name; its id stays."""
    with transaction.atomic():
        before = Workspace.objects.select_for_update(no_key=True).values_list("name", flat=True).get(pk=workspace.pk)
        Workspace.objects.filter(pk=workspace.pk).update(name=name)
        data = {"before": before, "after": name}
        activity.record(workspace.pk, "workspace.renamed", by=by, object_id=workspace.pk, reason=reason, data=data)
    workspace.name = name


def add(workspace: Workspace, user: Any, role: Role, *, by: Caller, reason: str = "") -> Membership:
    """Let someone in. Raises Invalid when they are a member already."""
    try:
        with transaction.atomic():
            made = Membership.objects.create(workspace=workspace, user=user, role=role)
            _record(made, "member.added", by=by, reason=reason, data={"role": role.value})
    except IntegrityError:
        raise Invalid(f"{user.get_username()} is a member already", "user") from None
    return made


def set_role(membership: Membership, role: Role, *, by: Caller, reason: str = "") -> Membership:
    """Change what a member may do, from their next request on."""
    with transaction.atomic():
        row = _locked(membership)
        before, row.role = row.role, role.value
        row.save(update_fields=["role"])
        _record(row, "member.role", by=by, reason=reason, data={"before": before, "after": role.value})
    return row


def remove(membership: Membership, *, by: Caller, reason: str = "") -> None:
    """Shut someone out: the workspace no longer exists for them."""
    with transaction.atomic():
        row = _locked(membership)
        _record(row, "member.removed", by=by, reason=reason, data={"role": row.role})
        row.delete()


def _locked(membership: Membership) -> Membership:
    row = Membership.objects.select_for_update(of=("self",)).select_related("user").filter(pk=membership.pk).first()
    if row is None:
        raise NotFound("The membership is gone")
    return row


def _record(row: Membership, verb: str, *, by: Caller, reason: str, data: dict[str, Any]) -> None:
    data = {"user": row.user.get_username(), **data}
    activity.record(row.workspace_id, verb, by=by, object_id=str(row.user_id), reason=reason, data=data)
