"""The webhooks of triggers: a sender has the trigger's secret, and its data becomes an entry, once for each delivery."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from standardwebhooks import Webhook, WebhookVerificationError

from orchestration.models import Firing, Trigger
from orchestration.triggers import firing, quoting
from orchestration.triggers.firing import FromOutside
from workspaces.errors import Invalid, TooMany, Unauthorized
from workspaces.notices.kinds import signing
from workspaces.people import throttle
from workspaces.secrets import sealing
from workspaces.secrets.masking import Mask
from workspaces.values import ids

PURPOSE = "muster triggers 1"
MAX_BYTES = 64 * 1024
MAX_CALLS = 300
"""The calls of one trigger in the throttle's window."""
MAX_BAD = 30
"""The calls with a wrong secret from one address, in the same window."""
REFUSED = "The secret or the signature is wrong: send `Authorization: Bearer SECRET`, or the headers of Standard Webhooks"
ID, SIGNATURE = "webhook-id", "webhook-signature"


@dataclass(frozen=True, slots=True)
class Delivery:
    """`headers`: their names in lower case. `address`: of its sender."""

    headers: Mapping[str, str]
    body: bytes
    address: str


def new_secret() -> tuple[str, bytes]:
    """A secret, and as it is kept: a signature can be checked with the whole of it alone."""
    secret = signing.new_secret()
    return secret, sealing.seal(secret, purpose=PURPOSE)


def receive(workspace_id: str, trigger_id: str, delivery: Delivery, *, now: datetime) -> Firing:
    """Fire once for its id. Raises Unauthorized, also where there is no such trigger, Invalid, and TooMany."""
    trigger = _trigger(workspace_id, trigger_id)
    if trigger is None or not _is_known(trigger, delivery):
        if (wait := throttle.count("wrong secrets of triggers", delivery.address, MAX_BAD)) is not None:
            raise TooMany(wait)
        raise Unauthorized(REFUSED)
    key = _key(delivery)
    if before := trigger.firings.filter(key=key).first():
        return before
    text = _text(delivery.body)
    if (wait := throttle.count(f"calls of {trigger.pk}", "", MAX_CALLS)) is not None:
        raise TooMany(wait, "calls")
    return firing.fire(trigger, key, now=now, outside=FromOutside(quoting.of_delivery(text)))


def _trigger(workspace_id: str, trigger_id: str) -> Trigger | None:
    if not (ids.is_id(workspace_id) and ids.is_id(trigger_id)):
        return None
    alive = Trigger.objects.filter(deleted_at__isnull=True, workspace__deleted_at__isnull=True, kind=Trigger.Kind.WEBHOOK)
    return alive.filter(pk=trigger_id, workspace_id=workspace_id).first()


def _is_known(trigger: Trigger, delivery: Delivery) -> bool:
    try:
        secret = sealing.unseal(trigger.sealed, purpose=PURPOSE) if trigger.sealed else ""
    except sealing.Sealed:
        return False
    if not secret:
        return False
    Mask({"the trigger's secret": secret})  # known from now on, also in what others write
    if SIGNATURE in delivery.headers:
        return _is_signed(delivery, secret)
    scheme, _, token = delivery.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), secret.encode())


def _is_signed(delivery: Delivery, secret: str) -> bool:
    """By Standard Webhooks: HMAC-SHA256 of the id, the time and the body. The time may differ by five minutes."""
    try:
        Webhook(secret).verify(delivery.body, dict(delivery.headers), json_parse=False)
    except (WebhookVerificationError, ValueError):  # the latter: what is no signature at all, or no text
        return False
    return True


def _key(delivery: Delivery) -> str:
    name = delivery.headers.get(ID, "")
    if not (0 < len(name) <= 200 and name.isprintable()):
        raise Invalid("Send the header webhook-id, which names the delivery: 1 to 200 printable characters", ID)
    return f"hook:{hashlib.sha256(name.encode()).hexdigest()}"


def _text(body: bytes) -> str:
    if len(body) > MAX_BYTES:
        raise Invalid("The body is larger than 64 kB")
    try:
        text = body.decode()
        json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("The body is no JSON") from None
    return text.strip()
