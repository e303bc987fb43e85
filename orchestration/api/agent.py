"""The agent calls: whether agents can work, the versions of their programs, their secrets, files and credentials."""

import base64
import binascii
from typing import Annotated, Any

from django.utils.timezone import now
from ninja import Path, Query, Router

from orchestration import schemas
from orchestration.configuration import circuit_breaker, credentials, secrets
from orchestration.edge import credential_states, queries
from orchestration.models import Secret
from orchestration.repositories import ignored_files
from workspaces import access
from workspaces.access import Need, Request
from workspaces.errors import Invalid
from workspaces.files import bundle
from workspaces.models import IgnoredFile
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


@router.get("/files", response=responses(schemas.FilesOut), operation_id="agent.orchestration.filesList", tags=["config"])
def list_files(request: Request, workspaceID: Path[str]) -> Any:
    """The files that git ignores and clones get. Their contents never leave the server but into a clone."""
    workspace = access.workspace_for(request.auth, workspaceID)
    rows = list(bundle.of(workspace.pk).defer("sealed"))
    included = ignored_files.of(workspace, [row.path for row in rows])
    return {"files": [_file(row, included.unused.get(row.path)) for row in rows], "missing": included.missing}


@router.put(
    "/files/{path:filePath}", response=responses(schemas.FileOut), operation_id="agent.orchestration.filesSet", tags=["config"]
)
def put_file(request: Request, workspaceID: Path[str], filePath: Path[str], body: schemas.FileIn) -> Any:
    """Add or replace one. The checks run again with it."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    try:
        content = base64.b64decode(body.content, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("must be base64", "content") from None
    row = ignored_files.put(workspace, filePath, content, by=request.auth)
    return _file(row, ignored_files.of(workspace, [row.path]).unused.get(row.path))


@router.delete(
    "/files/{path:filePath}",
    response=responses(schemas.Deleted),
    operation_id="agent.orchestration.filesDelete",
    tags=["config"],
)
def delete_file(request: Request, workspaceID: Path[str], filePath: Path[str]) -> Any:
    """Clones lose it with their next session."""
    ignored_files.remove(access.workspace_for(request.auth, workspaceID, Need.ADMIN), filePath, by=request.auth)
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


def _file(row: IgnoredFile, unused: str | None) -> dict[str, Any]:
    shown = ("path", "size", "changed_by", "changed_at")
    return {**{name: getattr(row, name) for name in shown}, "unused": unused}
