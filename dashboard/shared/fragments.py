"""Fragments that several pages show: running sessions, events as sentences, links to entries."""

from datetime import timedelta
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, TextField, Window
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, RowNumber
from django.urls import reverse
from django.utils.timezone import now

from dashboard.shared.page_request import PageRequest
from dashboard.shared.texts import event_text, labels
from orchestration.edge import queries
from orchestration.facts.events import SessionPassed
from orchestration.models import Entry, Session, Trigger
from workspaces.models import Event

QUIET_AFTER = timedelta(minutes=5)
ALARMING_AFTER = timedelta(minutes=10)
MAX_EVENTS = 15
MAX_LOOKED_AT = 500
"""Events among which those of people are looked for: a log that holds none makes no page slower."""
MAX_LOCKS = 200


def workers(page_request: PageRequest) -> dict[str, Any]:
    return {"workers": [_worker(session) for session in open_sessions(page_request)], "executor": page_request.executor}


def open_sessions(page_request: PageRequest) -> list[Session]:
    """One query for all regions of a page."""
    if "open_sessions" not in page_request.memo:
        page_request.memo["open_sessions"] = queries.open_sessions(page_request.workspace.pk)
    sessions: list[Session] = page_request.memo["open_sessions"]
    return sessions


def _worker(session: Session) -> dict[str, Any]:
    silent = now() - (session.last_output_at or session.started_at or session.claimed_at)
    return {
        "session": session,
        "entry": session.entry,
        "status": queries.shown_status(session),
        "phase": labels.PHASES[session.phase],
        "cost": session.hold.drawn if session.hold else 0,
        "quiet": "alarming" if silent > ALARMING_AFTER else "quiet" if silent > QUIET_AFTER else "",
    }


def activity(page_request: PageRequest, limit: int = MAX_EVENTS) -> dict[str, Any]:
    """The newest events, half of them of people. One query."""
    newest = Event.objects.filter(workspace=page_request.workspace).order_by("-id").values("pk")[:MAX_LOOKED_AT]
    place = Window(RowNumber(), partition_by=["actor_kind"], order_by=["-id"])
    of_each_kind = with_entries(Event.objects.filter(pk__in=newest)).annotate(place=place).filter(place__lte=limit)
    people: list[Event] = []
    own: list[Event] = []
    for event in of_each_kind.order_by("-id"):
        (people if event.actor_kind == Event.ActorKind.HUMAN else own).append(event)
    # Muster's own events of a single minute would hide what people did.
    kept = people[: max(limit // 2, limit - len(own))]
    shown = sorted([*kept, *own[: limit - len(kept)]], key=lambda event: -event.pk)
    return {"events": [event_row(event) for event in shown]}


def with_entries(events: QuerySet[Event]) -> QuerySet[Event]:
    """Events annotated with their entry, taken from the data or from the object, and their trigger, in the same query. Deleted entries keep
    a number but have no page."""
    object_id = Cast("object_id", TextField())
    about = events.annotate(about=Coalesce(KeyTextTransform("entry", "data"), object_id), object=object_id)
    entries = Entry.objects.filter(pk=OuterRef("about"))
    triggers = Trigger.objects.filter(pk=OuterRef("object"), deleted_at__isnull=True)
    return about.annotate(
        about_trigger=Subquery(triggers.values("pk")[:1]),
        about_seq=Subquery(entries.values("seq")[:1]),
        about_deleted=Subquery(entries.values("deleted_at")[:1]),
    )


def event_row(event: Event) -> dict[str, Any]:
    """An event of `with_entries` as template context, its subject as a link."""
    return {
        "event": event,
        "symbol": event_text.symbol(event.verb),
        "sentence": event_text.sentence(event.verb, event.data, _about(event)),
        "why": "" if event.verb == SessionPassed.verb else event.reason,
        "session": _session(event),
        "trigger": _trigger(event),
    }


def _about(event: Event) -> labels.Link | None:
    """A link to the entry or review of an event."""
    if event.object_id.startswith("rev_"):
        number = event.data.get("number", "?") if isinstance(event.data, dict) else "?"
        return labels.Link(f"review #{number}", reverse("review", args=[event.workspace_id, event.object_id]))
    seq, about = event.about_seq, event.about  # type: ignore[attr-defined]
    if seq is None:
        return None
    gone = event.about_deleted is not None  # type: ignore[attr-defined]
    return labels.Link(f"#{seq}", "" if gone else reverse("entry", args=[event.workspace_id, about]))


def _session(event: Event) -> str:
    """The URL of the event's session; empty if its object is no session."""
    is_session = event.object_id.startswith("sess_")
    return reverse("session", args=[event.workspace_id, event.object_id]) if is_session else ""


def _trigger(event: Event) -> str:
    """The URL of the event's trigger; empty if its object is none, or a deleted one."""
    trigger_id = event.about_trigger  # type: ignore[attr-defined]
    return reverse("trigger", args=[event.workspace_id, trigger_id]) if trigger_id else ""


def entry_links(page_request: PageRequest, ids: set[str]) -> dict[str, labels.Link]:
    """Links to these entries, deleted ones included. One query."""
    entry_ids = [id_ for id_ in ids if id_.startswith("entry_")]
    entries = Entry.objects.filter(workspace=page_request.workspace, pk__in=entry_ids)
    return {entry.pk: link_to(entry) for entry in entries}


def link_to(entry: Entry) -> labels.Link:
    """The entry's number as a link. A deleted entry has no page."""
    gone = entry.deleted_at is not None
    return labels.Link(f"#{entry.seq}", "" if gone else reverse("entry", args=[entry.workspace_id, entry.pk]))
