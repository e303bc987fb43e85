"""An event of a trigger becomes an entry, or a reason for none: once, in one transaction."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import Case, ExpressionWrapper, F, Q, QuerySet, Sum, When
from django.db.models.functions import Greatest
from pydantic import ValidationError

from budget.amounts.money import MoneyField
from orchestration import schemas
from orchestration.backlog import drafts, entries
from orchestration.facts import events
from orchestration.models import Entry, Executor, Firing, IssueEntry, Trigger
from orchestration.triggers import deciding, schedules
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Invalid

ENDED = [Entry.Status.DONE, Entry.Status.FAILED]
COUNTED_DEPTH = 3
"""Children of its entries, and theirs, are paid from the month as well."""


@dataclass(frozen=True, slots=True)
class FromOutside:
    """An event's part of its entry. `title`: added to the template's first line. `text`: what others wrote, quoted. `issue`: the issue that is its own, as yet unsaved."""

    text: str
    title: str = ""
    issue: IssueEntry | None = None


def fire(trigger: Trigger, key: str, *, now: datetime, by: Caller | None = None, outside: FromOutside | None = None) -> Firing:
    """Add the entry of this event, or record why there is none. A repeated call returns the first one's firing. `by`: the person who asked for it."""
    with transaction.atomic():
        row = locked(trigger)
        if before := row.firings.filter(key=key).first():
            return before
        refusal = deciding.refusal(_facts(row, now, outside.issue if outside else None))
        if refusal is not None:
            return skip(row, key, *refusal, now=now, by=by)
        try:
            with transaction.atomic():
                entry = _add(row, by or itself(row), outside)
        except (Invalid, ValidationError) as problem:
            message = problem.message if isinstance(problem, Invalid) else "Its template is not valid in this version"
            return skip(row, key, Firing.Skipped.INVALID, message, now=now, by=by)
        firing = _record(row, key, now, by, entry=entry)
        event = events.TriggerFired(name=row.name, entry=entry.pk)
        activity.record(row.workspace_id, event, by=by or itself(row), object_id=row.pk)
        return firing


def key_by_hand(key: str) -> str:
    """The key of a person's request, apart from those of other events, whatever the person names it."""
    return f"hand:{hashlib.sha256(key.encode()).hexdigest()}"


def skip(row: Trigger, key: str, code: str, message: str, *, now: datetime, by: Caller | None = None) -> Firing:
    """Record an event that adds no entry. Activity has the first of those with the same reason. The caller's transaction holds the executor's row."""
    newest = row.firings.order_by("-id").first()
    if newest is None or newest.skipped != code:
        event = events.TriggerSkipped(name=row.name, code=code)
        activity.record(row.workspace_id, event, by=by or itself(row), object_id=row.pk, reason=message)
    return _record(row, key, now, by, skipped=code, message=message[:500])


def locked(trigger: Trigger) -> Trigger:
    """The trigger as it is now, while nothing else changes its workspace's backlog."""
    Executor.objects.select_for_update().get(pk=trigger.workspace_id)
    return Trigger.objects.get(pk=trigger.pk)


def itself(row: Trigger) -> Caller:
    """The actor of what a trigger does."""
    return Caller(f"trigger:{row.name}")


def committed(row: Trigger, month: str) -> int:
    """Micro-USD that the trigger's entries of a month have cost, and may still cost."""
    return int(_entries(row, month).aggregate(sum=Sum(most_of_entry()))["sum"] or 0)


def most_of_entry() -> Case:
    """An entry's part of the budget, in a query: its cost if it is over, else its whole budget."""
    used = ExpressionWrapper(F("account__spent") + F("account__held"), MoneyField())
    is_over = Q(status=Entry.Status.DONE) | Q(deleted_at__isnull=False) | Q(is_container=True)
    return Case(When(is_over, then=used), default=Greatest(F("account__budget"), used), output_field=MoneyField())


def _entries(row: Trigger, month: str) -> QuerySet[Entry]:
    first = Firing.objects.filter(trigger=row, month=month, entry__isnull=False).values("entry_id")
    within, path = Q(pk__in=first), "parent"
    for _ in range(COUNTED_DEPTH):
        within |= Q(**{f"{path}__in": first})
        path += "__parent"
    return Entry.objects.filter(within)


def _facts(row: Trigger, now: datetime, issue: IssueEntry | None) -> deciding.Facts:
    unfinished = Entry.objects.filter(firing__trigger=row, deleted_at__isnull=True).exclude(status__in=ENDED)
    return deciding.Facts(
        is_enabled=row.is_enabled and row.deleted_at is None,
        skips_overlap=row.overlap == Trigger.Overlap.SKIP,
        open_entry=unfinished.order_by("seq").values_list("seq", flat=True).first(),
        firing_budget=row.firing_budget,
        month_budget=row.month_budget,
        committed=committed(row, schedules.month(now, row.time_zone)),
        issue_entry=_open_entry(row.workspace_id, issue.issue) if issue else None,
    )


def _open_entry(workspace_id: str, issue: str) -> int | None:
    """The number of the entry of this issue that has not ended. Those that have are noted, so that the next one may be open."""
    mine = IssueEntry.objects.filter(workspace_id=workspace_id, issue=issue, is_open=True)
    mine.filter(Q(entry__status__in=ENDED) | Q(entry__deleted_at__isnull=False)).update(is_open=False)
    return mine.values_list("entry__seq", flat=True).first()


def _add(row: Trigger, by: Caller, outside: FromOutside | None) -> Entry:
    draft = drafts.from_request(schemas.EntryIn.model_validate(row.template))
    if outside is not None:
        first, _, more = draft.content.strip().partition("\n")
        draft = replace(draft, content=f"{first}{outside.title}\n{more}".rstrip() + f"\n\n{outside.text}")
    entry = entries.add(row.workspace_id, [replace(draft, budget=row.firing_budget)], by=by)[0]
    if outside is not None and outside.issue is not None:
        outside.issue.entry = entry
        outside.issue.save(force_insert=True)
    return entry


def _record(
    row: Trigger, key: str, now: datetime, by: Caller | None, *, entry: Entry | None = None, skipped: str = "", message: str = ""
) -> Firing:
    return Firing.objects.create(
        trigger=row,
        key=key,
        at=now,
        month=schedules.month(now, row.time_zone),
        fired_by=by.name if by else "",
        entry=entry,
        skipped=skipped,
        message=message,
    )
