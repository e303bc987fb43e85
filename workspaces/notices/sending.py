"""Sending what is due, in the control worker: in a thread of its own, so that a slow receiver holds up neither cycle nor tick."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import structlog
from django.db import close_old_connections, connections
from django.db.models.functions import Now

from workspaces.models import Channel, Delivery
from workspaces.notices import deliveries, mail, messages, posting, signing
from workspaces.notices.posting import Answer
from workspaces.sealing import Sealed

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 4
TURN_S = 5.0
"""After so long a channel's turn is over, and all are looked at again: those that are slow share the sender with those that are not."""
PRUNE_EVERY_S = 3600
bell = threading.Event()
"""Rung by a doorbell: something may be due. Losing it costs a tick."""


def for_ever(tick_s: float) -> None:
    """The sender's thread: looks at once when the bell rings, and with every tick. Once an hour it clears the log."""
    pruned = time.monotonic()
    while True:
        bell.wait(tick_s)
        bell.clear()
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
    """Send all that is due now: channels side by side, at most four, one delivery of each at a time. Answers how many arrived."""
    waiting = deliveries.due()
    if not waiting:
        return 0
    with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="notice") as pool:
        return sum(pool.map(_work_through, waiting.values()))


def _work_through(ids: Sequence[int]) -> int:
    """One channel's turn. The first that fails ends it: the others wait with it. Rings for what it leaves."""
    arrived, until = 0, time.monotonic() + TURN_S
    try:
        for delivery_id in ids:
            if time.monotonic() > until:
                bell.set()
                break
            answer = attempt(delivery_id)
            if answer is not None and not answer.ok:
                break
            arrived += answer is not None
        else:
            if len(ids) == deliveries.MOST_AT_A_TIME:
                bell.set()
    except Exception:
        log.exception("notices.failed", delivery=delivery_id)
    finally:
        connections.close_all()
    return arrived


def attempt(delivery_id: int) -> Answer | None:
    """Claim one and send it. None: it was not mine to send."""
    delivery = deliveries.claim(delivery_id)
    if delivery is None:
        return None
    answer = send(delivery)
    deliveries.settle(delivery, answer)
    return answer


def test(channel: Channel) -> Delivery:
    """Send a test now, whether the channel is on or off, and answer the delivery with how it went."""
    lease = Now() + timedelta(seconds=deliveries.LEASE_S)  # so that no sender takes it as well
    made = Delivery.objects.create(channel=channel, attempts=1, due_at=lease, tried_at=Now())
    delivery = Delivery.objects.select_related("channel__workspace").get(pk=made.pk)
    deliveries.settle(delivery, send(delivery))
    delivery.refresh_from_db(fields=["state", "status", "answer", "took_ms"])
    return delivery


def send(delivery: Delivery) -> Answer:
    """The one attempt itself, in the log without where it went. No transaction is open meanwhile."""
    by = _mail if delivery.channel.kind == Channel.Kind.EMAIL else _post
    try:
        answer = by(delivery, messages.message_id(delivery))
    except (
        Exception
    ) as error:  # a delivery that always raised would be tried for ever, and its channel's others would wait for it
        log.exception("notice.unsendable", delivery=delivery.pk)
        answer = Answer(False, f"It could not be sent: {type(error).__name__}")
    why = "" if answer.ok or answer.status else answer.text
    log.info("notice.sent", delivery=delivery.pk, channel=delivery.channel_id, ok=answer.ok, status=answer.status, why=why)
    return answer


def _mail(delivery: Delivery, message_id: str) -> Answer:
    subject, text = messages.subject(delivery), messages.text(delivery)
    return mail.send(delivery.channel.target, subject=subject, text=text, message_id=message_id)


def _post(delivery: Delivery, message_id: str) -> Answer:
    body = messages.body(delivery)
    try:
        signed = signing.headers(delivery.channel.sealed, message_id=message_id, body=body)
    except Sealed:
        return Answer(False, "Its secret was sealed with another MUSTER_SECRET_KEY: make a new one")
    headers = {"Content-Type": "application/json", "User-Agent": "Muster/1", "Accept": "*/*", "Connection": "close", **signed}
    return posting.post(delivery.channel.target, body.encode(), headers)
