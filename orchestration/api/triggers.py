"""Triggers: admins make them, operators fire them by hand, and others call their webhooks."""

from collections.abc import Mapping
from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Header, Path, Router, Status

from budget import amounts
from orchestration import schemas
from orchestration.models import Executor, Firing, Trigger
from orchestration.triggers import changes, firing, hooks, reads, schedules
from orchestration.triggers.changes import trigger_for
from workspaces import access, paging
from workspaces.access import Need, Request
from workspaces.schemas import Cursor, Limit, responses
from workspaces.values import ids

router = Router(tags=["triggers"])

NEXT = 5
Key = Annotated[str | None, Header(alias="Idempotency-Key")]


@router.get("/triggers", response=responses(schemas.TriggersOut), operation_id="agent.orchestration.triggersList")
def list_triggers(request: Request, workspaceID: Path[str]) -> Any:
    """The workspace's triggers, the oldest first."""
    workspace = access.workspace_for(request.auth, workspaceID)
    rows = list(Trigger.objects.filter(workspace=workspace, deleted_at__isnull=True).order_by("created_at", "pk"))
    obstacles = reads.obstacles_of(rows, Executor.objects.get(pk=workspace.pk))
    return {"triggers": [_shown(row, obstacles) for row in rows]}


@router.post("/triggers", response=responses(schemas.TriggerOut, status=201), operation_id="agent.orchestration.triggersCreate")
def create_trigger(request: Request, workspaceID: Path[str], body: schemas.TriggerIn) -> Any:
    """Add a trigger. A webhook's secret is in this answer and nowhere else."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    with transaction.atomic():
        row = changes.create(workspace, _values(body), by=request.auth)
        secret = changes.new_secret(row, by=request.auth) if row.kind == Trigger.Kind.WEBHOOK else None
    return Status(201, _alone(row, secret))


@router.get("/triggers/{triggerID}", response=responses(schemas.TriggerOut), operation_id="agent.orchestration.triggersGet")
def get_trigger(request: Request, workspaceID: Path[str], triggerID: str) -> Any:
    """A trigger with its next times."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return _alone(trigger_for(workspace.pk, triggerID))


@router.patch("/triggers/{triggerID}", response=responses(schemas.TriggerOut), operation_id="agent.orchestration.triggersUpdate")
def update_trigger(request: Request, workspaceID: Path[str], triggerID: str, body: schemas.TriggerChange) -> Any:
    """Change a trigger. What it has added stays as it is. `secret` is null unless a new one was asked for."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    with transaction.atomic():
        row = changes.change(trigger_for(workspace.pk, triggerID), _values(body), by=request.auth)
        secret = changes.new_secret(row, by=request.auth) if body.new_secret else None
    return _alone(row, secret)


@router.delete("/triggers/{triggerID}", response=responses(schemas.Deleted), operation_id="agent.orchestration.triggersDelete")
def delete_trigger(request: Request, workspaceID: Path[str], triggerID: str) -> Any:
    """Delete a trigger. Its entries and its firings stay."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    changes.delete(trigger_for(workspace.pk, triggerID), by=request.auth)
    return {"deleted": True}


@router.post("/triggers/{triggerID}/fire", response=responses(schemas.FiringOut), operation_id="agent.orchestration.triggersFire")
def fire_trigger(request: Request, workspaceID: Path[str], triggerID: str, idempotency_key: Key = None) -> Any:
    """Fire a trigger now, within its budgets. The same `Idempotency-Key` counts once."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    trigger = trigger_for(workspace.pk, triggerID)
    key = firing.key_by_hand(idempotency_key or ids.request())
    return _fired(firing.fire(trigger, key, now=timezone.now(), by=request.auth))


@router.get(
    "/triggers/{triggerID}/firings", response=responses(schemas.FiringsOut), operation_id="agent.orchestration.triggersFirings"
)
def list_firings(request: Request, workspaceID: Path[str], triggerID: str, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """The events of a trigger and their results, the newest first."""
    workspace = access.workspace_for(request.auth, workspaceID)
    rows, following = paging.page(
        trigger_for(workspace.pk, triggerID).firings.select_related("entry__issue").defer("entry__content", "entry__spec"),
        "-pk",
        limit=limit,
        cursor=cursor,
    )
    return {"firings": [_fired(row) for row in rows], "next_cursor": following}


@router.post("/triggers/{triggerID}/hook", response=responses(schemas.FiringOut), auth=None, include_in_schema=False)
def receive(request: HttpRequest, workspaceID: Path[str], triggerID: str) -> Any:
    """Take a call of a webhook. Its secret is the credential: there is no token."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    delivery = hooks.Delivery(headers, request.body, request.META.get("REMOTE_ADDR", ""))
    return _fired(hooks.receive(workspaceID, triggerID, delivery, now=timezone.now()))


def _values(body: schemas.TriggerIn | schemas.TriggerChange) -> dict[str, Any]:
    """The columns that the body names. In a change, null means nothing but for the month's budget, where it is no limit."""
    given = body.model_dump(exclude_unset=isinstance(body, schemas.TriggerChange), exclude={"new_secret"})
    if isinstance(body, schemas.TriggerIn) and body.overlap is None:
        given["overlap"] = Trigger.Overlap.SKIP if body.kind == "schedule" else Trigger.Overlap.QUEUE
    values = {name: value for name, value in given.items() if value is not None or name == "month_budget_usd"}
    if body.entry is not None and "entry" in values:
        values["entry"] = body.entry.model_dump(mode="json", exclude_none=True)
    columns = {
        "entry": "template",
        "firing_budget_usd": "firing_budget",
        "month_budget_usd": "month_budget",
        "enabled": "is_enabled",
    }
    return {columns.get(name, name): value for name, value in values.items()}


def _alone(row: Trigger, secret: str | None = None) -> dict[str, Any]:
    return _shown(row, reads.obstacles_of([row], Executor.objects.get(pk=row.workspace_id)), secret)


def _shown(row: Trigger, obstacles: Mapping[str, str], secret: str | None = None) -> dict[str, Any]:
    now, is_scheduled = timezone.now(), row.kind == Trigger.Kind.SCHEDULE
    return {
        "id": row.pk,
        "name": row.name,
        "kind": row.kind,
        "schedule": row.schedule,
        "label": row.label,
        "ignored_accounts": row.ignored_accounts,
        "url": reads.webhook_url(row) or None,
        "secret": secret,
        "message": obstacles.get(row.pk) or row.message or None,
        "sentence": reads.sentence(row),
        "time_zone": row.time_zone,
        "next_times": schedules.upcoming(row.schedule, row.time_zone, now, NEXT) if is_scheduled and row.is_enabled else [],
        "entry": row.template,
        "firing_budget_usd": amounts.number(row.firing_budget),
        "month_budget_usd": None if row.month_budget is None else amounts.number(row.month_budget),
        "month_committed_usd": amounts.number(firing.committed(row, schedules.month(now, row.time_zone))),
        "overlap": row.overlap,
        "catch_up": row.catch_up,
        "enabled": row.is_enabled,
        "created_by": row.created_by,
        "created_at": row.created_at,
    }


def _fired(row: Firing) -> dict[str, Any]:
    return {
        "id": row.pk,
        "key": row.key,
        "at": row.at,
        "entry_id": row.entry_id,
        "issue_url": (row.entry.issue.url or None) if row.entry and hasattr(row.entry, "issue") else None,
        "skipped": row.skipped or None,
        "message": row.message or None,
        "fired_by": row.fired_by or None,
    }
