"""Digests: when they are due, what they say, and that each period has one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils.timezone import now

from orchestration.edge import digests as content
from orchestration.models import Entry, Question
from tests.contract.api import Api, names_of
from tests.dashboard.committed import transactional_db
from tests.dashboard.seeds import entries as seed
from tests.factories import ANA, a_session, a_token, a_workspace, an_entry
from tests.races.crowd import at_once
from tests.workspaces.notices.receiver import Receiver, receiving
from workspaces.models import Channel, Delivery, Digest, Event, Workspace
from workspaces.notices import channels, sending
from workspaces.notices.channels import ChannelSettings
from workspaces.notices.digests import DigestSettings
from workspaces.notices.kinds import messages
from workspaces.notices.schedule import Schedule

__all__ = ["transactional_db"]
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW = "127.0.0.0/8"
    with receiving() as deliveries_:
        yield deliveries_


def a_digest(workspace: Workspace, kind: Channel.Kind = Channel.Kind.EMAIL, target: str = "team@example.com") -> Channel:
    """A channel with a daily digest that is due, and nothing else."""
    digest = DigestSettings("daily", 8, "Europe/Berlin")
    channel, _ = channels.create(workspace, kind, ChannelSettings(kind.label, target, [], digest=digest), by=ANA)
    Digest.objects.filter(channel=channel).update(due_at=last_due())
    return channel


def last_due() -> datetime:
    return Schedule(weekly=False, hour=8, zone=BERLIN).before(now())


def a_failure(workspace: Workspace, title: str = "Cache the rates", *, days_ago: int = 0) -> Entry:
    entry = an_entry(workspace, content=title)
    since = last_due() - timedelta(days=days_ago, minutes=5)
    Entry.objects.filter(pk=entry.pk).update(status="failed", reason_code="rounds_exhausted", reason_at=since)
    return entry


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_daily_digest_is_due_at_its_hour_of_the_zone_also_when_the_clocks_change() -> None:
    daily = Schedule(weekly=False, hour=8, zone=BERLIN)
    assert daily.after(at("2026-03-28T07:00:00Z")) == at("2026-03-29T06:00:00Z")
    assert daily.before(at("2026-03-29T06:00:00Z")) == at("2026-03-28T07:00:00Z")
    skipped = Schedule(weekly=False, hour=2, zone=BERLIN)
    assert skipped.after(at("2026-03-28T12:00:00Z")) == at("2026-03-29T01:00:00Z")
    twice = Schedule(weekly=False, hour=2, zone=BERLIN)
    assert [twice.after(at(moment)) for moment in ("2026-10-24T12:00:00Z", "2026-10-25T00:00:00Z")] == [
        at("2026-10-25T00:00:00Z"),
        at("2026-10-26T01:00:00Z"),
    ]


def test_a_weekly_digest_is_due_on_monday() -> None:
    weekly = Schedule(weekly=True, hour=0, zone=ZoneInfo("Pacific/Auckland"))
    due = weekly.after(at("2026-11-25T12:00:00Z"))
    assert due.astimezone(weekly.zone).isoformat() == "2026-11-30T00:00:00+13:00"
    assert weekly.after(due) - due == due - weekly.before(due) == timedelta(days=7)


def test_it_lists_what_failed_what_waits_and_what_was_spent_with_links(shop: Workspace) -> None:
    a_digest(shop)
    failed, held = a_failure(shop), an_entry(shop, content="Ask the bank")
    Entry.objects.filter(pk=held.pk).update(status="pending", reason_code="waiting_for_approval", reason_at=now())
    assert content.send_due() == 1
    delivery = Delivery.objects.select_related("channel__workspace", "event").get()
    assert messages.subject(delivery) == "[Shop] Daily digest: 0 landed, 1 failed, 1 waits for you"
    text = messages.text(delivery)
    assert f"Failed: #{failed.seq} Cache the rates." in text and "$0.00 of the cap of $100.00" in text
    assert f"- #{held.seq} Ask the bank" in text and f"/w/{shop.pk}/backlog/{held.pk}/" in text


def test_a_question_of_an_agent_waits_for_a_person(shop: Workspace) -> None:
    a_digest(shop)
    session = a_session(an_entry(shop))
    Question.objects.create(workspace=shop, entry=session.entry, session=session, name="1", text="Which bank?")
    assert content.send_due() == 1
    [line] = Event.objects.get(verb="digest.sent").data["waits"]
    assert line["words"] == f"#{session.entry.seq} Do it asks: Which bank?" and line["object_id"] == session.entry_id


@pytest.mark.parametrize("kind", [Channel.Kind.WEBHOOK, Channel.Kind.SLACK, Channel.Kind.DISCORD, Channel.Kind.TEAMS])
def test_each_receiver_gets_it_in_its_own_form(shop: Workspace, receiver: Receiver, kind: Channel.Kind) -> None:
    a_digest(shop, kind, receiver.url)
    entry = an_entry(shop, content="<!channel> @everyone [x](https://evil.example)")
    Entry.objects.filter(pk=entry.pk).update(status="pending", reason_code="waiting_for_approval", reason_at=now())
    content.send_due()
    result = sending.attempt(Delivery.objects.get().pk)
    assert result is not None and result.ok
    ((_, body),) = receiver.received
    assert entry.pk in body.decode()
    if kind == Channel.Kind.DISCORD:
        assert "[x](https" not in json.loads(body)["content"]


def test_a_digest_without_news_is_not_sent_and_the_next_period_comes(shop: Workspace) -> None:
    channel = a_digest(shop)
    a_failure(shop, days_ago=3)
    assert content.send_due() == 1 and not Delivery.objects.exists()
    digest = Digest.objects.get(channel=channel)
    assert digest.due_at > now() and digest.due_at.astimezone(BERLIN).hour == 8
    assert content.send_due() == 0


def test_after_a_pause_one_digest_covers_what_was_missed_and_none_twice(shop: Workspace) -> None:
    channel = a_digest(shop)
    missed = Schedule(weekly=False, hour=8, zone=BERLIN).before(now() - timedelta(days=3))
    Digest.objects.filter(channel=channel).update(due_at=missed)
    a_failure(shop, days_ago=3)
    assert content.send_due() == 1
    event = Event.objects.get(verb="digest.sent")
    assert at(event.data["until"]) <= now() and at(event.data["until"]) - at(event.data["since"]) >= timedelta(days=4)
    assert Digest.objects.get(channel=channel).due_at - at(event.data["until"]) in [timedelta(hours=n) for n in (23, 24, 25)]


def test_workers_together_send_it_once(transactional_db: None) -> None:
    shop = a_workspace(name="Shop")
    a_digest(shop)
    a_failure(shop)
    assert sum(at_once([content.send_due] * 4)) == 1
    assert Delivery.objects.count() == Event.objects.filter(verb="digest.sent").count() == 1


def test_a_worker_that_dies_before_the_commit_leaves_it_to_the_next(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    a_digest(shop)
    a_failure(shop)
    with monkeypatch.context() as dying:
        dying.setattr(Delivery.objects, "create", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            content.send_due()
    assert not Event.objects.filter(verb="digest.sent").exists()
    assert content.send_due() == 1 and Delivery.objects.count() == 1


def test_a_channel_that_is_off_gets_none_and_catches_nothing_up(shop: Workspace) -> None:
    channel = a_digest(shop)
    a_failure(shop)
    channels.change(channel, ChannelSettings(enabled=False), by=ANA)
    assert content.send_due() == 0
    channels.change(channel, ChannelSettings(enabled=True), by=ANA)
    assert content.send_due() == 0 and Digest.objects.get(channel=channel).due_at > now()


def test_the_api_gives_changes_and_takes_a_digest(shop: Workspace) -> None:
    api = Api(shop, a_token())
    hook = {"kind": "email", "name": "Team", "target": "a@example.com", "verbs": []}
    assert names_of(api.post("/notices/channels", hook)) == ["verbs"]
    digest = {"frequency": "weekly", "hour": 7, "time_zone": "Asia/Tokyo"}
    created = api.post("/notices/channels", hook | {"digest": digest}).json
    assert created["digest"] == digest | {"due_at": created["digest"]["due_at"]}
    address = f"/notices/channels/{created['id']}"
    assert api.patch(address, {"name": "Others"}).json["digest"] == created["digest"]
    assert names_of(api.patch(address, {"digest": {"frequency": "never"}})) == ["digest"]
    changed = api.patch(address, {"digest": {"frequency": "never"}, "verbs": ["entry.failed"]})
    assert changed.json["digest"] is None
    assert names_of(api.patch(address, {"digest": {"frequency": "daily", "time_zone": "Mars"}})) == ["digest_zone"]
    assert "digest" in " ".join(names_of(api.patch(address, {"digest": {"frequency": "daily", "hour": 24}})))


def test_the_form_gives_and_takes_a_digest(shop: Workspace, client: Client) -> None:
    client.force_login(seed.user("ana"))
    form = {"kind": "email", "name": "Team", "target": "a@example.com", "digest": "daily", "digest_hour": "18"}
    client.post(f"/w/{shop.pk}/settings/notices/new/", form | {"digest_zone": "America/New_York"})
    channel = Channel.objects.get()
    assert str(channel.digest) == "daily at 18:00 America/New_York"
    seen = client.get(f"/w/{shop.pk}/settings/notices/").content.decode()
    assert "Digest every day at 18:00 America/New_York" in " ".join(seen.split())
    edit = {"name": "Team", "target": "a@example.com", "verbs": ["entry.failed"]}
    client.post(f"/w/{shop.pk}/settings/notices/{channel.pk}/edit/", edit)
    assert Digest.objects.exists()
    client.post(f"/w/{shop.pk}/settings/notices/{channel.pk}/edit/", edit | {"digest": ""})
    assert not Digest.objects.exists()
