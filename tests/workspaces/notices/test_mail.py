"""Notices by e-mail, to a real SMTP server."""

import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from config.system import env
from tests.factories import ANA, a_channel, a_workspace, blocked_event
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.models import Delivery
from workspaces.notices import channels, sending

pytestmark = pytest.mark.django_db


class Post:
    """A mail server's handler. `refuse`: its answer instead of taking a mail."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.to: list[list[str]] = []
        self.refuse = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.to.append(envelope.rcpt_tos)
        return self.refuse or "250 OK"


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    messages = Post()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(messages, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.DEFAULT_FROM_EMAIL = "Muster <muster@example.com>"
    yield messages
    controller.stop()


def test_an_event_arrives_as_a_mail_with_details_and_a_link(post: Post) -> None:
    shop = a_workspace(name="Shop\r\nBcc: evil@example.com")
    channel = a_channel(shop)
    channels.change(channel, channels.ChannelSettings(target="ana@example.com, bea@example.com"), by=ANA)
    activity.record(shop.pk, blocked_event(), by=MUSTER, object_id="entry_1", reason="$0.10 is left")
    answer = sending.attempt(Delivery.objects.get().pk)
    [mail] = post.mails
    assert answer is not None and answer.ok and post.to == [["ana@example.com", "bea@example.com"]]
    assert mail["Subject"] == "[Shop Bcc: evil@example.com] An entry is blocked" and mail["Bcc"] is None
    assert mail["Message-ID"].startswith("<msg_") and mail["From"] == "Muster <muster@example.com>"
    text = mail.get_content()
    assert "$0.10 is left" in text and "Code: budget_exceeded" in text and f"/w/{shop.pk}/backlog/entry_1/" in text


def test_a_repeat_has_the_same_message_id(post: Post) -> None:
    shop = a_workspace()
    a_channel(shop)
    activity.record(shop.pk, blocked_event(), by=MUSTER)
    post.refuse = "451 later"
    delivery = Delivery.objects.get()
    for _ in range(2):
        Delivery.objects.update(due_at="2020-01-01T00:00:00Z")
        sending.attempt(delivery.pk)
    assert len({mail["Message-ID"] for mail in post.mails}) == 1 and len(post.mails) == 2
    assert Delivery.objects.get().answer == "The mail server refused: 451 later"


def test_without_a_mail_server_it_reports_that(settings: Any) -> None:
    settings.EMAIL_HOST = ""
    sent = sending.test(a_channel(a_workspace()))
    assert (sent.state, sent.answer) == ("failed", "No mail server is set: MUSTER_EMAIL_URL")


def test_a_mail_server_that_is_away_is_named(settings: Any) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert "could not be reached" in sending.test(a_channel(a_workspace())).answer


def test_the_url_of_a_mail_server_is_read_whole() -> None:
    whole = env.mail_server("smtp://me%40x:p%3Aw@mail.example.com:587/?tls=1")
    assert whole == env.MailServer("mail.example.com", 587, "me@x", "p:w", starttls=True)
    assert env.mail_server("smtps://mail.example.com") == env.MailServer("mail.example.com", 465, tls=True)
    assert env.mail_server("") == env.MailServer()
    with pytest.raises(ValueError, match=r"mail\.example\.com"):
        env.mail_server("mail.example.com")
