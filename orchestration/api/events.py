"""The activity log."""

from typing import Annotated, Any

from ninja import Path, Query, Router

from orchestration import schemas
from orchestration.edge import queries
from workspaces import access, paging
from workspaces.access import Request
from workspaces.schemas import Cursor, Limit, responses

router = Router(tags=["events"])


@router.get("/todo/events", response=responses(schemas.EventsOut), operation_id="agent.orchestration.todoEvents")
def get_events(
    request: Request,
    workspaceID: Path[str],
    after: Annotated[int, Query(ge=0, le=10**15)] = 0,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """What was done, by whom and why, oldest first, after event number `after` (or a `cursor`, which is the same)."""
    workspace = access.workspace_for(request.auth, workspaceID)
    start = after if cursor is None else paging.position(cursor)
    events, following = paging.cut(queries.events_after(workspace.pk, after=start, limit=limit + 1), limit)
    shown = [
        {
            "id": event.pk,
            "at": event.at,
            "actor": event.actor,
            "actor_kind": event.actor_kind,
            "verb": event.verb,
            "object_id": event.object_id or None,
            "data": event.data,
            "reason": event.reason,
        }
        for event in events
    ]
    return {"events": shown, "next_cursor": following}
