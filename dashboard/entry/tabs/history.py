"""Events of one entry and its sessions: actor, before, after and reason."""

from typing import Any

from dashboard.shared import fragments
from dashboard.shared.page_request import PageRequest
from dashboard.shared.texts import event_text
from orchestration.models import Entry, Session
from workspaces.models import Event

MAX_EVENTS = 50
MAX_SESSIONS = 200


def region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    """Two queries, both by an index."""
    session_ids = Session.objects.filter(entry=entry).order_by("-attempt").values_list("pk", flat=True)[:MAX_SESSIONS]
    matching = Event.objects.filter(workspace=page_request.workspace, object_id__in=[entry.pk, *session_ids])
    events = list(fragments.with_entries(matching).order_by("-id")[: MAX_EVENTS + 1])
    return {
        "events": [fragments.event_row(event) | {"change": event_text.change(event.data)} for event in events[:MAX_EVENTS]],
        "more_events": len(events) > MAX_EVENTS,
    }
