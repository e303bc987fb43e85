"""The agent calls: whether agents can work, the versions of their programs, their secrets and credentials."""

from typing import Annotated, Any

from django.utils.timezone import now
from ninja import Path, Query, Router

from orchestration import schemas
from orchestration.configuration import circuit_breaker, credentials, secrets
from orchestration.edge import credential_states, queries
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


@router.get(
    "/credentials",
    response=responses(schemas.CredentialsOut),
    operation_id="agent.orchestration.credentialsList",
    tags=["config"],
)
def list_credentials(request: Request, workspaceID: Path[str]) -> Any:
    """The credentials that serve agents: billing, windows, and whether each is limited. Keys never leave the server but into an agent's environment."""
    return {"credentials": _credentials(access.workspace_for(request.auth, workspaceID).pk)}


@router.post(
    "/credentials/{path:credentialName}/retry",
    response=responses(schemas.Ok),
    operation_id="agent.orchestration.credentialsRetry",
    tags=["config"],
)
def retry_credential(request: Request, workspaceID: Path[str], credentialName: Path[str]) -> Any:
    """Close its circuit breakers: what waits for it may start now."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    circuit_breaker.try_again(workspace.pk, by=request.auth, credential=credentialName)
    return {"ok": True}


@router.put(
    "/credentials/{path:credentialName}",
    response=responses(schemas.CredentialOut),
    operation_id="agent.orchestration.credentialsSet",
    tags=["config"],
)
def put_credential(request: Request, workspaceID: Path[str], credentialName: Path[str], body: schemas.CredentialIn) -> Any:
    """Add one, or change what is given of it; null resets."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    row = credentials.put(workspace.pk, credentialName, body.model_dump(exclude_unset=True), by=request.auth)
    return next(state for state in _credentials(workspace.pk) if state["name"] == row.name)


@router.delete(
    "/credentials/{path:credentialName}",
    response=responses(schemas.Deleted),
    operation_id="agent.orchestration.credentialsDelete",
    tags=["config"],
)
def delete_credential(request: Request, workspaceID: Path[str], credentialName: Path[str]) -> Any:
    """Refused while an agent of the config names it."""
    credentials.remove(access.workspace_for(request.auth, workspaceID, Need.ADMIN).pk, credentialName, by=request.auth)
    return {"deleted": True}


def _credentials(workspace_id: str) -> list[dict[str, Any]]:
    at = now()
    return [credential_states.as_json(state, at) for state in credential_states.of_executor(queries.executor_for(workspace_id))]


def _shown(row: Secret) -> dict[str, Any]:
    return {"name": row.name, "changed_by": row.changed_by, "changed_at": row.changed_at}
