"""Signing by Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`. Receivers verify it with existing libraries."""

import base64
import secrets
from datetime import datetime

from django.utils.timezone import now
from standardwebhooks import Webhook

from workspaces.secrets import sealing

PURPOSE = "muster webhooks 1"


def new_secret() -> str:
    """256 random bits, in the format of the receivers' libraries."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def seal(secret: str) -> bytes:
    return sealing.seal(secret, purpose=PURPOSE)


def unseal(sealed: bytes | memoryview) -> str:
    """Raises sealing.Sealed."""
    return sealing.unseal(sealed, purpose=PURPOSE)


def headers(sealed: bytes | memoryview, *, message_id: str, body: str, at: datetime | None = None) -> dict[str, str]:
    """The three headers. The time is that of this attempt: receivers refuse messages older than five minutes. Raises sealing.Sealed."""
    when = at or now()
    signature = Webhook(unseal(sealed)).sign(message_id, when, body)
    return {"webhook-id": message_id, "webhook-timestamp": str(int(when.timestamp())), "webhook-signature": signature}
