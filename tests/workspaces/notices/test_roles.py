"""The calls of notices by role: who sees where a channel leads and what was answered, and who changes and sends."""

from typing import Any

import pytest

from tests.contract.api import Api, names_of
from tests.factories import a_channel, a_token, a_workspace
from workspaces.models import Channel, Delivery, Role, Workspace
from workspaces.notices import channels, sending
from workspaces.notices.kinds import discord, slack, teams
from workspaces.notices.kinds.chat_text import MAX_CHARS
from workspaces.notices.kinds.messages import Message
from workspaces.outgoing.posting import Result

pytestmark = pytest.mark.django_db
HOOK: dict[str, Any] = {"kind": "webhook", "name": "Ops", "target": "https://hooks.example.com/path", "verbs": ["entry.blocked"]}


@pytest.fixture
def shop() -> Workspace:
    a_channel(a_workspace(name="Other"))
    return a_workspace()


def api(workspace: Workspace, role: str) -> Api:
    return Api(workspace, a_token(workspace, role))


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.BUDGET, Role.ADMIN])
def test_each_role_sees_channels_and_deliveries_and_an_admin_alone_where_they_lead(shop: Workspace, role: Role) -> None:
    channel = a_channel(shop, "Team")
    a_channel(shop, "Off")
    Channel.objects.filter(name="Off").update(enabled=False)
    Delivery.objects.create(channel=channel, state="failed", status=500, answer="no route")
    Delivery.objects.create(channel=channel, state="delivered", status=200, answer="thanks")
    caller, whole = api(shop, role), role == Role.ADMIN
    listed = caller.get("/notices/channels").json["channels"]
    target = "team@example.com" if whole else "1 address"
    assert [(row["name"], row["target"], row["enabled"], row["off_because"]) for row in listed] == [
        ("Off", target, False, None), ("Team", target, True, None)]  # fmt: skip
    log = caller.get("/notices/deliveries").json
    assert [row["answer"] for row in log["deliveries"]] == (["thanks", "no route"] if whole else [None, None])
    assert log["next_cursor"] is None and caller.get("/notices/deliveries?state=failed").json["deliveries"][0]["status"] == 500


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.BUDGET])
def test_only_an_admin_changes_or_sends(shop: Workspace, role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(sending, "send", sent.append)
    channel = a_channel(shop)
    delivery = Delivery.objects.create(channel=channel, state="failed", status=500)
    caller, at = api(shop, role), f"/notices/channels/{channel.pk}"
    answers = [
        caller.post("/notices/channels", HOOK),
        caller.patch(at, {"enabled": False}),
        caller.post(f"{at}/test"),
        caller.delete(at),
        caller.post(f"/notices/deliveries/{delivery.pk}/retry"),
    ]
    assert [answer.status for answer in answers] == [403] * 5 and sent == []
    assert Channel.objects.filter(workspace=shop, enabled=True).count() == 1


def test_a_channel_is_made_as_it_was_wanted(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = api(shop, Role.ADMIN)
    off = caller.post("/notices/channels", HOOK | {"enabled": False, "verbs": ["entry.failed", "entry.blocked", "entry.failed"]})
    assert off.status == 201 and off.json["verbs"] == ["entry.blocked", "entry.failed"] and off.json["enabled"] is False
    assert not Channel.objects.get(pk=off.json["id"]).enabled
    mail = caller.post("/notices/channels", HOOK | {"kind": "email", "name": "Team", "target": "a@example.com"}).json
    assert mail["secret"] is None and mail["enabled"] is True
    at = f"/notices/channels/{off.json['id']}"
    assert caller.patch(at, {"name": "Two"}).json["secret"] is None
    assert caller.patch(at, {"new_secret": True}).json["secret"].startswith("whsec_")
    monkeypatch.setattr(sending, "send", lambda delivery: Result(False, "no", 500, 7))
    assert caller.post(f"{at}/test").json == {"delivered": False, "status": 500, "took_ms": 7, "answer": "no"}
    for cursor in ("x", "9" * 19, "-1", "٣", ""):
        assert names_of(caller.get(f"/notices/deliveries?cursor={cursor}")) == ["cursor"], cursor


def test_what_is_off_already_stays_as_it_is(shop: Workspace) -> None:
    channel = a_channel(shop)
    Channel.objects.filter(pk=channel.pk).update(enabled=False, off_because="It failed")
    Delivery.objects.create(channel=channel)
    channels.change(channel, channels.ChannelSettings(enabled=False), by=channels.MUSTER)
    channel.refresh_from_db()
    assert (channel.off_because, channel.enabled, Delivery.objects.get(channel=channel).state) == ("It failed", False, "pending")


def test_a_long_line_is_cut_before_its_signs_are_escaped() -> None:
    line = "*" * (MAX_CHARS + 1)
    card = teams.form(Message("Title", (line,), "https://muster.example/", (("w" * (MAX_CHARS + 1), "https://x/"),)))
    content = card["attachments"][0]["content"]
    assert content["body"][1]["text"] == r"\*" * MAX_CHARS + "…"
    assert len(content["actions"][1]["title"]) == MAX_CHARS + 1
    shown = discord.form(Message("Title", ("*" * 600, "_" * 100), "https://muster.example/"))["content"]
    assert shown.split("\n") == ["**Title**", r"\*" * 600, r"\_" * 100, "<https://muster.example/>"]
    long = discord.form(Message("a", ("x" * 1600,), "https://muster.example/"))["content"]
    assert long.split("\n")[1] == "x" * MAX_CHARS + "…"
    more = (("[one](x)", "https://one/"),)
    assert discord.form(Message("a", (), "https://m/", more))["content"].endswith(r"\[one\]\(x\) <https://one/>")
    posted = slack.form(Message("<!here> & a", ("b",), "https://m/", more))
    assert posted["text"] == "&lt;!here&gt; &amp; a" and posted["blocks"][0]["text"]["text"] == "<!here> & a"
    assert posted["blocks"][2]["accessory"]["url"] == "https://one/" and posted["blocks"][3]["elements"][0]["url"] == "https://m/"
