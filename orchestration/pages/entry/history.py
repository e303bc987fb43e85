"""What was done to one entry and its sessions: who, what, from what to what, and why."""

from typing import Any

from orchestration.models import Entry, Session
from orchestration.pages import regions, telling
from orchestration.pages.scene import Scene
from workspaces.models import Event

MOST = 50
MOST_SESSIONS = 200


def of(scene: Scene, entry: Entry) -> dict[str, Any]:
    """Two queries, both by an index."""
    made = Session.objects.filter(entry=entry).order_by("-attempt").values_list("pk", flat=True)[:MOST_SESSIONS]
    found = Event.objects.filter(workspace=scene.workspace, object_id__in=[entry.pk, *made])
    events = list(regions.with_entries(found).order_by("-id")[: MOST + 1])
    return {"events": [regions.told(one) | {"change": _change(one)} for one in events[:MOST]], "more_events": len(events) > MOST}


def _change(event: Event) -> tuple[str, str] | None:
    data = event.data if isinstance(event.data, dict) else {}
    for before, after in (("before", "after"), ("before_usd", "after_usd")):
        if before in data or after in data:
            return telling.plain(data, before), telling.plain(data, after)
    return None
