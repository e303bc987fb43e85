"""Deliveries: claims, results and retries. A claim is one conditional update that moves `due_at` by a lease: the row of a sender that
dies becomes due again, so an event arrives at least once (ADR 0018).
"""

from collections import defaultdict
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import Now, RowNumber

from workspaces import activity, paging
from workspaces.access import Caller
from workspaces.activity import events
from workspaces.errors import Invalid, NotFound
from workspaces.models import Channel, Delivery
from workspaces.notices import channels
from workspaces.outgoing.posting import Result
from workspaces.values.standing_query import StandingQuery

LEASE_S = 60
PAUSES_S = (10, 60, 5 * 60, 30 * 60, 2 * 3600)
"""Seconds between the attempts of a delivery; after the last attempt it has failed."""
MAX_FAILURES_IN_A_ROW = 20
"""Failed attempts of a channel in a row until it is switched off: with the pauses, more than a day."""
GONE = 410
MAX_BATCH = 500
"""Deliveries of one channel at a time, so that a flood in one does not delay the others."""


def list_due() -> dict[str, list[int]]:
    """The oldest due deliveries by channel id, in order. Paused channels are left out."""
    if not _any_ready.any():
        return {}
    place = Window(RowNumber(), partition_by=["channel_id"], order_by=["due_at", "pk"])
    first = _ready().annotate(place=place).filter(place__lte=MAX_BATCH)
    by_channel: dict[str, list[int]] = defaultdict(list)
    for channel_id, pk in first.order_by("due_at", "pk").values_list("channel_id", "pk"):
        by_channel[channel_id].append(pk)
    return dict(by_channel)


def _ready() -> QuerySet[Delivery]:
    awake = Q(channel__enabled=True) & (Q(channel__rests_until__isnull=True) | Q(channel__rests_until__lte=Now()))
    return Delivery.objects.filter(awake, state=Delivery.State.PENDING, due_at__lte=Now())


_any_ready = StandingQuery(_ready)


def claim(delivery_id: int) -> Delivery | None:
    """Claim a delivery for the length of a lease. None: another sender was first, or it is no longer due."""
    mine = Delivery.objects.filter(pk=delivery_id, state=Delivery.State.PENDING, due_at__lte=Now())
    taken = mine.update(due_at=Now() + timedelta(seconds=LEASE_S), attempts=F("attempts") + 1, tried_at=Now())
    if not taken:
        return None
    return Delivery.objects.select_related("channel__workspace", "event").filter(pk=delivery_id).first()


def settle(delivery: Delivery, result: Result) -> bool:
    """Record the result of an attempt. False: the lease had passed, and another sender has claimed the delivery."""
    values = {"status": result.status, "answer": result.text[:500], "took_ms": result.took_ms}
    mine = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.PENDING, attempts=delivery.attempts)
    with transaction.atomic():
        Channel.objects.select_for_update(no_key=True).filter(
            pk=delivery.channel_id
        ).first()  # lock order: the channel before its deliveries
        if result.ok:
            written = mine.update(state=Delivery.State.DELIVERED, **values)
            Channel.objects.filter(pk=delivery.channel_id).update(failures_in_a_row=0, rests_until=None)
            return written == 1
        pause = pause_after(delivery)
        if pause is None:
            written = mine.update(state=Delivery.State.FAILED, **values)
        else:
            written = mine.update(due_at=Now() + timedelta(seconds=pause), **values)
        if written and delivery.event_id:
            _channel_failed(delivery, result)
        return written == 1


def pause_after(delivery: Delivery) -> int | None:
    """Seconds until the next attempt; None: this was the last. A test and a manual retry have one attempt."""
    if delivery.event_id is None or delivery.attempts > len(PAUSES_S):
        return None
    return PAUSES_S[delivery.attempts - 1]


def retry(workspace_id: str, delivery_id: str, *, by: Caller) -> Delivery:
    """Send a finished delivery again, under the same id. Raises NotFound, and Invalid while it is pending or its channel is off."""
    with transaction.atomic():
        delivery = delivery_for(workspace_id, delivery_id)
        if delivery.event_id is None:
            raise Invalid("A test cannot be retried: press Test", "deliveryID")
        if not delivery.channel.enabled:
            raise Invalid("The channel is off: switch it on first", "deliveryID")
        again = Delivery.objects.filter(pk=delivery.pk).exclude(state=Delivery.State.PENDING)
        spent = max(delivery.attempts, len(PAUSES_S))
        if not again.update(state=Delivery.State.PENDING, due_at=Now(), attempts=spent):
            raise Invalid("It is on its way already", "deliveryID")
        event = events.DeliveryRetried(delivery=delivery.pk, name=delivery.channel.name)
        activity.record(workspace_id, event, by=by, object_id=delivery.channel_id)
    delivery.refresh_from_db()
    return delivery


def delivery_for(workspace_id: str, delivery_id: str) -> Delivery:
    """Raises NotFound."""
    delivery = None
    if delivery_id.isascii() and delivery_id.isdigit() and len(delivery_id) <= 18:
        mine = Delivery.objects.select_related("channel", "event").filter(channel__workspace_id=workspace_id)
        delivery = mine.filter(pk=int(delivery_id)).first()
    if delivery is None:
        raise NotFound("Delivery not found")
    return delivery


def page(
    workspace_id: str, *, limit: int, cursor: str | None = None, channel: str = "", state: str = ""
) -> tuple[list[Delivery], str | None]:
    """The newest deliveries before `cursor`, and the next cursor."""
    queryset = Delivery.objects.filter(channel__workspace_id=workspace_id).select_related("channel", "event")
    if channel:
        queryset = queryset.filter(channel_id=channel)
    if state:
        queryset = queryset.filter(state=state)
    return paging.page(queryset, "-id", limit=limit, cursor=cursor)


def prune() -> int:
    """Delete finished deliveries older than MUSTER_KEEP_LOGS_DAYS, and return their number."""
    old = Delivery.objects.filter(created_at__lt=Now() - timedelta(days=settings.KEEP_LOGS_DAYS)).exclude(
        state=Delivery.State.PENDING
    )
    gone, _ = old.delete()
    return gone


def _channel_failed(delivery: Delivery, result: Result) -> None:
    """Pause the channel, longer each time: a dead receiver gets one request per pause, not one per event."""
    failures = Channel.objects.values_list("failures_in_a_row", flat=True).get(pk=delivery.channel_id) + 1
    pause = PAUSES_S[min(failures, len(PAUSES_S)) - 1]
    until = Now() + timedelta(seconds=pause)
    Channel.objects.filter(pk=delivery.channel_id).update(failures_in_a_row=failures, rests_until=until)
    if result.status == GONE:
        channels.switch_off(delivery.channel_id, "The receiver answered 410: it wants no more notices")
    elif failures >= MAX_FAILURES_IN_A_ROW:
        channels.switch_off(delivery.channel_id, f"{failures} attempts in a row failed. Last: {_brief(result)}")


def _brief(result: Result) -> str:
    return f"status {result.status}" if result.status else result.text[:200]
