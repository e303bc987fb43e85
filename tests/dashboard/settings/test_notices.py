"""The page of notices: who sees where a channel leads, what its buttons do, and what its log shows."""

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from tests.dashboard.conftest import client_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds.money_cast import HTMX
from tests.dashboard.shared.test_forms import confirmed
from tests.factories import ANA, a_channel, a_workspace, blocked_event
from workspaces import activity, people
from workspaces.models import Channel, Delivery, Digest, Workspace
from workspaces.notices import channels, sending
from workspaces.notices.channels import ChannelSettings
from workspaces.notices.digests import DigestSettings
from workspaces.outgoing.posting import Result

pytestmark = pytest.mark.django_db
SECRET = "a-secret-of-the-path"


@pytest.fixture
def shop() -> Workspace:
    """Beside another workspace with a channel and its log."""
    other = a_workspace(name="Other")
    a_channel(other, "Of others")
    activity.record(other.pk, blocked_event(), by=ANA)
    return a_workspace(name="Shop")


@pytest.fixture
def hook(shop: Workspace) -> Channel:
    settings = ChannelSettings("Hook", f"https://hooks.example.com/{SECRET}", ["entry.blocked", "entry.failed"])
    return channels.create(shop, Channel.Kind.WEBHOOK, settings, by=ANA)[0]


@pytest.fixture
def adam(shop: Workspace) -> Client:
    return client_of("adam", "admin", shop)


def at(workspace: Workspace, tail: str = "") -> str:
    return f"/w/{workspace.pk}/settings/notices/{tail}"


def table(client: Client, workspace: Workspace) -> list[dict[str, str]]:
    content = b"".join(client.get(at(workspace), {"csv": "deliveries"}).streaming_content)  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(content.decode().lstrip("\ufeff"))))


def test_only_an_admin_sees_where_a_channel_leads_and_what_its_receiver_answered(
    shop: Workspace, hook: Channel, adam: Client
) -> None:
    Delivery.objects.create(channel=hook, state="failed", status=500, answer=f"no {SECRET[:5]}-here")
    Delivery.objects.create(channel=hook, state="failed", answer="The connection was refused")
    for client, whole in ((adam, True), (client_of("otto", "operator", shop), False), (client_of("vera", "viewer", shop), False)):
        page = client.get(at(shop))
        assert (SECRET in page.content.decode()) is whole is page.context["may_admin"]
        answers = ["The connection was refused", f"no {SECRET[:5]}-here" if whole else None]
        assert [row["delivery"]["answer"] for row in page.context["deliveries"]] == answers
        assert [row["answer"] or None for row in table(client, shop)] == answers
    assert [row["row"].name for row in page.context["channels"]] == ["Hook"]
    [row] = page.context["channels"]
    assert row["events"] == ["An entry is blocked", "An entry has failed"]
    assert [verb["verb"] for verb in row["verbs"] if verb["on"]] == ["entry.blocked", "entry.failed"]


def test_the_log_is_of_one_channel_and_one_state_and_continues_after_fifty(shop: Workspace, hook: Channel, adam: Client) -> None:
    second = a_channel(shop, "Second")
    mine = [Delivery.objects.create(channel=hook, state="delivered") for _ in range(51)]
    failed = Delivery.objects.create(channel=hook, state="failed")
    theirs = Delivery.objects.create(channel=second, state="failed")

    def shown(**query: Any) -> list[int]:
        return [row["row"].pk for row in adam.get(at(shop), query).context["deliveries"]]

    assert shown(state="failed") == [theirs.pk, failed.pk] and shown(channel=second.pk) == [theirs.pk]
    assert shown(state="failed", channel=hook.pk) == [failed.pk]
    first = shown(state="delivered")
    following = adam.get(at(shop), {"state": "delivered"}).context["following"]
    assert (len(first), following, shown(state="delivered", before=following)) == (50, str(mine[1].pk), [mine[0].pk])
    assert len(shown(state="odd", channel="no <id>", before="x")) == 50
    assert len(table(adam, shop)) == 53


@pytest.mark.parametrize(
    ("result", "tone", "words"),
    [
        (Result(True, "thanks", 200, 7), "good", "delivered (status 200, 7 ms): thanks"),
        (Result(False, "no", 500, 8), "bad", "not delivered (status 500, 8 ms): no"),
        (Result(False, "The connection was refused", None, 9), "bad", "not delivered (9 ms): The connection was refused"),
        (Result(True, "", 204, 3), "good", "delivered (status 204, 3 ms)"),
    ],
)
def test_a_test_and_a_retry_show_how_they_went(
    shop: Workspace, hook: Channel, adam: Client, monkeypatch: pytest.MonkeyPatch, result: Result, tone: str, words: str
) -> None:
    monkeypatch.setattr(sending, "send", lambda delivery: result)
    activity.record(shop.pk, blocked_event(), by=ANA)
    Delivery.objects.update(state="failed", attempts=6)
    row = Delivery.objects.get(channel=hook)
    tried = adam.post(at(shop, f"{hook.pk}/test/"), headers=HTMX).content.decode()
    retried = adam.post(at(shop, f"deliveries/{row.pk}/retry/"), headers=HTMX).content.decode()
    for seen in (tried, retried):
        assert words in " ".join(seen.split()) and f'class="result {tone}"' in " ".join(seen.split()), seen
    assert "Test of Hook" in tried and Delivery.objects.get(pk=row.pk).state == ("delivered" if result.ok else "failed")


def test_the_buttons_of_a_channel_change_it_alone(shop: Workspace, hook: Channel, adam: Client) -> None:
    second = a_channel(shop, "Second")
    for tail, enabled in (("off", False), ("on", True)):
        adam.post(at(shop, f"{hook.pk}/{tail}/"))
        hook.refresh_from_db()
        assert hook.enabled is enabled and Channel.objects.get(pk=second.pk).enabled
    before = bytes(hook.sealed)
    shown = adam.post(at(shop, f"{hook.pk}/secret/"))
    assert shown.context["secret"].startswith("whsec_") and bytes(Channel.objects.get(pk=hook.pk).sealed) != before
    assert adam.post(at(shop, f"{hook.pk}/remove/")).status_code == 409
    token = adam.post(at(shop, f"{second.pk}/remove/")).context["confirmation"]["fields"]["confirm"]
    assert adam.post(at(shop, f"{hook.pk}/remove/"), {"confirm": token}).status_code == 409  # of another channel
    confirmed(adam, at(shop, f"{hook.pk}/remove/"))
    assert list(Channel.objects.filter(workspace=shop)) == [second]


def test_a_channel_of_another_workspace_is_not_here(shop: Workspace, adam: Client) -> None:
    theirs, row = Channel.objects.get(name="Of others"), Delivery.objects.get()
    for tail in ("on", "off", "edit", "test", "secret", "remove"):
        assert adam.post(at(shop, f"{theirs.pk}/{tail}/")).status_code == 404
    assert adam.post(at(shop, f"deliveries/{row.pk}/retry/")).status_code == 404


def test_others_than_admins_change_nothing(shop: Workspace, hook: Channel) -> None:
    for name, role in (("otto", "operator"), ("bea", "budget"), ("vera", "viewer")):
        client = client_of(name, role, shop)
        tails = [f"{hook.pk}/{verb}/" for verb in ("on", "off", "edit", "test", "secret", "remove")]
        for tail in ("new/", "deliveries/1/retry/", *tails):
            assert client.post(at(shop, tail)).status_code == 403, tail


def test_a_digest_at_midnight_is_kept_and_an_empty_hour_is_the_usual_one(shop: Workspace, hook: Channel, adam: Client) -> None:
    form = {"name": "Hook", "target": hook.target, "verbs": ["entry.failed"], "digest": "daily", "digest_zone": " Asia/Tokyo "}
    for hour, kept in (("0", 0), ("", 8), ("23", 23)):
        adam.post(at(shop, f"{hook.pk}/edit/"), form | {"digest_hour": hour})
        digest = Digest.objects.get()
        assert (digest.hour, digest.time_zone, digest.frequency) == (kept, "Asia/Tokyo", "daily")
    adam.post(at(shop, f"{hook.pk}/edit/"), form | {"digest_zone": "", "digest_hour": "1"})
    assert Digest.objects.get().time_zone == "UTC"
    assert adam.post(at(shop, f"{hook.pk}/edit/"), form | {"digest_hour": "24"}, headers=HTMX).status_code == 422


def test_the_form_of_a_new_channel_begins_in_the_readers_zone(shop: Workspace, adam: Client) -> None:
    people.save_preferences(seed.user("adam"), time_zone="Asia/Tokyo")
    assert adam.get(at(shop)).context["new_digest"] == {"frequency": "", "hour": 8, "time_zone": "Asia/Tokyo"}
    form = {"kind": "webhook", "name": "New", "target": "https://hooks.example.com/x", "digest": "weekly", "digest_hour": "7"}
    shown = adam.post(at(shop, "new/"), form)
    created = Channel.objects.get(workspace=shop)
    assert shown.context["secret"].startswith("whsec_") and shown.context["created"] == created and created.enabled
    assert DigestSettings(created.digest.frequency, created.digest.hour, created.digest.time_zone) == DigestSettings("weekly", 7)
    assert created.digest.due_at > now() and shown.context["channels"][0]["digest"] == created.digest
