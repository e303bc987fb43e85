"""Makes, changes and deletes triggers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from orchestration import configuration, schemas
from orchestration.backlog import drafts
from orchestration.backlog.entries import named_agent, spec_paths
from orchestration.configuration import entry_routes
from orchestration.facts import events
from orchestration.models import Executor, Trigger
from orchestration.triggers import hooks, schedules
from orchestration.triggers.firing import locked
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound
from workspaces.models import Workspace
from workspaces.values import ids

MOST = 50
"""Triggers of one workspace."""

_TIMES = {"schedule", "time_zone", "is_enabled", "label"}


def trigger_for(workspace_id: str, trigger_id: str) -> Trigger:
    """Raises NotFound."""
    rows = Trigger.objects.filter(workspace_id=workspace_id, pk=trigger_id, deleted_at__isnull=True)
    row = rows.first() if ids.is_id(trigger_id) else None
    if row is None:
        raise NotFound("Trigger not found")
    return row


def create(workspace: Workspace, values: Mapping[str, Any], *, by: Caller, now: datetime | None = None) -> Trigger:
    """A webhook refuses all until it has a `new_secret`. Raises Invalid for values that do not fit the config or its kind, or no times."""
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=workspace.pk)
        if Trigger.objects.filter(workspace=workspace, deleted_at__isnull=True).count() >= MOST:
            raise Invalid(f"A workspace has at most {MOST} triggers", "name")
        row = Trigger(workspace=workspace, created_by=by.name, **values)
        _check(row, executor)
        _check_kind(row)
        _plan(row, now or timezone.now())
        row.save(force_insert=True)
        activity.record(workspace.pk, events.TriggerCreated(name=row.name), by=by, object_id=row.pk)
    return row


def change(trigger: Trigger, values: Mapping[str, Any], *, by: Caller, now: datetime | None = None) -> Trigger:
    """New values; a missing one stays. Times that passed under the old schedule are forgotten with it. Raises Invalid as `create`."""
    with transaction.atomic():
        row = _alive(trigger)
        changed = [name for name, value in values.items() if getattr(row, name) != value]
        since = row.watched_since
        for name in changed:
            setattr(row, name, values[name])
        if changed:
            _check(row, Executor.objects.get(pk=row.workspace_id))
            _check_kind(row)
            if not _TIMES.isdisjoint(changed):
                _plan(row, now or timezone.now())
            if {"is_enabled", "label"}.isdisjoint(changed):
                row.watched_since = since
            row.save()
            event = events.TriggerChanged(name=row.name, fields=changed)
            activity.record(row.workspace_id, event, by=by, object_id=row.pk)
    return row


def new_secret(trigger: Trigger, *, by: Caller) -> str:
    """A secret for its webhook in place of the one before, which is refused from now on. It is given out here alone. Raises Invalid."""
    with transaction.atomic():
        row = _alive(trigger)
        if row.kind != Trigger.Kind.WEBHOOK:
            raise Invalid("Only a webhook has a secret", "new_secret")
        secret, sealed = hooks.new_secret()
        had_any = bool(row.sealed)
        Trigger.objects.filter(pk=row.pk).update(sealed=sealed)
        if had_any:
            activity.record(row.workspace_id, events.TriggerChanged(name=row.name, fields=["secret"]), by=by, object_id=row.pk)
    return secret


def delete(trigger: Trigger, *, by: Caller) -> None:
    """Its entries and firings stay."""
    with transaction.atomic():
        row = _alive(trigger)
        Trigger.objects.filter(pk=row.pk).update(deleted_at=Now(), next_due=None)
        activity.record(row.workspace_id, events.TriggerDeleted(name=row.name), by=by, object_id=row.pk)


def _alive(trigger: Trigger) -> Trigger:
    row = locked(trigger)
    if row.deleted_at is not None:
        raise NotFound("Trigger not found")
    return row


def _check(row: Trigger, executor: Executor) -> None:
    config = configuration.load(executor.config)
    draft = drafts.from_request(schemas.EntryIn.model_validate(row.template))
    named_agent(config, draft.agent)
    entry_routes.checked(config, draft.route)
    spec_paths(draft.spec)


def _check_kind(row: Trigger) -> None:
    """Each kind has values of its own, and none of the others'."""
    for kind, name in ((Trigger.Kind.SCHEDULE, "schedule"), (Trigger.Kind.ISSUE, "label")):
        if (row.kind == kind) != bool(getattr(row, name)):
            raise Invalid(f"A trigger of this kind {'needs' if row.kind == kind else 'has no'} {name}", name)
    if row.kind != Trigger.Kind.ISSUE and row.ignored_accounts:
        raise Invalid("A trigger of this kind has no accounts", "ignored_accounts")


def _plan(row: Trigger, now: datetime) -> None:
    """Set when it is due next. Issues are looked at now, for labels that are added from now on: those that were added while it was off, or had another
    label, do not count."""
    row.problem, row.message, row.failures = "", "", 0
    try:
        schedules.zone(row.time_zone)
    except schedules.BadSchedule as problem:
        raise Invalid(str(problem), "time_zone") from None
    if row.kind != Trigger.Kind.SCHEDULE:
        is_watched = row.kind == Trigger.Kind.ISSUE
        row.watched_since = now if is_watched else None
        row.next_due = now if is_watched and row.is_enabled else None
        return
    try:
        schedules.check(row.schedule, row.time_zone, now)
    except schedules.BadSchedule as problem:
        raise Invalid(str(problem), "schedule") from None
    row.next_due = schedules.upcoming(row.schedule, row.time_zone, now, 1)[0] if row.is_enabled else None
