"""Deliveries: who may send one now, and what becomes of it. A claim is one conditional update that moves `due_at` on by a lease:
a sender that dies leaves a row that comes due again, so an event arrives at least once (ADR 0018).
"""

from collections import defaultdict
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, Window
from django.db.models.functions import Now, RowNumber

from workspaces import activity
from workspaces.access import Caller
from workspaces.activity import events
from workspaces.errors import Invalid, NotFound
from workspaces.models import Channel, Delivery
from workspaces.notices import channels
from workspaces.notices.posting import Answer

LEASE_S = 60
PAUSES_S = (10, 60, 5 * 60, 30 * 60, 2 * 3600)
"""Between the attempts of one delivery; after the last it has failed."""
MOST_IN_A_ROW = 20
"""Failed attempts of a channel, with no success between them, until it is switched off. With their pauses: more than a day."""
GONE = 410
KEPT_DAYS = 90
MOST_AT_A_TIME = 500
"""Of one channel: a flood in one is nobody else's wait."""


def due() -> dict[str, list[int]]:
    """Channel id to its oldest deliveries whose time has come, in order. A channel that failed just now rests."""
    awake = Q(channel__enabled=True) & (Q(channel__rests_until__isnull=True) | Q(channel__rests_until__lte=Now()))
    ready = Delivery.objects.filter(awake, state=Delivery.State.PENDING, due_at__lte=Now())
    place = Window(RowNumber(), partition_by=["channel_id"], order_by=["due_at", "pk"])
    first = ready.annotate(place=place).filter(place__lte=MOST_AT_A_TIME)
    found: dict[str, list[int]] = defaultdict(list)
    for channel_id, pk in first.order_by("due_at", "pk").values_list("channel_id", "pk"):
        found[channel_id].append(pk)
    return dict(found)


def claim(delivery_id: int) -> Delivery | None:
    """Mine to send, for the length of a lease. None: another sender was first, or it is not due any more."""
    mine = Delivery.objects.filter(pk=delivery_id, state=Delivery.State.PENDING, due_at__lte=Now())
    taken = mine.update(due_at=Now() + timedelta(seconds=LEASE_S), attempts=F("attempts") + 1, tried_at=Now())
    if not taken:
        return None
    return Delivery.objects.select_related("channel__workspace", "event").filter(pk=delivery_id).first()


def settle(delivery: Delivery, answer: Answer) -> bool:
    """Write down how an attempt went. False: the lease had passed, and the delivery is another's attempt now."""
    told = {"status": answer.status, "answer": answer.text[:500], "took_ms": answer.took_ms}
    mine = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.PENDING, attempts=delivery.attempts)
    with transaction.atomic():
        Channel.objects.select_for_update(no_key=True).filter(
            pk=delivery.channel_id
        ).first()  # before its deliveries, as everywhere
        if answer.ok:
            written = mine.update(state=Delivery.State.DELIVERED, **told)
            Channel.objects.filter(pk=delivery.channel_id).update(failures_in_a_row=0, rests_until=None)
            return written == 1
        pause = pause_after(delivery)
        if pause is None:
            written = mine.update(state=Delivery.State.FAILED, **told)
        else:
            written = mine.update(due_at=Now() + timedelta(seconds=pause), **told)
        if written and delivery.event_id:
            _channel_failed(delivery, answer)
        return written == 1


def pause_after(delivery: Delivery) -> int | None:
    """Seconds until the next attempt; None: that was the last. A test and a redelivery by hand have one attempt."""
    if delivery.event_id is None or delivery.attempts > len(PAUSES_S):
        return None
    return PAUSES_S[delivery.attempts - 1]


def retry(workspace_id: str, delivery_id: str, *, by: Caller) -> Delivery:
    """Send a finished delivery once more, under the same id. Raises NotFound, and Invalid while it is on its way or its channel is off."""
    with transaction.atomic():
        found = delivery_for(workspace_id, delivery_id)
        if found.event_id is None:
            raise Invalid("A test is not sent again: press Test", "deliveryID")
        if not found.channel.enabled:
            raise Invalid("The channel is off: switch it on first", "deliveryID")
        again = Delivery.objects.filter(pk=found.pk).exclude(state=Delivery.State.PENDING)
        spent = max(found.attempts, len(PAUSES_S))
        if not again.update(state=Delivery.State.PENDING, due_at=Now(), attempts=spent):
            raise Invalid("It is on its way already", "deliveryID")
        event = events.DeliveryRetried(delivery=found.pk, name=found.channel.name)
        activity.record(workspace_id, event, by=by, object_id=found.channel_id)
    found.refresh_from_db()
    return found


def delivery_for(workspace_id: str, delivery_id: str) -> Delivery:
    """Raises NotFound."""
    found = None
    if delivery_id.isascii() and delivery_id.isdigit() and len(delivery_id) <= 18:
        mine = Delivery.objects.select_related("channel", "event").filter(channel__workspace_id=workspace_id)
        found = mine.filter(pk=int(delivery_id)).first()
    if found is None:
        raise NotFound("Delivery not found")
    return found


def page(
    workspace_id: str, *, limit: int, before: int | None = None, channel: str = "", state: str = ""
) -> tuple[list[Delivery], int | None]:
    """The newest deliveries, and the id to go on from."""
    found = Delivery.objects.filter(channel__workspace_id=workspace_id).select_related("channel", "event").order_by("-id")
    if channel:
        found = found.filter(channel_id=channel)
    if state:
        found = found.filter(state=state)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: limit + 1])
    return rows[:limit], rows[limit - 1].pk if len(rows) > limit else None


def prune() -> int:
    """Forget what was over long ago. Answers how many."""
    old = Delivery.objects.filter(created_at__lt=Now() - timedelta(days=KEPT_DAYS)).exclude(state=Delivery.State.PENDING)
    gone, _ = old.delete()
    return gone


def _channel_failed(delivery: Delivery, answer: Answer) -> None:
    """The channel rests, longer each time: one dead receiver is asked once a pause, not once an event."""
    failures = Channel.objects.values_list("failures_in_a_row", flat=True).get(pk=delivery.channel_id) + 1
    rest = PAUSES_S[min(failures, len(PAUSES_S)) - 1]
    until = Now() + timedelta(seconds=rest)
    Channel.objects.filter(pk=delivery.channel_id).update(failures_in_a_row=failures, rests_until=until)
    if answer.status == GONE:
        channels.switch_off(delivery.channel_id, "The receiver answered 410: it wants no more notices")
    elif failures >= MOST_IN_A_ROW:
        channels.switch_off(delivery.channel_id, f"{failures} attempts in a row failed. Last: {_brief(answer)}")


def _brief(answer: Answer) -> str:
    return f"status {answer.status}" if answer.status else answer.text[:200]
