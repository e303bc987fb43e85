"""Channels over the API: made by admins, their secrets shown once, and what viewers do not see."""

import json
from typing import Any

import pytest
from django.core.management import call_command

from tests.contract.api import Api, names_of, not_found
from tests.factories import ANA, a_channel, a_token, a_workspace, blocked_event
from workspaces import activity
from workspaces.models import Channel, Delivery, Event, Role, Workspace
from workspaces.notices import channels

pytestmark = pytest.mark.django_db
HOOK: dict[str, Any] = {
    "kind": "webhook",
    "name": "Ops",
    "target": "https://hooks.example.com/T0/s3cr3t-path",
    "verbs": ["entry.blocked"],
}


@pytest.fixture
def shop(workspace: Workspace) -> Api:
    return Api(workspace, a_token())


@pytest.fixture
def viewer(workspace: Workspace) -> Api:
    return Api(workspace, a_token(workspace, Role.VIEWER))


def test_a_channels_secret_is_only_in_the_response_that_created_it(shop: Api, caplog: Any, capfd: Any) -> None:
    status, created = shop.post("/notices/channels", HOOK)
    secret = created.pop("secret")
    assert status == 201 and secret.startswith("whsec_") and created["verbs"] == ["entry.blocked"]
    changed = shop.patch(f"/notices/channels/{created['id']}", {"enabled": False})
    data = [shop.get("/notices/channels").text, changed.text, shop.get("/todo/events").text, caplog.text, *capfd.readouterr()]
    data += [json.dumps(event.data) for event in Event.objects.all()]
    assert secret not in "".join(data) and secret[6:] not in str(bytes(Channel.objects.get().sealed))
    assert changed.json["secret"] is None and changed.json["enabled"] is False


def test_a_workspace_has_so_many_channels_at_most_whatever_others_have(
    shop: Api, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "MAX_CHANNELS", 2)
    other = a_workspace(name="Other")
    for name in ("one", "two"):
        a_channel(other, name)
    assert [shop.post("/notices/channels", HOOK | {"name": name}).status for name in ("a", "b", "c")] == [201, 201, 400]


def test_a_database_dump_has_no_secret_in_clear(shop: Api, tmp_path: Any) -> None:
    secret = shop.post("/notices/channels", HOOK).json["secret"]
    call_command("dumpdata", "workspaces", output=str(tmp_path / "dump.json"))
    assert secret[6:] not in (tmp_path / "dump.json").read_text()


def test_a_viewer_sees_that_it_is_there_but_not_where_it_leads(shop: Api, viewer: Api, workspace: Workspace) -> None:
    shop.post("/notices/channels", HOOK)
    a_channel(workspace)
    assert [item["target"] for item in viewer.get("/notices/channels").json["channels"]] == [
        "https://hooks.example.com/…",
        "1 address",
    ]
    assert "s3cr3t-path" in shop.get("/notices/channels").text
    assert "s3cr3t-path" not in "".join(json.dumps(event.data) for event in Event.objects.all())


def test_a_receivers_response_is_for_admins(shop: Api, viewer: Api, workspace: Workspace) -> None:
    a_channel(workspace)
    activity.record(workspace.pk, blocked_event(), by=ANA)
    Delivery.objects.update(status=500, answer="no route for s3cr3t-path", state="failed")
    assert shop.get("/notices/deliveries").json["deliveries"][0]["answer"] == "no route for s3cr3t-path"
    assert viewer.get("/notices/deliveries").json["deliveries"][0]["answer"] is None


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"target": "http://hooks.example.com/"}, "target"),
        ({"target": "https://169.254.169.254/"}, "target"),
        ({"target": "https://u:p@hooks.example.com/"}, "target"),
        ({"verbs": ["entry.exploded"]}, "verbs"),
        ({"verbs": []}, "verbs"),
        ({"kind": "pigeon"}, "kind"),
        ({"kind": "email", "target": "not an address"}, "target"),
        ({"kind": "email", "target": "a@example.com\r\nBcc: b@example.com"}, "target"),
        ({"name": ""}, "name"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_what_is_no_channel_is_refused_by_name(shop: Api, change: dict[str, Any], name: str) -> None:
    assert name in " ".join(names_of(shop.post("/notices/channels", HOOK | change)))
    assert not Channel.objects.exists()


def test_two_channels_of_one_name_are_refused(shop: Api) -> None:
    shop.post("/notices/channels", HOOK)
    assert names_of(shop.post("/notices/channels", HOOK)) == ["name"]
    other = shop.post("/notices/channels", HOOK | {"name": "Two"}).json["id"]
    assert names_of(shop.patch(f"/notices/channels/{other}", {"name": "Ops"})) == ["name"]


def test_there_is_an_end_to_how_many(shop: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(channels, "MAX_CHANNELS", 1)
    shop.post("/notices/channels", HOOK)
    assert names_of(shop.post("/notices/channels", HOOK | {"name": "Two"})) == ["name"]


def test_switching_off_fails_pending_deliveries_and_changing_verbs_changes_the_events(shop: Api, workspace: Workspace) -> None:
    channel = a_channel(workspace)
    activity.record(workspace.pk, blocked_event(), by=ANA)
    shop.patch(f"/notices/channels/{channel.pk}", {"enabled": False})
    assert Delivery.objects.get().state == "failed" and Delivery.objects.get().answer == "The channel was switched off"
    shop.patch(f"/notices/channels/{channel.pk}", {"enabled": True, "verbs": ["budget.threshold", "budget.threshold"]})
    activity.record(workspace.pk, blocked_event(), by=ANA)
    assert Delivery.objects.count() == 1


def test_removing_one_takes_its_log_and_leaves_the_activity(shop: Api, workspace: Workspace) -> None:
    channel = a_channel(workspace)
    activity.record(workspace.pk, blocked_event(), by=ANA)
    assert tuple(shop.delete(f"/notices/channels/{channel.pk}")) == (200, {"deleted": True})
    assert not Delivery.objects.exists() and Event.objects.filter(verb="channel.removed").count() == 1
    assert tuple(shop.delete(f"/notices/channels/{channel.pk}")) == not_found("Channel")


def test_anothers_channel_and_delivery_do_not_exist(shop: Api) -> None:
    other = a_workspace(name="Other")
    theirs = a_channel(other)
    activity.record(other.pk, blocked_event(), by=ANA)
    assert tuple(shop.post(f"/notices/channels/{theirs.pk}/test")) == not_found("Channel")
    assert tuple(shop.post(f"/notices/deliveries/{Delivery.objects.get().pk}/retry")) == not_found("Delivery")
    for odd in ("0", "-1", "x", "9" * 30, "%00"):
        assert shop.post(f"/notices/deliveries/{odd}/retry").status == 404


def test_the_log_is_read_in_pages_and_filtered(shop: Api, workspace: Workspace) -> None:
    channel, other = a_channel(workspace), a_channel(workspace, "Two")
    for _ in range(3):
        activity.record(workspace.pk, blocked_event(), by=ANA)
    Delivery.objects.filter(channel=other).update(state="failed")
    first = shop.get("/notices/deliveries?limit=4").json
    others = shop.get(f"/notices/deliveries?limit=4&cursor={first['next_cursor']}").json
    assert (len(first["deliveries"]), len(others["deliveries"]), others["next_cursor"]) == (4, 2, None)
    assert {item["channel_id"] for item in shop.get(f"/notices/deliveries?channel={channel.pk}").json["deliveries"]} == {
        channel.pk
    }
    assert {item["state"] for item in shop.get("/notices/deliveries?state=failed").json["deliveries"]} == {"failed"}
    assert names_of(shop.get("/notices/deliveries?cursor=x")) == ["cursor"]


def test_a_secret_sealed_with_another_key_names_the_remedy(shop: Api, settings: Any) -> None:
    created = shop.post("/notices/channels", HOOK).json["id"]
    settings.SECRET_KEY = "another one entirely"
    assert "make a new one" in shop.post(f"/notices/channels/{created}/test").json["answer"]
