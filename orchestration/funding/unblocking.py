"""Entries that were blocked without money continue when there is some."""

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
        minimum = max(configuration.load(executor.config).min_round, 1)
        stuck = Entry.objects.filter(
            workspace_id=workspace_id, status=Entry.Status.BLOCKED, reason_code__in=WITHOUT_MONEY, deleted_at__isnull=True
        )
        if entry_ids is not None:
            stuck = stuck.filter(pk__in=list(entry_ids))
        request = Case(When(least_limit=GatewayRequest.RefusedBy.MONEY, then=F("least_request")), default=Value(0))
        enough = Q(account__budget__gte=F("account__spent") + F("account__held") + Greatest(request, Value(minimum)))
        if Project.objects.get(pk=workspace_id).plan_left >= minimum:
            enough |= Q(account__own_budget=False, account__human_locked=False)
        ids = list(stuck.filter(enough).values_list("pk", flat=True))
        moved = Entry.objects.filter(pk__in=ids).update(
            status=Entry.Status.PENDING, reason_code="", reason_message="", reason_at=None
        )
        _unblock_above(ids)
    if wake:
        wake_ups.enqueue_cycle(workspace_id)
    if wake or moved:
        wake_ups.publish_change(workspace_id, "entries", "budget")
    return moved


def _unblock_above(ids: list[str]) -> None:
    """An entry that is split is no longer blocked when one of its children can go on."""
    while ids:
        blocked = Entry.objects.filter(children__in=ids, is_container=True, status=Entry.Status.BLOCKED)
        ids = list(blocked.values_list("pk", flat=True))
        Entry.objects.filter(pk__in=ids).update(status=Entry.Status.PENDING, reason_message=WAITING_FOR_CHILDREN)
