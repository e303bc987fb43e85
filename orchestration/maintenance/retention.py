"""Removes old rows by stated rules, so that a database that ran for months stays small. Money, decisions of people, and the results of what
landed are kept for good.

Rows go in small batches, so that nothing waits for a deletion.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from budget.models import GatewayRequest
from orchestration.facts import events
from orchestration.metrics import outcome_counts
from orchestration.models import Entry, Firing, ForgeDelivery, IntegrationCommit, LogChunk, Round, Session, TreeVerdict, Trigger
from workspaces.models import Delivery, Event

log = structlog.get_logger(__name__)

HOUR_S = 3600
BATCH = 1000
MOST_S = 20.0
"""Seconds that one pass may take: the rest goes an hour later."""

BY_ITSELF = ("entry.", "session.", "executor.", "locks.", "run.", events.TriggerFired.verb, events.TriggerSkipped.verb)
"""Verbs of what happens by the hundred. What is set, paid, landed or allowed stays, whoever did it."""

_done_at: float | None = None


def run_hourly() -> None:
    """Called by every tick of the control worker; acts once an hour."""
    global _done_at
    if _done_at is None or time.monotonic() - _done_at >= HOUR_S:
        _done_at = time.monotonic()
        removed = {name: count for name, count in remove_old(time.monotonic() + MOST_S) if count}
        if removed:
            log.info("retention.removed", **removed)


def remove_old(until: float = float("inf")) -> Iterator[tuple[str, int]]:
    """Remove what is older than its setting says. `until`: when to leave the rest, by the monotonic clock. Yields how much of what."""
    yield "log_chunks", _in_batches(_log_chunks, _delete, until)
    yield "gateway_requests", _in_batches(_gateway_requests, _delete, until)
    yield "prompts", _in_batches(_prompts, lambda rounds: rounds.update(prompt=""), until)
    yield "verdicts", _in_batches(_verdicts, _delete, until)
    yield "events", _in_batches(_events, _delete, until)
    yield "forge_deliveries", _in_batches(_forge_deliveries, _delete, until)
    yield "firings", _in_batches(_firings, _delete, until)
    yield "outcome_counts", outcome_counts.add_up(until)


def _in_batches(old: Callable[[], QuerySet[Any]], give_up: Callable[[QuerySet[Any]], int], until: float) -> int:
    total = 0
    while time.monotonic() < until and (ids := list(old().values_list("pk", flat=True)[:BATCH])):
        total += give_up(old().model._base_manager.filter(pk__in=ids))
    return total


def _delete(rows: QuerySet[Any]) -> int:
    return rows.delete()[0]


def _log_chunks() -> QuerySet[LogChunk]:
    ended = Session.of_any_role.filter(ended_at__lt=_days_ago(settings.KEEP_LOGS_DAYS))
    return LogChunk.objects.filter(session__in=ended).order_by()


def _gateway_requests() -> QuerySet[GatewayRequest]:
    """Their cost is in the ledger. An unknown cost may still be corrected, and an overrun is how the gateway knows its provider."""
    over = (GatewayRequest.State.SETTLED, GatewayRequest.State.REFUSED)
    return GatewayRequest.objects.filter(state__in=over, overrun=0, ended_at__lt=_days_ago(settings.KEEP_LOGS_DAYS)).order_by(
        "ended_at"
    )


def _prompts() -> QuerySet[Round]:
    return Round.objects.exclude(prompt="").filter(ended_at__lt=_days_ago(settings.KEEP_LOGS_DAYS)).order_by()


def _verdicts() -> QuerySet[TreeVerdict]:
    """Verdicts on work that did not land. One for an entry that is not done yet stays: its next round is compared with it."""
    landed = IntegrationCommit.objects.filter(workspace=OuterRef("workspace"), tree=OuterRef("tree"))
    at_work = ~Q(round__entry__status__in=[Entry.Status.DONE, Entry.Status.FAILED]) & Q(round__isnull=False)
    judged = TreeVerdict.objects.filter(at__lt=_days_ago(settings.KEEP_VERDICTS_DAYS), landed__isnull=True)
    return (
        judged.filter(kind__in=[TreeVerdict.Kind.ROUND, TreeVerdict.Kind.LANDING])
        .exclude(at_work)
        .exclude(Exists(landed))
        .order_by()
    )


def _events() -> QuerySet[Event]:
    verbs = Q()
    for start in BY_ITSELF:
        verbs |= Q(verb__startswith=start)
    old = Event.objects.filter(verbs, actor_kind=Event.ActorKind.AUTOMATION, at__lt=_days_ago(settings.KEEP_EVENTS_DAYS))
    return old.exclude(Exists(Delivery.objects.filter(event=OuterRef("pk")))).order_by()


def _forge_deliveries() -> QuerySet[ForgeDelivery]:
    """A webhook that is repeated later only makes a pull request be looked at."""
    return ForgeDelivery.objects.filter(at__lt=_days_ago(30)).order_by()


def _firings() -> QuerySet[Firing]:
    """Those without an entry: a schedule whose month is used up may have one each minute. Those of issues stay: their labels would count again."""
    return Firing.objects.filter(entry__isnull=True, at__lt=_days_ago(30)).exclude(trigger__kind=Trigger.Kind.ISSUE).order_by()


def _days_ago(days: float) -> models.Expression:
    return Now() - timedelta(days=days)
