"""Changes to who may log in, and who is an admin of the whole server. Recorded in each affected workspace. No one is deleted: history names
them."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from workspaces import activity
from workspaces.access import Caller, of_user
from workspaces.activity import events
from workspaces.activity.events import PersonEvent
from workspaces.errors import Invalid, NotFound
from workspaces.models import Event, Workspace
from workspaces.people import members

NAMES = ("first_name", "last_name", "email")


def create(name: str, *, admin: bool, by: Caller, reason: str) -> User:
    """A new person without a password, who logs in by a login link. Raises Invalid for a name that is taken or not valid."""
    with transaction.atomic():
        person, fresh = members.find_or_create_person(name, create=True)
        if not fresh:
            raise Invalid(f"There is a {name} already", "username")
        _record(person, events.PersonMade, by=by, reason=reason)
        if admin:
            change(person, {"is_superuser": True}, by=by, reason=reason)
    return person


def change(person: User, given: dict[str, Any], *, by: Caller, reason: str) -> User:
    """Set `is_active`, `is_superuser` and names, from the next request on. Raises Invalid for the last admin of the server."""
    with transaction.atomic():
        # All admins, in one order: of two who remove each other at once, the second is refused.
        list(User.objects.select_for_update().filter(is_superuser=True).order_by("pk").values_list("pk"))
        row = User.objects.select_for_update().filter(pk=person.pk).first()
        if row is None:
            raise NotFound("The person is gone")
        before = {name: getattr(row, name) for name in given}
        changed = {name: value for name, value in given.items() if value != before[name]}
        _check_not_last(row, changed)
        for name, value in changed.items():
            setattr(row, name, value)
        if changed:
            row.save(update_fields=list(changed))
        if "is_active" in changed:
            event: type[PersonEvent] = events.PersonLetIn if row.is_active else events.PersonShutOut
            _record(row, event, by=by, reason=reason, everywhere=row.is_superuser)
        if "is_superuser" in changed:
            event = events.PersonMadeServerAdmin if row.is_superuser else events.PersonNoServerAdmin
            _record(row, event, by=by, reason=reason, everywhere=True)
        if any(name in changed for name in NAMES):
            _record(row, events.PersonRenamed, by=by, reason=reason)
    return row


def _check_not_last(row: User, changed: dict[str, Any]) -> None:
    if not (row.is_superuser and row.is_active) or all(changed.get(name, True) for name in ("is_superuser", "is_active")):
        return
    if not User.objects.filter(is_superuser=True, is_active=True).exclude(pk=row.pk).exists():
        raise Invalid(f"{row.get_username()} is the last admin of this server: make another one first", "is_superuser")


def _record(person: User, event: type[PersonEvent], *, by: Caller, reason: str, everywhere: bool = False) -> None:
    """Record it in the person's workspaces; in all of them with `everywhere`, or where the person belongs to none yet."""
    alive = Workspace.objects.filter(deleted_at__isnull=True)
    mine = [] if everywhere else list(alive.filter(memberships__user=person).values_list("pk", flat=True))
    Event.objects.bulk_create(
        activity.row(pk, event(user=person.get_username()), by=by, object_id=str(person.pk), reason=reason)
        for pk in (mine or list(alive.values_list("pk", flat=True)))
    )


def record_own(person: User, event: type[PersonEvent], *, by: Caller | None = None, reason: str = "", **details: Any) -> None:
    """Record a person's own doing in each of their workspaces: in all for an admin of the whole server, nowhere if they have none.
    `details`: the event's other fields."""
    mine = Workspace.objects.filter(deleted_at__isnull=True)
    mine = mine if person.is_superuser else mine.filter(memberships__user=person)
    filled = event(user=person.get_username(), **details)
    lines = (
        activity.row(pk, filled, by=by or of_user(person), object_id=str(person.pk), reason=reason)
        for pk in mine.values_list("pk", flat=True)
    )
    Event.objects.bulk_create(lines)
