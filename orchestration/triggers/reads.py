"""Reads of triggers, in a fixed number of queries whatever the number of triggers."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db.models import OuterRef, Q, Subquery, Sum

from orchestration.models import Entry, Executor, Firing, Trigger
from orchestration.triggers import firing, obstacles, schedules

NEXT = 5


def sentence(row: Trigger) -> str:
    """Its event in English."""
    if row.kind == Trigger.Kind.ISSUE:
        return f"When a person adds the label {row.label} to an issue"
    return "When its webhook is called" if row.kind == Trigger.Kind.WEBHOOK else schedules.sentence(row.schedule, row.time_zone)


def obstacles_of(rows: Iterable[Trigger], executor: Executor) -> dict[str, str]:
    """The reason why the issues of each are not looked at, by the trigger's id; see `obstacles.of`. Of one workspace; at most one query."""
    by_issues = [row for row in rows if row.kind == Trigger.Kind.ISSUE and row.is_enabled]
    return dict.fromkeys([row.pk for row in by_issues], obstacles.of(by_issues[0], executor)) if by_issues else {}


def webhook_url(row: Trigger) -> str:
    """The address of its webhook; empty where it has none."""
    if row.kind != Trigger.Kind.WEBHOOK:
        return ""
    return f"{settings.BASE_URL}/api/v1/workspaces/{row.workspace_id}/orchestration/triggers/{row.pk}/hook"


def committed(rows: Iterable[Trigger], now: datetime) -> dict[str, int]:
    """The money of `firing.committed` for the month of each, by the trigger's id. One query for each depth."""
    months = defaultdict(list)
    for row in rows:
        months[schedules.month(now, row.time_zone)].append(row.pk)
    amounts: dict[str, int] = defaultdict(int)
    for depth in range(firing.COUNTED_DEPTH + 1) if months else ():
        path = "parent__" * depth + "firing__"
        in_month = Q()
        for month, ids in months.items():
            in_month |= Q(**{f"{path}month": month, f"{path}trigger__in": ids})
        sums = Entry.objects.filter(in_month).order_by().values_list(f"{path}trigger").annotate(sum=Sum(firing.most_of_entry()))
        for trigger_id, amount in sums:
            amounts[trigger_id] += int(amount or 0)
    return amounts


def newest_firings(rows: Iterable[Trigger]) -> dict[str, Firing]:
    """The newest firing of each, with its entry. One query."""
    newest = Firing.objects.filter(trigger=OuterRef("pk")).order_by("-id").values("pk")[:1]
    of_each = Trigger.objects.filter(pk__in=[row.pk for row in rows]).annotate(newest=Subquery(newest)).values("newest")
    return {row.trigger_id: row for row in Firing.objects.filter(pk__in=of_each).select_related("entry")}


def next_times(row: Trigger, now: datetime, count: int = NEXT) -> list[datetime]:
    """The next times of its schedule; none where it has no schedule, is off, or its schedule cannot be read."""
    if not (row.schedule and row.is_enabled):
        return []
    try:
        return schedules.upcoming(row.schedule, row.time_zone, now, count)
    except schedules.BadSchedule:
        return []
