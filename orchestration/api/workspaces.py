"""The workspace calls."""

from typing import Any

from ninja import Path, Router, Status

from budget import amounts
from orchestration import configuration, schemas
from orchestration.configuration import workspace_setup
from orchestration.demo import starting
from workspaces import access, paging
from workspaces.access import Caller, Need, Request
from workspaces.models import Workspace
from workspaces.schemas import Cursor, Limit, responses

router = Router(tags=["workspaces"])


@router.post("", response=responses(schemas.WorkspaceOut, status=201), operation_id="agent.orchestration.workspacesCreate")
def create(request: Request, body: schemas.WorkspaceIn) -> Any:
    """Put a repository under Muster: a path on the server, or a git URL."""
    access.check_may_create(request.auth)
    workspace = workspace_setup.create(
        body.name,
        body.repo,
        base_branch=body.base_branch,
        total_budget=body.total_budget_usd,
        max_project_spend=body.max_project_spend_usd,
        config=body.config,
        by=request.auth,
    )
    return Status(201, _shown(workspace, request.auth))


@router.get("", response=responses(schemas.WorkspacesOut), operation_id="agent.orchestration.workspacesList")
def list_all(
    request: Request,
    limit: Limit = 100,
    cursor: Cursor = None,
    demos: bool | None = None,
) -> Any:
    """The workspaces that you may see, newest first. `demos`: false leaves out runs of the demo."""
    start = paging.position(cursor) if cursor is not None else 0
    visible = access.workspaces_for(request.auth).select_related("project", "executor")
    workspaces = list((starting.without_demos(visible) if demos is False else visible)[start : start + limit + 1])
    following = str(start + limit) if len(workspaces) > limit else None
    return {"workspaces": [_shown(workspace, request.auth) for workspace in workspaces[:limit]], "next_cursor": following}


@router.get("/{workspaceID}", response=responses(schemas.WorkspaceOut), operation_id="agent.orchestration.workspaceGet")
def get_one(request: Request, workspaceID: Path[str]) -> Any:
    """One workspace."""
    return _shown(access.workspace_for(request.auth, workspaceID), request.auth)


@router.patch("/{workspaceID}", response=responses(schemas.WorkspaceOut), operation_id="agent.orchestration.workspaceUpdate")
def update(request: Request, workspaceID: Path[str], body: schemas.WorkspaceChange) -> Any:
    """Rename it, or change its two amounts."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    workspace_setup.change(
        workspace,
        name=body.name,
        total_budget=body.total_budget_usd,
        max_project_spend=body.max_project_spend_usd,
        by=request.auth,
    )
    return _shown(Workspace.objects.get(pk=workspace.pk), request.auth)


@router.delete("/{workspaceID}", response=responses(schemas.Deleted), operation_id="agent.orchestration.workspaceDelete")
def delete(request: Request, workspaceID: Path[str]) -> Any:
    """Hide it for good; refused while sessions run. What it spent stays on record."""
    workspace_setup.delete(access.workspace_for(request.auth, workspaceID, Need.ADMIN), by=request.auth)
    return {"deleted": True}


def _shown(workspace: Workspace, caller: Caller) -> dict[str, Any]:
    config = configuration.as_json(configuration.load(workspace.executor.config))
    return {
        "id": workspace.pk,
        "name": workspace.name,
        "repo": workspace.shown_origin or workspace.repo,
        "base_branch": workspace.base_branch,
        "total_budget_usd": amounts.number(workspace.project.total_budget),
        "max_project_spend_usd": amounts.number(workspace.project.max_project_spend),
        "state": workspace.executor.state,
        "config": config if caller.may(Need.ADMIN, workspace) else configuration.without_values(config),
        "created_at": workspace.created_at,
    }
