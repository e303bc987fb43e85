"""Channels that are slow, flooded, taken away or broken: nobody else waits for them, and no money is lost over them."""

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from budget.events import LimitReached
from tests.dashboard.committed import transactional_db
from tests.factories import ANA
from tests.races.crowd import at_once
from tests.workspaces.notices.receiver import receiving
from tests.workspaces.notices.test_deliveries import a_channel, blocked, come_due, receiver
from workspaces.models import Delivery, Event
from workspaces.notices import channels, deliveries, sending
from workspaces.notices.kinds import messages

__all__ = ["receiver", "transactional_db"]


@pytest.mark.django_db(transaction=True)
def test_what_is_recorded_while_its_channel_is_taken_away_is_recorded(shop: Any, receiver: Any) -> None:
    """A charge that crosses a threshold must not fail because somebody removes a webhook."""
    channel, _ = a_channel(shop, receiver)
    data, removed = threading.Event(), threading.Event()

    def record() -> None:
        with transaction.atomic():
            blocked(shop)
            data.set()
            removed.wait(1)

    def remove() -> None:
        data.wait(5)
        channels.remove(channel, by=ANA)
        removed.set()

    at_once([record, remove] if connection.vendor == "postgresql" else [record, lambda: (removed.set(), remove())])
    assert Event.objects.filter(verb="entry.blocked").count() == 1
    assert not Delivery.objects.exists()


@pytest.mark.django_db
def test_a_flooded_channel_does_not_keep_the_others_from_being_looked_at(shop: Any, receiver: Any) -> None:
    flooded, _ = a_channel(shop, receiver, "Flooded", verbs=["entry.blocked"])
    quiet, _ = a_channel(shop, receiver, "Quiet", verbs=["budget.limit"])
    for _ in range(600):
        blocked(shop)
    blocked(shop, LimitReached(category="total", period="day", limit_usd=1.0))
    come_due()
    due = deliveries.list_due()
    assert set(due) == {flooded.pk, quiet.pk} and len(due[quiet.pk]) == 1


@pytest.mark.django_db(transaction=True)
def test_a_slow_channel_delays_the_others_for_seconds_at_most(shop: Any, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.WEBHOOK_ALLOW = "127.0.0.0/8"
    monkeypatch.setattr(sending, "TURN_S", 0.5)
    with receiving() as slow:
        slow.pause_s = 0.2
        a_channel(shop, slow)
        for _ in range(20):
            blocked(shop)
        sending.wake_up.clear()
        sending.drain()
        left = Delivery.objects.filter(state="pending")
        assert left.exists() and sending.wake_up.is_set()  # the rest: with the next look, which comes at once
        while left.exists():
            sending.drain()
        assert len(slow.received) == 20


@pytest.mark.django_db
def test_one_that_cannot_be_put_into_words_fails_like_any_other(
    shop: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_channel(shop, receiver)
    blocked(shop)
    monkeypatch.setattr(messages, "payload", lambda _: {"type": "\ud800"})  # what no name or reason can hold today
    for _ in range(len(deliveries.PAUSES_S) + 1):
        come_due()
        for delivery in Delivery.objects.filter(state="pending"):
            sending.attempt(delivery.pk)
    [delivery] = Delivery.objects.all()
    assert delivery.state == "failed" and "UnicodeEncodeError" in delivery.answer
