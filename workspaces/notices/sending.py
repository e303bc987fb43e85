"""Sends due deliveries, in a thread of its own in the control worker, so that a slow receiver delays neither cycle nor tick."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import structlog
from django.db import close_old_connections, connections
from django.db.models.functions import Now

from workspaces.models import Channel, Delivery
from workspaces.notices import channels, deliveries
from workspaces.notices.kinds import kind_of, messages
from workspaces.outgoing.posting import Result
from workspaces.secrets import masking

log = structlog.get_logger(__name__)

MAX_AT_ONCE = 4
TURN_S = 5.0
"""A channel's turn ends after so many seconds, so that slow channels share the sender with fast ones."""
PRUNE_EVERY_S = 3600
wake_up = threading.Event()
"""Set by a message: deliveries may be due. A lost message costs one tick."""


def run_forever(tick_s: float) -> None:
    """The sender's thread: drains at every wake-up and every tick, and prunes the log once an hour."""
    pruned = time.monotonic()
    while True:
        wake_up.wait(tick_s)
        wake_up.clear()
        close_old_connections()
        try:
            drain()
            if time.monotonic() - pruned > PRUNE_EVERY_S:
                pruned = time.monotonic()
                deliveries.prune()
        except Exception:
            log.exception("notices.failed")
            connections.close_all()


def drain() -> int:
    """Send all due deliveries: at most four channels in parallel, one delivery of each at a time. Returns how many arrived."""
    waiting = deliveries.list_due()
    if not waiting:
        return 0
    with ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="notice") as pool:
        return sum(pool.map(_send_queue, waiting.values()))


def _send_queue(ids: Sequence[int]) -> int:
    """Send one channel's deliveries, until the first failure. Sets `wake_up` when some are left."""
    arrived, until = 0, time.monotonic() + TURN_S
    try:
        for delivery_id in ids:
            if time.monotonic() > until:
                wake_up.set()
                break
            result = attempt(delivery_id)
            if result is not None and not result.ok:
                break
            arrived += result is not None
        else:
            if len(ids) == deliveries.MAX_BATCH:
                wake_up.set()
    except Exception:
        log.exception("notices.failed", delivery=delivery_id)
    finally:
        connections.close_all()
    return arrived


def attempt(delivery_id: int) -> Result | None:
    """Claim a delivery and send it. None: it could not be claimed."""
    delivery = deliveries.claim(delivery_id)
    if delivery is None:
        return None
    result = send(delivery)
    deliveries.settle(delivery, result)
    return result


def test(channel: Channel) -> Delivery:
    """Send a test now, whether the channel is on or off. Returns the delivery with its result."""
    lease = Now() + timedelta(seconds=deliveries.LEASE_S)  # so that no sender claims it
    created = Delivery.objects.create(channel=channel, attempts=1, due_at=lease, tried_at=Now())
    delivery = Delivery.objects.select_related("channel__workspace").get(pk=created.pk)
    deliveries.settle(delivery, send(delivery))
    delivery.refresh_from_db(fields=["state", "status", "answer", "took_ms"])
    return delivery


def send(delivery: Delivery) -> Result:
    """The attempt itself, logged without the target. No transaction is open meanwhile."""
    try:
        with masking.hiding(channels.mask_of(delivery.channel)):
            result = kind_of(delivery.channel).send(delivery, messages.message_id(delivery))
    except Exception as error:  # a delivery that always raises would be tried forever, and block its channel
        log.exception("notice.unsendable", delivery=delivery.pk)
        result = Result(False, f"It could not be sent: {type(error).__name__}")
    why = "" if result.ok or result.status else result.text
    log.info("notice.sent", delivery=delivery.pk, channel=delivery.channel_id, ok=result.ok, status=result.status, why=why)
    return result
