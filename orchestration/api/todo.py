"""The backlog calls."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from ninja import Path, Query, Router, Status

from orchestration import schemas, sessions
from orchestration.api.keys import Key, once
from orchestration.backlog import content, drafts, entries, entry_actions, entry_edits, fields, splitting
from orchestration.edge import entry_diff, queries
from orchestration.executor import stopping
from orchestration.lists import entries as lists
from orchestration.lists import search_language
from orchestration.models import Entry
from workspaces import access
from workspaces.access import Need, Request
from workspaces.errors import Invalid
from workspaces.schemas import Cursor, Limit, extra_content, responses

router = Router(tags=["todo"])

EntryStatus = Literal["pending", "in_progress", "blocked", "done", "failed"]


@router.get("/todo", response=responses(schemas.Todo), operation_id="agent.orchestration.todoGet")
def get_todo(
    request: Request,
    workspaceID: Path[str],
    status: EntryStatus | None = None,
    reason: Annotated[str | None, Query(max_length=30, pattern=r"^[a-z_]*$")] = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
    search: Annotated[str | None, Query(max_length=search_language.MAX_LENGTH)] = None,
    sort: Annotated[str | None, Query(max_length=20, pattern=lists.ORDER)] = None,
    limit: Limit = 500,
    cursor: Cursor = None,
) -> Any:
    """The backlog, by number or in another order. Each waiting entry carries the reasons why. `search`: as on the page of entries, with its
    qualifiers. `sort`: a name of the orders there, `-` before it is descending."""
    workspace = access.workspace_for(request.auth, workspaceID)
    words = (q or "").strip()
    if "\x00" in words:
        raise Invalid("may not contain NUL", "q")
    rows, following = queries.entries_page(
        workspace.pk, status=status, reason=reason, words=words, search=search, sort=sort, limit=limit, cursor=cursor
    )
    return {
        "id": workspace.pk,
        "version": queries.newest_event(workspace.pk),
        "created_at": workspace.created_at,
        "entries": queries.shown_entries(workspace.pk, rows),
        "next_cursor": following,
    }


@router.post(
    "/todo/entries", response=responses(schemas.EntriesOut, status=201), operation_id="agent.orchestration.todoEntriesCreate"
)
def create(request: Request, workspaceID: Path[str], body: schemas.EntriesIn, idempotency_key: Key = None) -> Any:
    """Add entries, all or none. `depends_on` names entries, or refs of this call. The same `Idempotency-Key` counts once."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    chosen = [drafts.from_request(item) for item in body.entries]
    created = entries.add(workspace.pk, chosen, by=request.auth, idempotency_key=once(request, idempotency_key), blocks_poor=True)
    rows = Entry.objects.filter(pk__in=[entry.pk for entry in created]).select_related("account").order_by("seq")
    return Status(201, {"entries": queries.shown_entries(workspace.pk, list(rows))})


@router.get("/todo/entries/{entryID}", response=responses(schemas.EntryOut), operation_id="agent.orchestration.todoEntryGet")
def get_entry(request: Request, workspaceID: Path[str], entryID: str) -> Any:
    """One entry."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return _shown(workspace.pk, queries.entry_for(workspace.pk, entryID))


@router.patch(
    "/todo/entries/{entryID}",
    response=responses(schemas.EntryOut, conflict=True),
    operation_id="agent.orchestration.todoEntryUpdate",
)
def update(request: Request, workspaceID: Path[str], entryID: str, body: schemas.EntryChange) -> Any:
    """Change the text, the spec, the group, the dependencies or the required labels of an entry that is not at work."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    spec = body.spec.model_dump(exclude_none=True) if body.spec else None
    change = fields.change(dict(body) | {"spec": spec})
    entry = queries.entry_for(workspace.pk, entryID)
    return _shown(workspace.pk, content.edit(entry, change, by=request.auth, seen=body.version or ""))


@router.delete(
    "/todo/entries/{entryID}",
    response=responses(schemas.Deleted, conflict=True),
    operation_id="agent.orchestration.todoEntryDelete",
)
def delete(request: Request, workspaceID: Path[str], entryID: str) -> Any:
    """Take an entry off the backlog. Its sessions and what it cost stay on record."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    entries.delete(queries.entry_for(workspace.pk, entryID), by=request.auth)
    return {"deleted": True}


@router.patch(
    "/todo/entries/{entryID}/status",
    response=responses(schemas.EntryOut, conflict=True),
    operation_id="agent.orchestration.todoEntryStatus",
)
def set_status(request: Request, workspaceID: Path[str], entryID: str, body: schemas.StatusIn) -> Any:
    """`blocked` holds an entry back, `pending` releases or reopens it, `done` marks it done."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    verb = {"blocked": entry_actions.put_on_hold, "pending": entry_actions.resume, "done": entry_actions.mark_done}[body.status]
    return _shown(workspace.pk, verb(queries.entry_for(workspace.pk, entryID), by=request.auth, reason=body.reason))


@router.patch(
    "/todo/entries/{entryID}/priority", response=responses(schemas.EntryOut), operation_id="agent.orchestration.todoEntryPriority"
)
def set_priority(request: Request, workspaceID: Path[str], entryID: str, body: schemas.PriorityIn) -> Any:
    """Change an entry's place in line."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    entry = queries.entry_for(workspace.pk, entryID)
    return _shown(workspace.pk, entry_actions.set_priority(entry, entries.PRIORITIES[body.priority], by=request.auth))


@router.patch(
    "/todo/entries/{entryID}/rounds", response=responses(schemas.EntryOut), operation_id="agent.orchestration.todoEntryRounds"
)
def set_rounds(request: Request, workspaceID: Path[str], entryID: str, body: schemas.RoundsIn) -> Any:
    """Change how many rounds an entry may make. One that failed for want of rounds goes on."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    return _shown(
        workspace.pk, entry_edits.set_rounds(queries.entry_for(workspace.pk, entryID), body.budget_rounds, by=request.auth)
    )


@router.post(
    "/todo/entries/{entryID}/stop",
    response=responses(schemas.StoppedAll, conflict=True),
    exclude_unset=True,
    operation_id="agent.orchestration.todoEntryStop",
)
def stop(request: Request, workspaceID: Path[str], entryID: str) -> Any:
    """End an entry's session, or those of all its children, and hold them until someone resumes the entry. `stopped` is true once they are
    proven to have ended; those that have not within five seconds are named in `alive`."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    asked = sessions.stop_entry(queries.entry_for(workspace.pk, entryID), by=request.auth)
    alive = stopping.wait_for_ends(workspace.pk, among=asked) if asked else []
    return {"stopped": False, "alive": alive} if alive else {"stopped": True}


@router.post(
    "/todo/entries/{entryID}/split",
    response=responses(schemas.SplitOut, status=201, conflict=True),
    operation_id="agent.orchestration.todoEntrySplit",
)
def split(request: Request, workspaceID: Path[str], entryID: str, body: schemas.SplitIn) -> Any:
    """Split an entry into children, which do its work from now on. `depends_on` names entries, or refs of this call; what is left of the
    entry's own budget is divided among them."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    entry = queries.entry_for(workspace.pk, entryID)
    chosen = [drafts.child_from_request(item, entry) for item in body.entries]
    children = splitting.split(entry, chosen, by=request.auth, reason=body.reason)
    return Status(201, _split(workspace.pk, entry, children))


@router.delete(
    "/todo/entries/{entryID}/split",
    response=responses(schemas.EntryOut, conflict=True),
    operation_id="agent.orchestration.todoEntrySplitUndo",
)
def undo_split(request: Request, workspaceID: Path[str], entryID: str) -> Any:
    """Delete the children of an entry while none of them has started: it is as it was before."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    return _shown(workspace.pk, splitting.undo(queries.entry_for(workspace.pk, entryID), by=request.auth))


@router.get(
    "/todo/entries/{entryID}/diff",
    response=responses(None),
    operation_id="agent.orchestration.todoEntryDiff",
    openapi_extra=extra_content(**{"text/plain": {"type": "string"}}),
)
def get_diff(request: Request, workspaceID: Path[str], entryID: str) -> Any:
    """The changes of an entry against the integration branch, as git's patch with secrets masked. 404 before its first commit."""
    workspace = access.workspace_for(request.auth, workspaceID)
    patch = entry_diff.patch(queries.entry_for(workspace.pk, entryID))
    response = HttpResponse(patch, content_type="text/plain; charset=utf-8")
    response["X-Content-Type-Options"] = "nosniff"
    return response


@router.get(
    "/todo/entries/{entryID}/spec", response=responses(schemas.SpecOut), operation_id="agent.orchestration.todoEntrySpecGet"
)
def get_spec(request: Request, workspaceID: Path[str], entryID: str) -> Any:
    """An entry's spec, and the paths that it locks."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return _spec(queries.entry_for(workspace.pk, entryID))


@router.put(
    "/todo/entries/{entryID}/spec", response=responses(schemas.SpecOut), operation_id="agent.orchestration.todoEntrySpecPut"
)
def put_spec(request: Request, workspaceID: Path[str], entryID: str, body: schemas.Spec) -> Any:
    """Replace an entry's spec, unless it is frozen or at work."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    entry = queries.entry_for(workspace.pk, entryID)
    return _spec(entry_edits.set_spec(entry, body.model_dump(exclude_none=True), by=request.auth))


@router.post(
    "/todo/entries/{entryID}/spec/freeze",
    response=responses(schemas.SpecOut),
    operation_id="agent.orchestration.todoEntrySpecFreeze",
)
def freeze_spec(request: Request, workspaceID: Path[str], entryID: str) -> Any:
    """From now on nobody changes the spec."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    return _spec(entry_edits.freeze_spec(queries.entry_for(workspace.pk, entryID), by=request.auth))


@router.get(
    "/todo/entries/{entryID}/rounds", response=responses(schemas.RoundsOut), operation_id="agent.orchestration.todoEntryRoundsGet"
)
def get_rounds(request: Request, workspaceID: Path[str], entryID: str, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """An entry's rounds: cost, score, what verification found, and the evidence."""
    workspace = access.workspace_for(request.auth, workspaceID)
    rows, following = queries.rounds_page(queries.entry_for(workspace.pk, entryID), limit=limit, cursor=cursor)
    return {"rounds": rows, "next_cursor": following}


def _shown(workspace_id: str, entry: Entry) -> dict[str, Any]:
    fresh = queries.entry_for(workspace_id, entry.pk)
    return queries.shown_entries(workspace_id, [fresh])[0]


def _split(workspace_id: str, entry: Entry, children: Sequence[Entry]) -> dict[str, Any]:
    rows = Entry.objects.filter(pk__in=[child.pk for child in children]).select_related("account").order_by("seq")
    shown = queries.shown_entries(workspace_id, [queries.entry_for(workspace_id, entry.pk), *rows])
    return {"entry": shown[0], "entries": shown[1:]}


def _spec(entry: Entry) -> dict[str, Any]:
    return {"spec": entry.spec, "spec_frozen": entry.spec_frozen, "paths": entry.paths}
