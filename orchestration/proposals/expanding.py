"""Runs of the expander about an entry: a person requests one, or one starts by itself where the entry is too large (config
`expander.on`)."""

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from orchestration import configuration
from orchestration.configuration import Expander
from orchestration.facts import events
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Executor, Run, Session
from orchestration.models.entries import MAX_DEPTH
from orchestration.proposals import roles, run_requests
from workspaces.access import MUSTER, Caller
from workspaces.errors import Conflict, Invalid
from workspaces.models import Event, Workspace

AT_ONCE = 5  # entries of a workspace that one tick asks about


def expand(workspace: Workspace, entry: Entry, *, by: Caller, trigger: Run.Trigger = Run.Trigger.PERSON, key: str = "") -> Run:
    """Ask the expander about an entry. The same `key` counts once. Raises Invalid for one that cannot be split, and as `run_requests.start`; Conflict while a run about it is
    open."""
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace.pk)
        if started := run_requests.find_started(workspace, key):
            return started
        row = Entry.objects.get(pk=entry.pk)
        if row.deleted_at or row.is_container or row.depth >= MAX_DEPTH or row.status == Entry.Status.DONE:
            raise Invalid(f"#{row.seq} cannot be split: it is done, split already, or {MAX_DEPTH} deep", "entryID")
        if row.status == Entry.Status.IN_PROGRESS:
            raise Invalid(f"#{row.seq} is in progress: stop its session first", "status")
        if Run.objects.filter(subject=row, session__role=Session.Role.EXPAND, session__status__in=Session.OPEN).exists():
            raise Conflict(f"An agent is asked about #{row.seq} already: wait for its proposal")
        goal = f"Split #{row.seq} {row.title}"
        return run_requests.start(workspace, roles.EXPANDER, by=by, goal=goal, subject=row, trigger=trigger, key=key)


def start_due(workspace_id: str) -> list[Run]:
    """Ask about entries that are too large and that no run was asked about before. What cannot be paid now is tried again next time."""
    executor = Executor.objects.select_related("workspace").get(pk=workspace_id)
    expander, workspace = configuration.load(executor.config).expander, executor.workspace
    started: list[Run] = []
    for entry in _candidates(workspace.pk, expander)[:AT_ONCE] if expander and expander.on else ():
        trigger = Run.Trigger.NO_IMPROVEMENT if entry.reason_code == Reason.NO_IMPROVEMENT else Run.Trigger.TOO_LARGE
        try:
            started.append(expand(workspace, entry, by=MUSTER, trigger=trigger))
        except (Conflict, Invalid):
            break
    return started


def _candidates(workspace_id: str, expander: Expander) -> list[Entry]:
    newest = Session.objects.filter(entry=OuterRef("pk")).order_by("-attempt").values("failure")[:1]
    asked = Run.objects.filter(session__workspace_id=workspace_id, subject__isnull=False, session__role=Session.Role.EXPAND)
    rows: QuerySet[Entry] = Entry.objects.filter(
        workspace_id=workspace_id,
        status__in=[Entry.Status.PENDING, Entry.Status.BLOCKED, Entry.Status.FAILED],
        deleted_at__isnull=True,
        is_container=False,
        spec_frozen=False,
        depth__lt=MAX_DEPTH,
    )
    rows = rows.exclude(reason_code=Reason.HUMAN_HOLD).exclude(pk__in=asked.values("subject"))
    listed = rows.annotate(newest_failure=Subquery(newest)).order_by("priority", "seq")[:500]
    return [row for row in listed if _too_large(row, expander)]


def _too_large(entry: Entry, expander: Expander) -> bool:
    """True if the entry is too large. Once it has begun, only being stuck counts; for a child, too, or splits would lead to splits."""
    if entry.parent_id is None and entry.attempts == 0 and entry.status == Entry.Status.PENDING:
        many = len(entry.spec.get("acceptance_criteria") or ()) > expander.max_criteria
        return ("no_files" in expander.on and not entry.paths) or ("criteria" in expander.on and many)
    if "turns_exhausted" in expander.on and entry.newest_failure == "turns_exhausted":  # type: ignore[attr-defined]
        return True
    is_stuck = entry.reason_code == Reason.NO_IMPROVEMENT and Reason.NO_IMPROVEMENT in expander.on
    return is_stuck and _plateaus(entry) >= expander.plateaus


def _plateaus(entry: Entry) -> int:
    blocked = Event.objects.filter(workspace_id=entry.workspace_id, object_id=entry.pk, verb=events.EntryBlocked.verb)
    return blocked.filter(data__code=str(Reason.NO_IMPROVEMENT)).count()
