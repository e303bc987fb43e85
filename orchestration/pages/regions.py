"""What several pages show: sessions at work, events in words, entries as links."""

from datetime import timedelta
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.urls import reverse
from django.utils.timezone import now

from orchestration import queries
from orchestration.models import Entry, Session
from orchestration.pages import wording
from orchestration.pages.scene import Scene
from workspaces.models import Event

QUIET_AFTER = timedelta(minutes=5)
ALARMING_AFTER = timedelta(minutes=10)
MOST_EVENTS = 15
MOST_LOCKS = 200


def workers(scene: Scene) -> dict[str, Any]:
    return {"workers": [_worker(session) for session in open_sessions(scene)], "executor": scene.executor}


def open_sessions(scene: Scene) -> list[Session]:
    """Read once for all regions of a page."""
    if "open_sessions" not in scene.memo:
        scene.memo["open_sessions"] = queries.open_sessions(scene.workspace.pk)
    found: list[Session] = scene.memo["open_sessions"]
    return found


def _worker(session: Session) -> dict[str, Any]:
    silent = now() - (session.last_output_at or session.started_at or session.claimed_at)
    return {
        "session": session,
        "entry": session.entry,
        "status": queries.shown_status(session),
        "phase": wording.PHASES[session.phase],
        "cost": session.hold.drawn if session.hold else 0,
        "hold": session.hold.amount if session.hold else 0,
        "quiet": "alarming" if silent > ALARMING_AFTER else "quiet" if silent > QUIET_AFTER else "",
    }


def activity(scene: Scene, most: int = MOST_EVENTS) -> dict[str, Any]:
    return {
        "events": [told(event) for event in with_entries(Event.objects.filter(workspace=scene.workspace)).order_by("-id")[:most]]
    }


def with_entries(events: QuerySet[Event]) -> QuerySet[Event]:
    """Each event with the entry that it is about, in the same query: by its data, or as its object. Deleted ones have a number too."""
    about = events.annotate(about=Coalesce(KeyTextTransform("entry", "data"), Cast("object_id", TextField())))
    return about.annotate(about_seq=Subquery(Entry.objects.filter(pk=OuterRef("about")).values("seq")[:1]))


def told(event: Event) -> dict[str, Any]:
    """An event of `with_entries` in words, with its entry as a link."""
    seq, about = event.about_seq, event.about  # type: ignore[attr-defined]
    link = wording.Link(f"#{seq}", reverse("entry", args=[event.workspace_id, about])) if seq is not None else None
    return {
        "event": event,
        "symbol": wording.event_symbol(event.verb),
        "says": wording.event(event.verb, event.data, link),
        "why": "" if event.verb == "session.passed" else event.reason,
    }


def names_of(scene: Scene, ids: set[str]) -> dict[str, wording.Link]:
    """How pages name these entries, deleted ones too. One query."""
    wanted = [id_ for id_ in ids if id_.startswith("entry_")]
    entries = Entry.objects.filter(workspace=scene.workspace, pk__in=wanted)
    return {entry.pk: link_to(entry) for entry in entries}


def link_to(entry: Entry) -> wording.Link:
    return wording.Link(f"#{entry.seq}", reverse("entry", args=[entry.workspace_id, entry.pk]))
