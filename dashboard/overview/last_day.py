"""What landed lately, and what landed and was spent in each of the last 24 hours."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from budget.charts import series, sparkline
from dashboard.shared.page_request import PageRequest
from orchestration.models import Landing
from workspaces import times

DAY = timedelta(days=1)
MAX_LANDINGS = 1_000
SHOWN = 5


def region(page_request: PageRequest) -> dict[str, Any]:
    """Three queries. Beyond MAX_LANDINGS in a day, `landed_more` says that there were more."""
    at, zone = timezone.now(), timezone.get_current_timezone()
    landed = Landing.objects.filter(workspace=page_request.workspace, kind=Landing.Kind.ENTRY, state=Landing.State.LANDED)
    newest = landed.filter(ended_at__isnull=False).order_by("-id")
    lately = [ended for ended in newest.values_list("ended_at", flat=True)[:MAX_LANDINGS] if ended and ended > at - DAY]
    first, hours = times.hour_of(at, zone) - timedelta(hours=series.HOURS - 1), [0] * series.HOURS
    for ended in lately:
        if ended >= first:
            hours[min(int((ended - first) / timedelta(hours=1)), series.HOURS - 1)] += 1
    spent = series.load(page_request.project, since=at - DAY, began=page_request.workspace.created_at, now=at, zone=zone)
    return {
        "finished": newest.select_related("entry", "round")[:SHOWN],
        "landed_in_day": len(lately),
        "landed_more": len(lately) == MAX_LANDINGS,
        "landed_spark": sparkline.draw(hours),
        "spent_in_day": sum(spent.day.values()),
        "spent_spark": sparkline.draw(spent.hours),
    }
