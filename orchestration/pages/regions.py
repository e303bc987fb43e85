"""The regions of the workspace page beside its backlog: executor, workers, locks, budget, activity. A fixed number of queries each."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery, Sum, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.urls import reverse
from django.utils.timezone import now

from budget import queries as budget
from budget.models import Account, Category
from orchestration import configuration, queries
from orchestration.models import Entry, FileLock, Session, Worker
from orchestration.pages import wording
from orchestration.pages.scene import Scene
from workspaces.models import Event

QUIET_AFTER = timedelta(minutes=5)
ALARMING_AFTER = timedelta(minutes=10)
MOST_EVENTS = 15
MOST_LOCKS = 200


def executor(scene: Scene) -> dict[str, Any]:
    """What `force-dispatch` answers as diagnostics is shown always."""
    row = queries.executor_for(scene.workspace.pk)
    config = configuration.load(row.config)
    found = queries.diagnostics(scene.workspace.pk)
    fresh = Worker.objects.filter(queue="sessions", seen_at__gt=now() - timedelta(seconds=settings.LEASE_S / 2))
    return {
        "executor": row,
        "config": config,
        "agent_title": wording.AGENTS[config.agent.kind],
        "slots_online": fresh.aggregate(slots=Sum("slots"))["slots"] or 0,
        "found": found,
        "in_the_way": wording.reasons(found["blockedReasons"]),
    }


def trouble(scene: Scene) -> dict[str, Any]:
    """The breaker, when it is open."""
    return {"executor": scene.executor}


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


def locks(scene: Scene) -> dict[str, Any]:
    held = list(FileLock.objects.filter(workspace=scene.workspace).select_related("entry").order_by("path")[: MOST_LOCKS + 1])
    behind = Entry.objects.filter(workspace=scene.workspace, parked_behind__isnull=False, deleted_at__isnull=True)
    waiting: dict[str, list[Entry]] = defaultdict(list)
    for entry in behind.order_by("seq")[:500]:
        waiting[entry.parked_behind_id or ""].append(entry)
    shown = [{"lock": lock, "entry": lock.entry, "waiting": waiting.get(lock.entry_id, [])} for lock in held[:MOST_LOCKS]]
    parked = sum(len(entries) for entries in waiting.values())
    return {"locks": shown, "more_locks": len(held) > MOST_LOCKS, "parked": parked}


def money(scene: Scene) -> dict[str, Any]:
    project = budget.project_of(scene.workspace.pk)
    planned = Account.objects.filter(project=project, entry__deleted_at__isnull=True).aggregate(sum=Sum("budget"))["sum"] or 0
    spent = {category: getattr(project, f"{category}_spent") for category in Category.values}
    return {
        "project": project,
        "planned": planned,
        "categories": [(Category(name).label, amount) for name, amount in spent.items()],
        "left": project.max_project_spend - project.total_spent - project.held,
        "at_work": scene.at_work,
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
