"""The config calls: read the config, change parts of it."""

from typing import Any

from ninja import Body, Path, Router

from orchestration import configuration
from orchestration.configuration import workspace_setup
from orchestration.edge import queries
from workspaces import access
from workspaces.access import Need, Request
from workspaces.schemas import responses

router = Router(tags=["config"])


@router.get("/config", response=responses(dict[str, Any]), operation_id="agent.orchestration.configGet")
def get_config(request: Request, workspaceID: Path[str]) -> Any:
    """The workspace's config, with every default filled in."""
    workspace = access.workspace_for(request.auth, workspaceID)
    config = configuration.as_json(configuration.load(queries.executor_for(workspace.pk).config))
    return config if request.auth.may(Need.ADMIN, workspace) else configuration.without_values(config)


@router.patch("/config", response=responses(dict[str, Any]), operation_id="agent.orchestration.configUpdate")
def update_config(request: Request, workspaceID: Path[str], body: dict[str, Any] = Body(...)) -> Any:  # noqa: B008  (ninja's idiom)
    """Change parts: objects are merged by key, lists replaced, null takes a key back to its default."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    return configuration.as_json(workspace_setup.configure(workspace, body, by=request.auth))
