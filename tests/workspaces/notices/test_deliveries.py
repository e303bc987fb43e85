"""An event on its way to a real HTTP server: signed, retried, at least once, and by one sender at a time."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.utils.timezone import now

from budget.reviews import drafting
from orchestration.facts.events import EntryHeld
from tests.dashboard.committed import transactional_db
from tests.factories import ANA, a_review, a_workspace, blocked_event
from tests.races.crowd import at_once
from tests.workspaces.notices.receiver import Receiver, receiving
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.activity.events import ActivityEvent
from workspaces.errors import Invalid, NotFound
from workspaces.models import Channel, Delivery, Event, Workspace
from workspaces.notices import channels, deliveries, sending
from workspaces.notices.channels import ChannelSettings
from workspaces.outgoing import posting

__all__ = ["transactional_db"]
VERB = "entry.blocked"


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW = "127.0.0.0/8"
    with receiving() as deliveries_:
        yield deliveries_


def a_channel(workspace: Workspace, receiver: Receiver, name: str = "Ops", **more: Any) -> tuple[Channel, str]:
    settings_ = ChannelSettings(name=name, target=receiver.url, verbs=more.pop("verbs", [VERB]), **more)
    return channels.create(workspace, Channel.Kind.WEBHOOK, settings_, by=ANA)


def blocked(workspace: Workspace, event: ActivityEvent | None = None) -> None:
    activity.record(workspace.pk, event or blocked_event(), by=MUSTER, object_id="entry_1", reason="no money")


def come_due() -> None:
    """Let the time until the next attempt pass."""
    Delivery.objects.filter(state="pending").update(due_at=Now() - timedelta(seconds=1))


def states() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("state", flat=True))


def test_a_line_of_activity_is_a_delivery_to_each_channel_that_wants_it(shop: Workspace, receiver: Receiver) -> None:
    wants, _ = a_channel(shop, receiver)
    a_channel(shop, receiver, "Money", verbs=["budget.threshold"])
    a_channel(shop, receiver, "Off", enabled=False)
    a_channel(a_workspace(name="Other"), receiver)
    blocked(shop)
    blocked(shop, EntryHeld())
    assert [(item.channel_id, item.event.verb) for item in Delivery.objects.select_related("event") if item.event] == [
        (wants.pk, VERB)
    ]


def test_many_lines_at_once_are_delivered_too(shop: Workspace, receiver: Receiver) -> None:
    a_channel(shop, receiver)
    Event.objects.bulk_create(activity.row(shop.pk, blocked_event(), by=MUSTER, object_id=f"e{n}") for n in range(50))
    assert Delivery.objects.filter(state="pending").count() == 50


def test_a_rolled_back_event_is_never_delivered(shop: Workspace, receiver: Receiver) -> None:
    a_channel(shop, receiver)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        blocked(shop)
        _ = 1 / 0
    assert states() == []


def test_the_receiver_verifies_the_signature_with_its_own_library(shop: Workspace, receiver: Receiver) -> None:
    _, secret = a_channel(shop, receiver)
    blocked(shop)
    delivery = Delivery.objects.get()
    answer = sending.attempt(delivery.pk)
    assert answer is not None and answer.ok and answer.status == 200
    [payload] = receiver.verified(secret)
    assert payload["type"] == VERB and payload["timestamp"].endswith("Z")
    assert payload["data"]["workspace"] == {"id": shop.pk, "name": "Shop"}
    assert payload["data"]["details"] == blocked_event().data() and payload["data"]["reason"] == "no money"
    assert payload["data"]["url"].endswith(f"/w/{shop.pk}/backlog/entry_1/")
    assert states() == ["delivered"] and Delivery.objects.get().answer == "thanks"


def test_a_500_is_tried_again_under_the_same_id(shop: Workspace, receiver: Receiver) -> None:
    _, secret = a_channel(shop, receiver)
    blocked(shop)
    receiver.status = 500
    pk = Delivery.objects.get().pk
    sending.attempt(pk)
    assert (states(), sending.attempt(pk)) == (["pending"], None)  # not before its time
    receiver.status = 204
    come_due()
    sending.attempt(pk)
    assert states() == ["delivered"] and len(set(receiver.ids())) == 1 and len(receiver.verified(secret)) == 2


def test_a_receiver_that_is_away_is_tried_six_times_and_then_no_more(shop: Workspace, receiver: Receiver) -> None:
    a_channel(shop, Receiver("http://127.0.0.1:1/"))
    blocked(shop)
    pk = Delivery.objects.get().pk
    for _ in range(7):
        come_due()
        sending.attempt(pk)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.answer) == ("failed", 6, "The connection was refused")


def test_the_pauses_grow() -> None:
    waits = [deliveries.pause_after(Delivery(event_id=1, attempts=n)) for n in range(1, 7)]
    assert waits == [10, 60, 300, 1800, 7200, None]


def test_a_sender_that_dies_leaves_it_to_come_due_again(shop: Workspace, receiver: Receiver) -> None:
    a_channel(shop, receiver)
    blocked(shop)
    claimed = deliveries.claim(Delivery.objects.get().pk)
    assert claimed is not None and deliveries.list_due() == {}  # killed here: the lease is active
    Delivery.objects.update(due_at=Now() - timedelta(seconds=1))  # and is over
    assert sending.attempt(claimed.pk) is not None and states() == ["delivered"]
    assert not deliveries.settle(claimed, posting.Result(False, "too late"))  # the result of the dead sender is ignored
    assert states() == ["delivered"]


def test_a_sender_whose_lease_has_passed_settles_nothing_of_the_next_one(shop: Workspace, receiver: Receiver) -> None:
    a_channel(shop, receiver)
    blocked(shop)
    late = deliveries.claim(Delivery.objects.get().pk)
    Delivery.objects.update(due_at=Now() - timedelta(seconds=1))
    second = deliveries.claim(Delivery.objects.get().pk)
    assert late is not None and second is not None
    assert not deliveries.settle(late, posting.Result(True, "too late")) and states() == ["pending"]
    assert deliveries.settle(second, posting.Result(True, "in time")) and states() == ["delivered"]


def test_a_dead_receiver_gets_one_request_per_pause_not_per_event(shop: Workspace, receiver: Receiver) -> None:
    a_channel(shop, receiver)
    for _ in range(3):
        blocked(shop)
    receiver.status = 503
    sending.attempt(Delivery.objects.order_by("id")[0].pk)
    blocked(shop)  # and what happens meanwhile waits as well
    assert deliveries.list_due() == {} and len(receiver.received) == 1
    Channel.objects.update(rests_until=Now() - timedelta(seconds=1))
    assert len(deliveries.list_due()) == 1


def test_a_channel_pauses_longer_after_each_failure_until_it_succeeds(shop: Workspace, receiver: Receiver) -> None:
    channel, _ = a_channel(shop, receiver)
    receiver.status = 500
    rests = []
    for _ in range(7):
        blocked(shop)
        sending.attempt(Delivery.objects.order_by("-id")[0].pk)
        channel.refresh_from_db()
        assert channel.rests_until is not None
        rests.append(round((channel.rests_until - now()).total_seconds(), -1))
    assert rests == [10, 60, 300, 1800, 7200, 7200, 7200]
    receiver.status = 200
    blocked(shop)
    sending.attempt(Delivery.objects.order_by("-id")[0].pk)
    channel.refresh_from_db()
    assert channel.rests_until is None


def test_what_was_over_long_ago_is_forgotten(shop: Workspace, receiver: Receiver) -> None:
    a_channel(shop, receiver)
    for _ in range(3):
        blocked(shop)
    old, waiting, _ = Delivery.objects.order_by("id")
    Delivery.objects.filter(pk__in=[old.pk, waiting.pk]).update(created_at=now() - timedelta(days=91))
    Delivery.objects.filter(pk=old.pk).update(state="delivered")
    assert deliveries.prune() == 1 and not Delivery.objects.filter(pk=old.pk).exists()


def test_a_request_for_a_decision_leads_to_the_review(shop: Workspace, receiver: Receiver) -> None:
    _, secret = a_channel(shop, receiver, verbs=["review.requested"])
    review = drafting.request(a_review(shop, by=ANA), by=ANA)
    sending.attempt(Delivery.objects.get().pk)
    [payload] = receiver.verified(secret)
    assert payload["data"]["url"].endswith(f"/w/{shop.pk}/money/reviews/{review.pk}/")
    assert payload["data"]["details"]["required_approvals"] == 1 and payload["data"]["details"]["author"] == "ana"


def test_a_channel_that_only_fails_is_switched_off_with_the_reason(shop: Workspace, receiver: Receiver) -> None:
    channel, _ = a_channel(shop, receiver)
    receiver.status = 500
    for _ in range(deliveries.MAX_FAILURES_IN_A_ROW):
        blocked(shop)
        come_due()
        sending.attempt(Delivery.objects.filter(state="pending").order_by("-id")[0].pk)
    channel.refresh_from_db()
    assert not channel.enabled and channel.off_because == "20 attempts in a row failed. Last: status 500"
    assert set(states()) == {"failed"} and Event.objects.filter(verb="channel.switched_off").count() == 1
    channels.change(channel, ChannelSettings(enabled=True), by=ANA)
    channel.refresh_from_db()
    assert (channel.enabled, channel.off_because, channel.failures_in_a_row) == (True, "", 0)


def test_410_means_no_more(shop: Workspace, receiver: Receiver) -> None:
    channel, _ = a_channel(shop, receiver)
    receiver.status = 410
    blocked(shop)
    sending.attempt(Delivery.objects.get().pk)
    channel.refresh_from_db()
    assert not channel.enabled and "410" in channel.off_because


def test_a_success_forgives_what_was(shop: Workspace, receiver: Receiver) -> None:
    channel, _ = a_channel(shop, receiver)
    Channel.objects.update(failures_in_a_row=19)
    blocked(shop)
    sending.attempt(Delivery.objects.get().pk)
    channel.refresh_from_db()
    assert channel.failures_in_a_row == 0


def test_a_failed_delivery_can_be_retried(shop: Workspace, receiver: Receiver) -> None:
    a_channel(shop, receiver)
    blocked(shop)
    delivery = Delivery.objects.get()
    with pytest.raises(Invalid, match="on its way"):
        deliveries.retry(shop.pk, str(delivery.pk), by=ANA)
    Delivery.objects.update(state="failed", attempts=6)
    deliveries.retry(shop.pk, str(delivery.pk), by=ANA)
    receiver.status = 500
    sending.attempt(delivery.pk)
    assert states() == ["failed"]  # one attempt: who pressed the button looks at it
    assert Event.objects.get(verb="delivery.retried").actor == "ana"


def test_the_test_button_truly_sends(shop: Workspace, receiver: Receiver) -> None:
    channel, secret = a_channel(shop, receiver, enabled=False)
    sent = sending.test(channel)
    assert (sent.state, sent.status, sent.answer) == ("delivered", 200, "thanks") and sent.took_ms is not None
    [payload] = receiver.verified(secret)
    assert payload["type"] == "muster.test" and payload["data"]["channel"] == "Ops"
    receiver.status = 500
    assert sending.test(channel).state == "failed" and deliveries.list_due() == {}


def test_a_new_secret_makes_the_old_one_worthless(shop: Workspace, receiver: Receiver) -> None:
    channel, old = a_channel(shop, receiver)
    channel, new = channels.change(channel, ChannelSettings(new_secret=True), by=ANA)
    sending.test(channel)
    assert receiver.verified(new)
    with pytest.raises(Exception, match="No matching signature"):
        receiver.verified(old)


def test_two_senders_never_send_one_at_the_same_time(transactional_db: None, receiver: Receiver) -> None:
    shop = a_workspace()
    a_channel(shop, receiver)
    for _ in range(3):
        blocked(shop)
    ids = list(Delivery.objects.values_list("pk", flat=True))
    at_once([lambda pk=pk: sending.attempt(pk) for pk in ids for _ in range(3)])  # type: ignore[misc]
    assert len(receiver.received) == 3 and len(set(receiver.ids())) == 3 and states() == ["delivered"] * 3


def test_a_slow_receiver_does_not_delay_other_channels(transactional_db: None, receiver: Receiver) -> None:
    shop = a_workspace()
    with receiving() as slow:
        slow.pause_s, slow.status = 1.0, 500
        a_channel(shop, slow, "Slow")
        a_channel(shop, receiver, "Quick")
        for _ in range(5):
            blocked(shop)
        assert sending.drain() == 5
        assert len(receiver.received) == 5 and len(slow.received) == 1


def test_a_delivery_of_another_workspace_is_not_found(shop: Workspace, receiver: Receiver) -> None:
    a_channel(shop, receiver)
    blocked(shop)
    Delivery.objects.update(state="failed")
    mine = Delivery.objects.get()
    assert deliveries.delivery_for(shop.pk, str(mine.pk)) == mine
    with pytest.raises(NotFound):
        deliveries.retry(a_workspace(name="Other").pk, str(mine.pk), by=ANA)
    assert states() == ["failed"]


def test_nothing_is_sent_to_a_channel_that_is_off_or_rests(shop: Workspace, receiver: Receiver) -> None:
    channel, _ = a_channel(shop, receiver)
    blocked(shop)
    waiting = {channel.pk: [Delivery.objects.get().pk]}
    assert deliveries.list_due() == waiting
    for off in ({"enabled": False}, {"rests_until": Now() + timedelta(seconds=60)}):
        Channel.objects.update(**off)
        assert deliveries.list_due() == {}
        Channel.objects.update(enabled=True, rests_until=Now() - timedelta(seconds=1))
    assert deliveries.list_due() == waiting
