"""What was done to one entry and its sessions: who, what, from what to what, and why."""

from typing import Any

from dashboard.shared import event_text, fragments
from dashboard.shared.page_request import PageRequest
from orchestration.models import Entry, Session
from workspaces.models import Event

MOST = 50
MOST_SESSIONS = 200


def of(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    """Two queries, both by an index."""
    made = Session.objects.filter(entry=entry).order_by("-attempt").values_list("pk", flat=True)[:MOST_SESSIONS]
    found = Event.objects.filter(workspace=page_request.workspace, object_id__in=[entry.pk, *made])
    events = list(fragments.with_entries(found).order_by("-id")[: MOST + 1])
    return {
        "events": [fragments.told(one) | {"change": _change(one)} for one in events[:MOST]],
        "more_events": len(events) > MOST,
    }


def _change(event: Event) -> tuple[str, str] | None:
    data = event.data if isinstance(event.data, dict) else {}
    for before, after in (("before", "after"), ("before_usd", "after_usd")):
        if before in data or after in data:
            return event_text.plain(data, before), event_text.plain(data, after)
    return None
