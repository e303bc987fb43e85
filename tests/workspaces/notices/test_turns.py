"""A channel's turn: which deliveries are due and in which order, and what ends it; and the periods of digests. Nothing is sent."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils.timezone import now

from tests.factories import ANA, a_channel, a_workspace, blocked_event
from workspaces import activity
from workspaces.errors import Invalid
from workspaces.models import Channel, ChannelVerb, Delivery, Digest, Event, Workspace
from workspaces.notices import channels, deliveries, digests, sending
from workspaces.notices.channels import ChannelSettings
from workspaces.notices.digests import DigestSettings, Period
from workspaces.notices.schedule import Schedule
from workspaces.outgoing.posting import Result

pytestmark = pytest.mark.django_db
TOKYO = ZoneInfo("Asia/Tokyo")


def rows(channel: Channel, *minutes: float, **more: Any) -> list[int]:
    """Deliveries that were due so many minutes ago."""
    created = [Delivery.objects.create(channel=channel, due_at=now() - timedelta(minutes=n), **more) for n in minutes]
    return [delivery.pk for delivery in created]


def test_the_oldest_of_each_channel_come_first_and_so_many_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "MAX_BATCH", 2)
    first, second = a_channel(a_workspace()), a_channel(a_workspace(name="Other"))
    young, old, older = rows(first, 1, 2, 3)
    (other,) = rows(second, 9)
    rows(first, -1)
    rows(first, 4, state="failed")
    assert deliveries.list_due() == {second.pk: [other], first.pk: [older, old]}
    Delivery.objects.filter(pk=older).delete()
    assert deliveries.list_due()[first.pk] == [old, young]


def turn(monkeypatch: pytest.MonkeyPatch, *results: Result | None) -> tuple[int, list[int], bool]:
    """The number that arrived, those tried, and whether another turn comes at once."""
    tried: list[int] = []

    def attempt(delivery_id: int) -> Result | None:
        tried.append(delivery_id)
        return results[delivery_id]

    monkeypatch.setattr(sending, "attempt", attempt)
    monkeypatch.setattr(sending.connections, "close_all", lambda: None)
    sending.wake_up.clear()
    arrived = sending._send_queue(list(range(len(results))))
    return arrived, tried, sending.wake_up.is_set()


GOOD, BAD = Result(True, "ok"), Result(False, "no")


def test_a_turn_ends_with_its_first_failure_and_goes_on_after_one_that_another_sender_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliveries, "MAX_BATCH", 3)
    assert turn(monkeypatch, GOOD, None, GOOD, GOOD) == (3, [0, 1, 2, 3], False)
    assert turn(monkeypatch, GOOD, BAD, GOOD) == (1, [0, 1], False)
    assert turn(monkeypatch, GOOD, GOOD, GOOD) == (3, [0, 1, 2], True)  # a whole batch: there may be more
    monkeypatch.setattr(sending, "TURN_S", -1)
    assert turn(monkeypatch, GOOD, GOOD) == (0, [], True)


def test_a_success_ends_the_rest_of_its_channel_and_of_no_other() -> None:
    channel, other = a_channel(a_workspace()), a_channel(a_workspace(name="Other"))
    until = now() + timedelta(minutes=5)
    Channel.objects.update(failures_in_a_row=3, rests_until=until)
    delivery = deliveries.claim(rows(channel, 1)[0])
    assert delivery is not None and deliveries.settle(delivery, GOOD)
    assert Channel.objects.filter(pk=channel.pk).values_list("failures_in_a_row", "rests_until").get() == (0, None)
    assert Channel.objects.filter(pk=other.pk).values_list("failures_in_a_row", "rests_until").get() == (3, until)


def test_what_is_claimed_or_not_due_yet_cannot_be_claimed() -> None:
    channel = a_channel(a_workspace())
    (due,), (later,), (done,) = rows(channel, 1), rows(channel, -1), rows(channel, 1, state="delivered")
    assert [bool(deliveries.claim(pk)) for pk in (due, due, later, done, 0)] == [True, False, False, False, False]
    row = Delivery.objects.get(pk=due)
    assert row.attempts == 1 and row.tried_at is not None and 55 < (row.due_at - now()).total_seconds() <= deliveries.LEASE_S


def test_a_test_is_sent_by_who_pressed_the_button_and_by_no_sender(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EMAIL_HOST = ""
    channel, due = a_channel(a_workspace()), list[Any]()

    def send(delivery: Delivery) -> Result:
        due.append(deliveries.list_due())
        return Result(False, "no")

    monkeypatch.setattr(sending, "send", send)
    assert sending.test(channel).state == "failed" and due == [{}] and deliveries.list_due() == {}


# Switching on and off


def test_switching_off_fails_what_waits_of_that_channel_alone_and_keeps_what_the_receiver_answered() -> None:
    shop = a_workspace()
    channel, other = a_channel(shop), a_channel(shop, "Other")
    rows(channel, 1)
    rows(channel, 1, tried_at=now(), answer="status 500")
    rows(channel, 1, state="delivered", answer="thanks")
    rows(other, 1)
    channels.change(channel, ChannelSettings(enabled=False), by=ANA)
    assert list(Delivery.objects.order_by("pk").values_list("state", "answer")) == [
        ("failed", channels.OFF), ("failed", "status 500"), ("delivered", "thanks"), ("pending", "")]  # fmt: skip


def test_switching_on_ends_the_rest_and_skips_what_its_digest_missed_and_no_others() -> None:
    shop = a_workspace()
    channel, other = a_channel(shop), a_channel(shop, "Other")
    past = now() - timedelta(days=2)
    for each in (channel, other):
        channels.change(each, ChannelSettings(digest=DigestSettings("daily", 8, "Asia/Tokyo")), by=ANA)
    Digest.objects.update(due_at=past)
    trouble = {"off_because": "It failed", "failures_in_a_row": 19, "rests_until": now() + timedelta(hours=1)}
    Channel.objects.update(**trouble)
    channels.change(channel, ChannelSettings(enabled=True), by=ANA)  # it was on
    channel.refresh_from_db()
    assert channel.failures_in_a_row == 19 and Digest.objects.get(channel=channel).due_at == past
    Channel.objects.update(enabled=False)
    channels.change(channel, ChannelSettings(enabled=True), by=ANA)
    channel.refresh_from_db()
    assert (channel.off_because, channel.failures_in_a_row, channel.rests_until) == ("", 0, None)
    assert Digest.objects.get(channel=channel).due_at == Schedule(False, 8, TOKYO).after(now())
    assert Digest.objects.get(channel=other).due_at == past


def test_the_events_of_a_channel_are_those_that_were_chosen_last() -> None:
    channel = a_channel(a_workspace(), "Team", "entry.blocked", "entry.failed")
    channels.change(channel, ChannelSettings(verbs=["entry.failed", "budget.limit", "budget.limit"]), by=ANA)
    assert sorted(ChannelVerb.objects.values_list("verb", flat=True)) == ["budget.limit", "entry.failed"]
    for odd in (["workspace.renamed"], ["digest.sent"], ["of.nobody"]):
        with pytest.raises(Invalid, match="There is no notice of"):
            channels.change(channel, ChannelSettings(verbs=odd), by=ANA)


def test_a_channel_has_an_event_or_a_digest_whichever_changes() -> None:
    daily, none = DigestSettings("daily"), DigestSettings("")
    channel, _ = channels.create(
        a_workspace(), Channel.Kind.EMAIL, ChannelSettings("Team", "a@example.com", [], digest=daily), by=ANA
    )
    assert channel.enabled and channels.change(channel, ChannelSettings(name="Two"), by=ANA)[0].name == "Two"
    for empty in (ChannelSettings(digest=none), ChannelSettings(verbs=[], digest=none)):
        with pytest.raises(Invalid, match="Name at least one event"):
            channels.change(channel, empty, by=ANA)
    channels.change(channel, ChannelSettings(verbs=["entry.failed"], digest=none), by=ANA)
    with pytest.raises(Invalid, match="Name at least one event"):
        channels.change(channel, ChannelSettings(verbs=[]), by=ANA)
    assert not Digest.objects.exists() and ChannelVerb.objects.count() == 1


# Digests


def a_digest(name: str, due_at: datetime, *, workspace: Workspace | None = None, **more: Any) -> Digest:
    settings = ChannelSettings(name, "a@example.com", [], digest=DigestSettings("daily", 8, "Asia/Tokyo"))
    channel, _ = channels.create(workspace or a_workspace(name=name), Channel.Kind.EMAIL, settings, by=ANA)
    Channel.objects.filter(pk=channel.pk).update(**more)
    Digest.objects.filter(channel=channel).update(due_at=due_at)
    return Digest.objects.get(channel=channel)


def test_a_digest_covers_from_its_last_turn_to_the_latest_and_the_next_follows() -> None:
    eight = datetime(2026, 8, 3, 23, tzinfo=UTC)  # in Tokyo, of the fourth
    gone = a_workspace(name="Gone")
    on_time, missed, _, _, _ = (
        a_digest("On time", eight),
        a_digest("Missed", eight - timedelta(days=3)),
        a_digest("Later", eight + timedelta(seconds=1)),
        a_digest("Off", eight, enabled=False),
        a_digest("Of none", eight, workspace=gone),
    )
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=now())
    day = timedelta(days=1)
    assert list(digests.due(eight)) == [
        (missed, Period(eight - 4 * day, eight, eight + day)), (on_time, Period(eight - day, eight, eight + day))]  # fmt: skip
    assert list(digests.due(eight + timedelta(hours=3)))[1] == (on_time, Period(eight - day, eight, eight + day))


def test_a_digest_is_claimed_once_by_a_channel_that_is_still_on() -> None:
    eight = datetime(2026, 8, 3, 23, tzinfo=UTC)
    digest, other = a_digest("Team", eight), a_digest("Other", eight)
    [period, _] = [period for _, period in digests.due(eight)]
    Channel.objects.filter(pk=digest.pk).update(enabled=False)
    assert not digests.send(digest, period, blocked_event()) and Digest.objects.get(pk=digest.pk).due_at == eight
    Channel.objects.filter(pk=digest.pk).update(enabled=True)
    assert [digests.send(digest, period, blocked_event()) for _ in range(2)] == [True, False]
    assert digests.send(other, period, None)
    assert list(Digest.objects.values_list("due_at", flat=True)) == [period.following] * 2
    assert list(Delivery.objects.values_list("channel_id", "event__verb")) == [(digest.pk, "entry.blocked")]
    assert Event.objects.get(verb="entry.blocked").object_id == digest.pk


@pytest.mark.parametrize(
    "zone", ["UTC", "America/New_York", "Europe/Berlin", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Honolulu"]
)
def test_the_turns_next_to_each_hour_are_those_of_the_zones_calendar(zone: str) -> None:
    """Each hour of a week with a change of the clocks, against all turns of a month."""
    here = ZoneInfo(zone)
    calendar = [datetime(2026, 3, 16, 8, tzinfo=here) + timedelta(days=n) for n in range(30)]
    turns = [turn.astimezone(UTC) for turn in calendar]
    mondays = [turn.astimezone(UTC) for turn in calendar if turn.weekday() == 0]
    for n in range(7 * 24):
        moment = datetime(2026, 3, 25, tzinfo=UTC) + timedelta(hours=n)
        for weekly, every in ((False, turns), (True, mondays)):
            schedule = Schedule(weekly, 8, here)
            assert schedule.after(moment) == min(turn for turn in every if turn > moment), moment
            assert schedule.before(moment) == max(turn for turn in every if turn < moment), moment


@pytest.mark.parametrize("weekly", [False, True])
def test_the_moment_itself_is_neither_before_nor_after(weekly: bool) -> None:
    schedule = Schedule(weekly, 8, TOKYO)
    eight = datetime(2026, 8, 2, 23, tzinfo=UTC)  # a Monday in Tokyo, a Sunday in UTC
    step = timedelta(days=7 if weekly else 1)
    assert (schedule.before(eight), schedule.after(eight)) == (eight - step, eight + step)
    moment = timedelta(microseconds=1)
    assert (schedule.before(eight + moment), schedule.after(eight - moment)) == (eight, eight)


def test_events_of_one_moment_reach_each_channel_once() -> None:
    shop = a_workspace()
    a_channel(shop, "Team", "entry.blocked", "entry.failed")
    activity.record(shop.pk, blocked_event(), by=ANA)
    assert Delivery.objects.count() == 1
