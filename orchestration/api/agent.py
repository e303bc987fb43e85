"""The agent calls: whether agents can work, the versions of their programs, and their secrets."""

from typing import Annotated, Any

from ninja import Path, Query, Router

from orchestration import schemas
from orchestration.configuration import circuit_breaker, secrets
from orchestration.edge import queries
from orchestration.models import Secret
from workspaces import access
from workspaces.access import Need, Request
from workspaces.schemas import responses

router = Router(tags=["executor"])


@router.get("/executor/agent", response=responses(schemas.AgentOut), operation_id="agent.orchestration.agentGet")
def get_agent(request: Request, workspaceID: Path[str]) -> Any:
    """Whether the workspace's agents can work: the breaker with its reason, the programs on the workers' hosts, the last push."""
    return queries.agent_state(access.workspace_for(request.auth, workspaceID).pk)


@router.post("/executor/agent/retry", response=responses(schemas.Ok), operation_id="agent.orchestration.agentRetry")
def retry(request: Request, workspaceID: Path[str], credential: Annotated[str, Query(max_length=200)] = "") -> Any:
    """Close the circuit breakers, or those of this credential: what waits for the provider may start now."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    circuit_breaker.try_again(workspace.pk, by=request.auth, credential=credential)
    return {"ok": True}


@router.get("/secrets", response=responses(schemas.SecretsOut), operation_id="agent.orchestration.secretsList", tags=["config"])
def list_secrets(request: Request, workspaceID: Path[str]) -> Any:
    """Their names. Values never leave the server but into an agent's environment."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return {"secrets": [_shown(row) for row in Secret.objects.filter(workspace=workspace).order_by("name")]}


@router.put(
    "/secrets/{secretName}", response=responses(schemas.SecretOut), operation_id="agent.orchestration.secretsSet", tags=["config"]
)
def put_secret(request: Request, workspaceID: Path[str], secretName: str, body: schemas.SecretIn) -> Any:
    """Set or replace one."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    return _shown(secrets.put(workspace.pk, secretName, body.value, by=request.auth))


@router.delete(
    "/secrets/{secretName}",
    response=responses(schemas.Deleted),
    operation_id="agent.orchestration.secretsDelete",
    tags=["config"],
)
def delete_secret(request: Request, workspaceID: Path[str], secretName: str) -> Any:
    """Agents started from now on do not get it."""
    secrets.remove(access.workspace_for(request.auth, workspaceID, Need.ADMIN).pk, secretName, by=request.auth)
    return {"deleted": True}


def _shown(row: Secret) -> dict[str, Any]:
    return {"name": row.name, "changed_by": row.changed_by, "changed_at": row.changed_at}
