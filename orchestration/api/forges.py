"""Pull requests, and where a forge posts its webhooks. A webhook's signature is the credential: there is no token, and nothing of the body is believed but what it is about."""

from typing import Any

from django.http import HttpRequest
from ninja import Path, Router

from orchestration import schemas
from orchestration.forges import KINDS
from orchestration.forges.shared import webhooks
from orchestration.forges.shared.interface import Kind
from orchestration.models import Executor, PullRequest
from orchestration.pull_requests import connecting, sync
from orchestration.triggers.issues import looking
from workspaces import access, paging
from workspaces.access import Request
from workspaces.errors import Invalid, Unauthorized
from workspaces.schemas import Cursor, Limit, responses
from workspaces.values import ids

router = Router(tags=["landing"])

REFUSED = "The signature is wrong: give the forge the value of this workspace's secret FORGE_WEBHOOK_SECRET"


@router.get("/pull-requests", response=responses(schemas.PullRequestsOut), operation_id="agent.orchestration.pullRequestsGet")
def list_pull_requests(request: Request, workspaceID: Path[str], limit: Limit = 100, cursor: Cursor = None) -> Any:
    """The workspace's pull requests, newest first, each with what CI says of its head."""
    workspace = access.workspace_for(request.auth, workspaceID)
    rows = PullRequest.objects.filter(workspace=workspace).select_related("entry").defer("entry__spec", "entry__content")
    shown, following = paging.page(rows, "-pk", limit=limit, cursor=cursor)
    return {"pull_requests": shown, "next_cursor": following}


@router.post("/forge/webhook", response=responses(schemas.Ok), auth=None, include_in_schema=False)
def receive(request: HttpRequest, workspaceID: Path[str]) -> Any:
    """Make what it is about due. A workspace that is not there, or has no forge or secret, answers like one with another secret."""
    body, kind = request.body, _kind(workspaceID)  # one too large is refused alike, whether there is a forge or not
    if kind is None:
        raise Unauthorized(REFUSED)
    secret = connecting.webhook_secret(workspaceID)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        delivery = webhooks.read(kind.WEBHOOK, headers, body, secret)
    except webhooks.BadSignature:
        raise Unauthorized(REFUSED) from None
    except webhooks.BadPayload as problem:
        raise Invalid(str(problem)) from None
    if sync.received(workspaceID, delivery) and delivery.issues:
        looking.wake(workspaceID)
    return {"ok": True}


def _kind(workspace_id: str) -> Kind | None:
    """The workspace's forge, if it has one."""
    if not ids.is_id(workspace_id):
        return None
    alive = Executor.objects.filter(pk=workspace_id, workspace__deleted_at__isnull=True).first()
    config = connecting.config_of(workspace_id) if alive else None
    return KINDS[config.forge.kind] if config and config.forge else None
