"""Slack, Discord and Teams get a notice in their own form, with what agents wrote as plain text."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestration.facts.events import EntryBlocked
from tests.factories import ANA
from tests.workspaces.notices.receiver import Receiver, receiving
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.errors import Invalid
from workspaces.models import Channel, Delivery, Workspace
from workspaces.notices import channels, sending
from workspaces.notices.channels import ChannelSettings
from workspaces.notices.kinds import discord, slack, teams
from workspaces.notices.kinds.messages import Message

EVIL = "<!channel> @everyone [here](https://evil.example) *now*"
MESSAGE = Message("[Shop] An entry is blocked", (f"#3 {EVIL}", "no money"), "https://muster.example.com/w/1/")


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW = "127.0.0.0/8"
    with receiving() as deliveries_:
        yield deliveries_


def a_chat(workspace: Workspace, receiver: Receiver, kind: Channel.Kind) -> tuple[Channel, str]:
    settings_ = ChannelSettings(name=kind.label, target=receiver.url, verbs=["entry.blocked"])
    return channels.create(workspace, kind, settings_, by=ANA)


@pytest.mark.parametrize("kind", [Channel.Kind.SLACK, Channel.Kind.DISCORD, Channel.Kind.TEAMS])
def test_a_chat_gets_what_happened_about_what_and_why_with_a_link(
    shop: Workspace, receiver: Receiver, kind: Channel.Kind
) -> None:
    _, secret = a_chat(shop, receiver, kind)
    event = EntryBlocked(code="budget_exceeded", entry="entry_1", seq=3, title="Cache the rates")
    activity.record(shop.pk, event, by=MUSTER, object_id="entry_1", reason="Raise its budget")
    result = sending.attempt(Delivery.objects.get().pk)
    assert result and result.ok and not secret
    ((headers, content),) = receiver.received
    assert "webhook-signature" not in headers
    body = content.decode().replace("\\", "")
    assert all(
        words in body
        for words in ("An entry is blocked", "Cache the rates", "Raise its budget", f"/w/{shop.pk}/backlog/entry_1/")
    )


def test_a_trial_arrives_too(shop: Workspace, receiver: Receiver) -> None:
    channel, _ = a_chat(shop, receiver, Channel.Kind.DISCORD)
    assert sending.test(channel).state == "delivered"
    assert "The channel Discord works" in json.loads(receiver.received[0][1])["content"].replace("\\", "")


def test_slack_shows_all_of_it_as_plain_text() -> None:
    message = slack.form(MESSAGE)
    sections = [block["text"] for block in message["blocks"] if block["type"] == "section"]
    assert all(section["type"] == "plain_text" and not section["emoji"] for section in sections)
    assert EVIL in sections[1]["text"]
    assert slack.form(Message("<!channel>", (), "https://m/"))["text"] == "&lt;!channel&gt;"


def test_discord_has_neither_a_mention_nor_a_link_of_an_agent() -> None:
    message = discord.form(MESSAGE)
    assert message["allowed_mentions"] == {"parse": []}
    assert r"\[here\]\(https://evil\.example\) \*now\*" in message["content"]
    assert len(discord.form(Message("x" * 200, ("*" * 5000,), "https://m/"))["content"]) <= 2000


def test_teams_gets_an_adaptive_card_with_one_button() -> None:
    (attachment,) = teams.form(MESSAGE)["attachments"]
    card = attachment["content"]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open in Muster", "url": MESSAGE.link}]
    assert r"\[here\]" in card["body"][1]["text"]


def test_only_a_webhook_has_a_secret(shop: Workspace, receiver: Receiver) -> None:
    channel, _ = a_chat(shop, receiver, Channel.Kind.SLACK)
    with pytest.raises(Invalid, match="Only a webhook has a secret"):
        channels.change(channel, ChannelSettings(new_secret=True), by=ANA)
