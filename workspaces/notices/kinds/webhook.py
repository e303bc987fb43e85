"""A webhook: the payload of docs/reference/notices.md, signed."""

from workspaces.models import Delivery
from workspaces.notices.kinds import messages, signing
from workspaces.notices.kinds.shape import Kind, post
from workspaces.outgoing.posting import Result
from workspaces.secrets.sealing import Sealed


def _send(delivery: Delivery, message_id: str) -> Result:
    sealed = delivery.channel.sealed
    try:
        return post(delivery, messages.payload(delivery), lambda body: signing.headers(sealed, message_id=message_id, body=body))
    except Sealed:
        return Result(False, "Its secret was sealed with another MUSTER_SECRET_KEY: make a new one")


KIND = Kind("Webhook", _send, is_signed=True)
