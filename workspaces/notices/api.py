"""The notices calls. Members see which channels exist; admins create them and see their targets."""

from typing import Annotated, Any, Literal

from ninja import Path, Query, Router, Status

from workspaces import access
from workspaces.access import Need, Request
from workspaces.models import Channel
from workspaces.notices import channels, deliveries, schemas, sending
from workspaces.schemas import Cursor, Limit, responses

router = Router()


@router.get(
    "/notices/channels",
    response=responses(schemas.ChannelsOut),
    operation_id="agent.orchestration.channelsList",
    tags=["notices"],
)
def channels_list(request: Request, workspaceID: Path[str]) -> Any:
    """The channels that notices go to, at most fifty. Where exactly is for admins to see."""
    workspace = access.workspace_for(request.auth, workspaceID)
    whole = request.auth.may(Need.ADMIN, workspace)
    return {"channels": [schemas.channel(row, whole=whole) for row in channels.list_all(workspace.pk)]}


@router.post(
    "/notices/channels",
    response=responses(schemas.ChannelMadeOut, status=201),
    operation_id="agent.orchestration.channelsCreate",
    tags=["notices"],
)
def channels_create(request: Request, workspaceID: Path[str], body: schemas.ChannelIn) -> Any:
    """Make a channel. A webhook's signing secret is in this answer and nowhere else."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    settings = channels.ChannelSettings(
        name=body.name,
        target=body.target,
        verbs=body.verbs,
        enabled=body.enabled,
        digest=body.digest.settings() if body.digest else None,
    )
    channel, secret = channels.create(workspace, Channel.Kind(body.kind), settings, by=request.auth)
    return Status(201, schemas.channel(channel, whole=True) | {"secret": secret or None})


@router.patch(
    "/notices/channels/{channelID}",
    response=responses(schemas.ChannelMadeOut),
    operation_id="agent.orchestration.channelsUpdate",
    tags=["notices"],
)
def channels_update(request: Request, workspaceID: Path[str], channelID: str, body: schemas.ChannelChangesIn) -> Any:
    """Change a channel, or switch it on or off. `secret` is null unless a new one was wanted."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    settings = channels.ChannelSettings(
        body.name, body.target, body.verbs, body.enabled, body.new_secret, body.digest.settings() if body.digest else None
    )
    row, secret = channels.change(channels.channel_for(workspace.pk, channelID), settings, by=request.auth)
    return schemas.channel(row, whole=True) | {"secret": secret or None}


@router.delete(
    "/notices/channels/{channelID}",
    response=responses(schemas.ChannelGoneOut),
    operation_id="agent.orchestration.channelsDelete",
    tags=["notices"],
)
def channels_delete(request: Request, workspaceID: Path[str], channelID: str) -> Any:
    """Take a channel away, with the log of what went to it."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    channels.remove(channels.channel_for(workspace.pk, channelID), by=request.auth)
    return {"deleted": True}


@router.post(
    "/notices/channels/{channelID}/test",
    response=responses(schemas.ChannelTestedOut),
    operation_id="agent.orchestration.channelsTest",
    tags=["notices"],
)
def channels_test(request: Request, workspaceID: Path[str], channelID: str) -> Any:
    """Send a test now, and answer how it went."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    sent = sending.test(channels.channel_for(workspace.pk, channelID))
    return {"delivered": sent.state == "delivered", "status": sent.status, "took_ms": sent.took_ms or 0, "answer": sent.answer}


@router.get(
    "/notices/deliveries",
    response=responses(schemas.DeliveriesOut),
    operation_id="agent.orchestration.deliveriesList",
    tags=["notices"],
)
def deliveries_list(
    request: Request,
    workspaceID: Path[str],
    limit: Limit = 100,
    cursor: Cursor = None,
    channel: Annotated[str, Query(max_length=40, pattern="^[a-z0-9_]*$")] = "",
    state: Literal["", "pending", "delivered", "failed"] = "",
) -> Any:
    """What was sent, newest first. `answer` is what the receiver said, for admins, or what went wrong."""
    workspace = access.workspace_for(request.auth, workspaceID)
    whole = request.auth.may(Need.ADMIN, workspace)
    rows, following = deliveries.page(workspace.pk, limit=limit, cursor=cursor, channel=channel, state=state)
    shown = [schemas.delivery(row, whole=whole) for row in rows]
    return {"deliveries": shown, "next_cursor": following}


@router.post(
    "/notices/deliveries/{deliveryID}/retry",
    response=responses(schemas.DeliveryOut),
    operation_id="agent.orchestration.deliveriesRetry",
    tags=["notices"],
)
def deliveries_retry(request: Request, workspaceID: Path[str], deliveryID: str) -> Any:
    """Send a delivery once more, under its own id."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.ADMIN)
    return schemas.delivery(deliveries.retry(workspace.pk, deliveryID, by=request.auth), whole=True)
