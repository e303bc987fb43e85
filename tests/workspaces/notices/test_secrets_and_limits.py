"""Secrets that a channel's receiver may repeat are masked, and each bound of a channel holds; without a receiver."""

import contextlib
import http.client
import smtplib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from tests.factories import ANA, a_channel, a_workspace, blocked_event
from workspaces import activity
from workspaces.errors import Invalid, NotFound
from workspaces.models import Channel, Delivery, Digest, Event
from workspaces.notices import channels, deliveries, digests
from workspaces.notices.channels import ChannelSettings
from workspaces.notices.digests import DigestSettings
from workspaces.notices.kinds import discord, email, signing, slack, teams
from workspaces.notices.kinds.chat_text import MAX_CHARS
from workspaces.notices.kinds.messages import Message
from workspaces.outgoing import posting
from workspaces.outgoing.posting import Result
from workspaces.secrets.masking import Mask

pytestmark = pytest.mark.django_db
HOOK = "https://hooks.example.com/T0/secret-of-the-path?key=secret-of-query&v=1"


def a_hook(target: str = HOOK, **more: Any) -> tuple[Channel, str]:
    settings = ChannelSettings(name=more.pop("name", "Ops"), target=target, verbs=["entry.blocked"], **more)
    return channels.create(more.pop("workspace", None) or a_workspace(), Channel.Kind.WEBHOOK, settings, by=ANA)


def test_the_long_parts_of_an_address_and_the_signing_secret_are_masked_and_its_host_is_not() -> None:
    channel, secret = a_hook()
    mask = channels.mask_of(channel)
    for part in ("secret-of-the-path", "secret-of-query", secret, "/T0/secret-of-the-path?key=secret-of-query&v=1"):
        assert part not in mask(f"<{part}>")
    assert mask("hooks.example.com T0 v=1") == "hooks.example.com T0 v=1"
    assert channels.mask_of(a_channel(channel.workspace))("team@example.com") == "team@example.com"


def test_a_word_of_an_address_is_a_secret_from_twelve_characters_on() -> None:
    channel, _ = a_hook("https://hooks.example.com/abcdefghijk/abcdefghijkl")
    mask = channels.mask_of(channel)
    assert mask("<abcdefghijk>") == "<abcdefghijk>" and "abcdefghijkl" not in mask("<abcdefghijkl>")


def test_viewers_see_the_host_or_the_number_of_addresses() -> None:
    channel, _ = a_hook()
    assert channels.shown_target(channel, whole=False) == "https://hooks.example.com/…"
    assert channels.shown_target(channel, whole=True) == HOOK
    channel.kind, channel.target = Channel.Kind.EMAIL, "a@example.com, b@example.com"
    assert channels.shown_target(channel, whole=False) == "2 addresses"


def test_channels_are_listed_by_name_and_found_in_their_workspace_alone() -> None:
    workspace, other = a_workspace(), a_workspace(name="Other")
    second, first = a_channel(workspace, "B"), a_channel(workspace, "A")
    theirs = a_channel(other, "C")
    assert channels.list_all(workspace.pk) == [first, second]
    assert channels.channel_for(workspace.pk, first.pk) == first
    for unknown in (theirs.pk, "chan_00000000000000000000", "no id"):
        with pytest.raises(NotFound):
            channels.channel_for(workspace.pk, unknown)


def test_each_change_is_recorded_without_the_address() -> None:
    channel, _ = a_hook(enabled=False)
    channels.change(channel, ChannelSettings(name="Two", verbs=["entry.failed"], enabled=True), by=ANA)
    channels.change(channel, ChannelSettings(new_secret=True, digest=DigestSettings("daily", 7, "UTC")), by=ANA)
    channels.remove(channel, by=ANA)
    added, first, second, removed = (event.data for event in Event.objects.filter(object_id=channel.pk).order_by("id"))
    assert added == {"name": "Ops", "kind": "webhook", "enabled": False, "verbs": ["entry.blocked"]}
    assert first == {"name": "Two", "kind": "webhook", "enabled": True, "verbs": ["entry.failed"]}
    assert second == {"name": "Two", "kind": "webhook", "enabled": True, "secret_replaced": True, "digest": "daily at 07:00 UTC"}
    assert removed == {"name": "Two", "kind": "webhook", "enabled": True}
    for change in (lambda: channels.remove(channel, by=ANA), lambda: channels.change(channel, ChannelSettings(), by=ANA)):
        with pytest.raises(NotFound):
            change()


def test_a_channel_that_fails_is_switched_off_once_by_muster() -> None:
    channel, _ = a_hook()
    activity.record(channel.workspace_id, blocked_event(), by=ANA)
    Delivery.objects.update(tried_at=now(), answer="status 500")
    activity.record(channel.workspace_id, blocked_event(), by=ANA)
    for _ in range(2):
        channels.switch_off(channel.pk, "It is gone" + "!" * 600)
    channel.refresh_from_db()
    assert not channel.enabled and len(channel.off_because) == 500
    answers = Delivery.objects.order_by("id").values_list("state", "answer")
    assert list(answers) == [("failed", "status 500"), ("failed", channels.OFF)]
    [event] = Event.objects.filter(verb="channel.switched_off")
    assert (event.actor, event.reason[:10]) == ("muster", "It is gone")


def test_a_failure_counts_for_the_channel_once_and_a_test_counts_nothing() -> None:
    channel, _ = a_hook()
    activity.record(channel.workspace_id, blocked_event(), by=ANA)
    claimed = deliveries.claim(Delivery.objects.get().pk)
    assert claimed is not None and claimed.attempts == 1
    late, trial = Delivery.objects.get(), Delivery.objects.create(channel=channel, attempts=1)
    assert deliveries.settle(claimed, Result(False, "x" * 600, 500, 7)) and deliveries.settle(trial, Result(False, "no"))
    assert not deliveries.settle(Delivery(pk=late.pk, channel=channel, event_id=late.event_id, attempts=9), Result(False, "late"))
    channel.refresh_from_db()
    row = Delivery.objects.get(pk=late.pk)
    assert (channel.failures_in_a_row, row.status, row.took_ms, len(row.answer)) == (1, 500, 7, 500)


def test_a_delivery_is_retried_while_its_channel_is_on_and_a_test_never() -> None:
    channel, _ = a_hook()
    trial = Delivery.objects.create(channel=channel, state="failed")
    with pytest.raises(Invalid, match="A test cannot be retried"):
        deliveries.retry(channel.workspace_id, str(trial.pk), by=ANA)
    activity.record(channel.workspace_id, blocked_event(), by=ANA)
    row = Delivery.objects.exclude(pk=trial.pk).get()
    Delivery.objects.filter(pk=row.pk).update(state="failed", attempts=2)
    Channel.objects.update(enabled=False)
    with pytest.raises(Invalid, match="The channel is off"):
        deliveries.retry(channel.workspace_id, str(row.pk), by=ANA)
    Channel.objects.update(enabled=True)
    again = deliveries.retry(channel.workspace_id, str(row.pk), by=ANA)
    assert (again.state, again.attempts) == ("pending", len(deliveries.PAUSES_S))
    assert Event.objects.get(verb="delivery.retried").data == {"delivery": row.pk, "name": "Ops"}


def test_only_finished_deliveries_older_than_the_setting_are_forgotten(settings: Any) -> None:
    settings.KEEP_LOGS_DAYS = 10
    channel, _ = a_hook()
    for days, state in ((9, "delivered"), (11, "failed"), (11, "delivered"), (11, "pending")):
        row = Delivery.objects.create(channel=channel, state=state)
        Delivery.objects.filter(pk=row.pk).update(created_at=now() - timedelta(days=days))
    assert deliveries.prune() == 2
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["delivered", "pending"]


def test_the_page_of_deliveries_is_of_one_workspace_newest_first() -> None:
    channel, _ = a_hook()
    rows = [Delivery.objects.create(channel=channel) for _ in range(3)]
    Delivery.objects.create(channel=a_channel(a_workspace(name="Other")))
    shown, following = deliveries.page(channel.workspace_id, limit=2)
    assert (shown, following) == ([rows[2], rows[1]], str(rows[1].pk))
    assert deliveries.page(channel.workspace_id, limit=2, cursor=following) == ([rows[0]], None)
    assert deliveries.page(channel.workspace_id, limit=3)[1] is None


@pytest.mark.parametrize(
    ("chosen", "is_good"),
    [
        (DigestSettings("daily", 0), True),
        (DigestSettings("weekly", 23, "Europe/Berlin"), True),
        (DigestSettings(""), True),
        (DigestSettings("hourly"), False),
        (DigestSettings("daily", 24), False),
        (DigestSettings("daily", -1), False),
        (DigestSettings("daily", 8, "Mars"), False),
    ],
)
def test_a_digest_has_a_known_frequency_hour_and_zone(chosen: DigestSettings, is_good: bool) -> None:
    if is_good:
        digests.check(chosen)
    else:
        with pytest.raises(Invalid):
            digests.check(chosen)


def test_a_digest_keeps_its_turn_unless_its_own_settings_change() -> None:
    channel, _ = a_hook(digest=DigestSettings("daily", 8, "UTC"))
    past = now() - timedelta(hours=1)
    Digest.objects.update(due_at=past)
    digests.put(channel, DigestSettings("daily", 8, "UTC"))
    assert Digest.objects.get().due_at == past
    for change in (
        DigestSettings("weekly", 8, "UTC"),
        DigestSettings("weekly", 9, "UTC"),
        DigestSettings("weekly", 9, "Asia/Tokyo"),
    ):
        Digest.objects.update(due_at=past)
        digests.put(channel, change)
        assert Digest.objects.get().due_at > now()
    assert digests.zone_of(Digest(time_zone="Mars/Base")).key == "UTC"


def test_addresses_of_mail_are_one_to_twenty_each_once() -> None:
    assert email.addresses_in(" a@example.com,b@example.com ,, a@example.com") == ["a@example.com", "b@example.com"]
    twenty = [f"a{n}@example.com" for n in range(20)]
    assert email.addresses_in(",".join(twenty)) == twenty
    for odd in ("", ",", ",".join([*twenty, "b@example.com"]), "a@example.com, b"):
        with pytest.raises(Invalid):
            email.addresses_in(odd)


def test_long_lines_are_cut_in_each_chat_and_more_links_go_first() -> None:
    more = tuple((f"Entry {n}", f"https://muster.example/{n}") for n in range(100))
    message = Message("Title", ("x" * (MAX_CHARS + 1), "y" * MAX_CHARS), "https://muster.example/", more)
    card = teams.form(message)["attachments"][0]["content"]
    assert [len(block["text"]) for block in card["body"][1:]] == [MAX_CHARS + 1, MAX_CHARS]
    assert card["body"][1]["text"].endswith("…") and len(card["actions"]) == 101
    short = discord.form(Message("Title", ("a",), "https://muster.example/", more))["content"]
    assert len(short) <= discord.MAX_CONTENT and r"Entry 0 <https://muster.example/0>" in short and "Entry 99" not in short
    assert [block["accessory"]["url"] for block in slack.form(message)["blocks"] if "accessory" in block][:1] == [more[0][1]]
    assert slack.form(Message("Title", (), "https://muster.example/"))["blocks"][1]["type"] == "actions"


def test_an_answer_is_shown_without_control_characters_and_cut() -> None:
    assert posting.printable("\x00ok\x1b[31m\nnext\x7f ") == "ok [31m\nnext"
    assert len(posting.printable("x" * 600)) == 500


def test_an_answer_is_masked_before_it_is_cut() -> None:
    Mask({"A": "short-secret"})
    assert posting.printable("x" * 495 + "short-secret") == "x" * 495 + "[secr"


@pytest.mark.parametrize(
    ("status", "ok", "words"),
    [
        (200, True, "thanks"),
        (299, True, "thanks"),
        (199, False, "thanks"),
        (300, False, "It answered with a redirect, which is not followed"),
        (399, False, "It answered with a redirect, which is not followed"),
        (400, False, "thanks"),
        (500, False, "thanks"),
    ],
)
def test_a_status_of_two_hundred_and_something_is_a_success_alone(
    status: int, ok: bool, words: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.WEBHOOK_ALLOW = "10.0.0.0/8"
    monkeypatch.setattr(posting, "exchange", lambda *_, **__: posting.Answer(status, {}, b"thanks"))
    result = posting.post("http://10.1.2.3/", b"", {})
    assert (result.ok, result.text, result.status) == (ok, words, status)


@pytest.mark.parametrize(
    ("error", "took", "words"),
    [
        (TimeoutError(), 0.0, "No response within 5 s"),
        (ConnectionResetError(), 5.0, "No response within 5 s"),
        (ConnectionRefusedError(), 0.1, "The connection was refused"),
        (http.client.BadStatusLine("x"), 0.1, "It does not follow the protocol: BadStatusLine"),
        (OSError(101, "Network is unreachable"), 0.1, "It could not be reached: Network is unreachable"),
        (OSError("the host's name is not found"), 0.1, "It could not be reached: the host's name is not found"),
    ],
)
def test_a_failure_has_its_sentence(error: Exception, took: float, words: str) -> None:
    assert posting.why(error, took, 5.0) == words


@pytest.mark.parametrize(
    ("sender", "domain"),
    [
        ("Muster <muster@example.com>", "example.com"),
        ("muster@example.org", "example.org"),
        ("nobody", "nobody"),
        ("<x@>", "muster"),
    ],
)
def test_a_mails_id_is_of_its_senders_domain(sender: str, domain: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EMAIL_HOST, settings.DEFAULT_FROM_EMAIL = "mail.example.com", sender
    sent: list[Any] = []
    monkeypatch.setattr(email, "get_connection", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(email.EmailMessage, "send", lambda message: sent.append(message))
    assert email.send("a@example.com, b@example.com", subject="s", text="t", message_id="msg_1").ok
    assert sent[0].to == ["a@example.com", "b@example.com"] and sent[0].extra_headers["Message-ID"] == f"<msg_1@{domain}>"


def test_a_server_that_takes_no_address_has_not_taken_the_mail(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    monkeypatch.setattr(email, "get_connection", lambda _: contextlib.nullcontext())
    for error, words in (
        (smtplib.SMTPRecipientsRefused({}), "The mail server refused every address"),
        (smtplib.SMTPSenderRefused(550, b"no\x00pe", "x"), "The mail server refused: 550 no pe"),
        (smtplib.SMTPServerDisconnected("gone"), "The mail server could not be reached: gone"),
        (OSError("no route"), "The mail server could not be reached: no route"),
    ):

        def send(_: Any, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(email.EmailMessage, "send", send)
        result = email.send("a@example.com", subject="s", text="t", message_id="msg_1")
        assert (result.ok, result.text, result.status) == (False, words, None)


def test_a_signature_has_the_time_of_its_attempt_or_the_one_that_is_given() -> None:
    sealed, moment = signing.seal(signing.new_secret()), datetime(2026, 8, 4, 12, 59, 30, tzinfo=UTC)
    given = signing.headers(sealed, message_id="msg_1", body="{}", at=moment)
    assert (given["webhook-id"], given["webhook-timestamp"]) == ("msg_1", str(int(moment.timestamp())))
    assert abs(int(signing.headers(sealed, message_id="msg_1", body="{}")["webhook-timestamp"]) - now().timestamp()) < 60
