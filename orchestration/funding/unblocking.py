"""Entries that were blocked without money continue when there is some; those without any are found, to be blocked."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest

from budget.models import GatewayRequest, Project
from orchestration import configuration
from orchestration.facts.reasons import WAITING_FOR_CHILDREN, WITHOUT_MONEY
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor


def unblock_affordable(workspace_id: str, entry_ids: Iterable[str] | None = None, *, wake: bool = True) -> int:
    """Make entries that are blocked without money pending again: those whose own budget now pays a round, and, if the plan does, those
    without one. Called after a raise."""
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=workspace_id)
        stuck = Entry.objects.filter(
            workspace_id=workspace_id, status=Entry.Status.BLOCKED, reason_code__in=WITHOUT_MONEY, deleted_at__isnull=True
        )
        if entry_ids is not None:
            stuck = stuck.filter(pk__in=list(entry_ids))
        ids = list(stuck.filter(_is_affordable(workspace_id, executor)).values_list("pk", flat=True))
        moved = Entry.objects.filter(pk__in=ids).update(
            status=Entry.Status.PENDING, reason_code="", reason_message="", reason_at=None
        )
        _unblock_above(ids)
    if wake:
        wake_ups.enqueue_cycle(workspace_id)
    if wake or moved:
        wake_ups.publish_change(workspace_id, "entries", "budget")
    return moved


def pending_without_money_or_rounds(workspace_id: str, entry_ids: Iterable[str] | None = None) -> list[str]:
    """The ids of pending entries that `unblock_affordable` would not unblock, and of those out of rounds. The plan's checks decide about each."""
    executor = Executor.objects.get(pk=workspace_id)
    pending = Entry.objects.filter(
        workspace_id=workspace_id, status=Entry.Status.PENDING, unmet_dependencies=0, is_container=False, deleted_at__isnull=True
    )
    if entry_ids is not None:
        pending = pending.filter(pk__in=list(entry_ids))
    is_out_of_rounds = Q(rounds_completed__gte=F("budget_rounds"))
    return list(pending.filter(is_out_of_rounds | ~_is_affordable(workspace_id, executor)).values_list("pk", flat=True))


def _is_affordable(workspace_id: str, executor: Executor) -> Q:
    minimum = max(configuration.load(executor.config).min_round, 1)
    request = Case(When(least_limit=GatewayRequest.RefusedBy.MONEY, then=F("least_request")), default=Value(0))
    is_share = Q(account__own_budget=False, account__human_locked=False)
    pays = Q(account__budget__gte=F("account__spent") + F("account__held") + Greatest(request, Value(minimum)))
    plan_pays = Project.objects.get(pk=workspace_id).plan_left >= minimum
    return pays | is_share if plan_pays else pays & ~is_share


def _unblock_above(ids: list[str]) -> None:
    """An entry that is split is no longer blocked when one of its children can go on."""
    while ids:
        blocked = Entry.objects.filter(children__in=ids, is_container=True, status=Entry.Status.BLOCKED)
        ids = list(blocked.values_list("pk", flat=True))
        Entry.objects.filter(pk__in=ids).update(status=Entry.Status.PENDING, reason_message=WAITING_FOR_CHILDREN)
