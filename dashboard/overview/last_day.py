"""The newest landings, and their number in each of the last 24 hours."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Left
from django.utils import timezone

from budget.charts import series, sparkline
from dashboard.shared.page_request import PageRequest
from orchestration.models import Landing
from workspaces import times

DAY = timedelta(days=1)
MAX_LANDINGS = 1_000
SHOWN = 5
LONGEST_TITLE = 120


def region(page_request: PageRequest, *, spent: int) -> dict[str, Any]:
    """One query. Beyond MAX_LANDINGS in a day, `landed_more` says that there were more. `spent`: in that day, in micro-USD."""
    at, zone = timezone.now(), timezone.get_current_timezone()
    landed = Landing.objects.filter(workspace=page_request.workspace, kind=Landing.Kind.ENTRY, state=Landing.State.LANDED)
    newest = landed.filter(ended_at__isnull=False).order_by("-id").annotate(text=Left("entry__content", LONGEST_TITLE))
    shown = ("ended_at", "text", "entry_id", "entry__seq", "entry__deleted_at", "round__number", "round__diffstat")
    rows = list(newest.values(*shown)[:MAX_LANDINGS])
    lately = [row["ended_at"] for row in rows if row["ended_at"] > at - DAY]
    first, hours = times.hour_of(at, zone) - timedelta(hours=series.HOURS - 1), [0] * series.HOURS
    for ended in lately:
        if ended >= first:
            hours[min(int((ended - first) / timedelta(hours=1)), series.HOURS - 1)] += 1
    return {
        "finished": [row | {"title": row["text"].strip().split("\n", 1)[0]} for row in rows[:SHOWN]],
        "landed_in_day": len(lately),
        "landed_more": len(lately) == MAX_LANDINGS,
        "landed_spark": sparkline.by_hour(hours, at, zone, lambda n: f"{n} landed", "Landed by hour"),
        "spent_in_day": spent,
    }
