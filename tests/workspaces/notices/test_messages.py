"""A receiver gets exact words: the payload, the mail and the chat of an event, of a question, of a report and of a test."""

from datetime import UTC, datetime
from typing import Any

import pytest

from budget.events import LimitReached
from orchestration.facts.events import DigestSent, QuestionAsked
from tests.factories import ANA, a_channel, a_workspace, blocked_event
from workspaces import activity
from workspaces.activity.events import ActivityEvent
from workspaces.models import Channel, Delivery, Event, Workspace
from workspaces.notices import schemas
from workspaces.notices.kinds import messages

pytestmark = pytest.mark.django_db
AT = datetime(2026, 8, 4, 12, 0, 1, 7_999, tzinfo=UTC)
DIGEST = DigestSent(
    channel="Team", frequency="daily", since="2026-08-03T06:00:00Z", until="2026-08-04T06:00:00Z", landed_count=1, landed=["#1 One"],
    failed_count=0, failed=[], waits_count=2, waits=[{"words": "#2 Two", "page": "entry", "object_id": "entry_2"}], spent_usd=1.5,
    total_usd=2, cap_usd=10, done_by=None,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _an_address(settings: Any) -> None:
    settings.BASE_URL = "https://muster.example/"


def a_delivery(workspace: Workspace, event: ActivityEvent | None, kind: str = "webhook", **more: Any) -> Delivery:
    """On its way, some time after its event."""
    line = None
    if event is not None:
        line = activity.row(workspace.pk, event, by=ANA, **more)
        line.at = AT
        line.save()
    channel = a_channel(workspace)
    Channel.objects.filter(pk=channel.pk).update(kind=kind)
    Delivery.objects.all().delete()
    row = Delivery.objects.create(channel=channel, event=line)
    Delivery.objects.filter(pk=row.pk).update(created_at=AT, due_at=datetime(2026, 8, 5, tzinfo=UTC), attempts=3)
    return Delivery.objects.select_related("channel__workspace", "event").get(pk=row.pk)


def test_the_payload_is_of_the_event_alone_and_the_same_at_every_attempt(shop: Workspace) -> None:
    delivery = a_delivery(shop, blocked_event(), object_id="entry_1", reason="no money")
    event = Event.objects.get(verb="entry.blocked")
    assert messages.payload(delivery) == {
        "type": "entry.blocked",
        "timestamp": "2026-08-04T12:00:01.007Z",
        "data": {
            "workspace": {"id": shop.pk, "name": "Shop"},
            "url": f"https://muster.example/w/{shop.pk}/backlog/entry_1/",
            "event_id": event.pk,
            "actor": "ana",
            "object_id": "entry_1",
            "reason": "no money",
            "details": blocked_event().data(),
        },
    }
    assert messages.message_id(delivery) == messages.message_id(Delivery(pk=delivery.pk))
    assert messages.message_id(delivery) != messages.message_id(Delivery(pk=delivery.pk + 1))


def test_a_test_names_its_channel_and_the_moment_at_which_it_was_made(shop: Workspace) -> None:
    delivery = a_delivery(shop, None)
    data = {"workspace": {"id": shop.pk, "name": "Shop"}, "url": f"https://muster.example/w/{shop.pk}/", "channel": "Team"}
    assert messages.payload(delivery) == {"type": "muster.test", "timestamp": "2026-08-04T12:00:01.007Z", "data": data}
    assert messages.subject(delivery) == "[Shop] This is a test"
    assert messages.text(delivery) == f"This is a test of the channel Team. It works.\n\nhttps://muster.example/w/{shop.pk}/\n"


def test_a_mail_has_what_happened_why_each_detail_who_when_and_a_link(shop: Workspace) -> None:
    delivery = a_delivery(shop, blocked_event(), object_id="entry_1", reason="no money")
    assert messages.subject(delivery) == "[Shop] An entry is blocked"
    lines = messages.text(delivery).split("\n")
    assert lines[:3] == ["An entry is blocked.", "", "no money"]
    assert sorted(lines[3:7]) == [
        "Code: budget_exceeded",
        "Entry: entry_1",
        "Seq: 1",
        "Title: Do it",
    ]  # PostgreSQL has its own order
    assert lines[7:] == [
        "By: ana",
        "At: 2026-08-04T12:00:01.007Z",
        "",
        f"https://muster.example/w/{shop.pk}/backlog/entry_1/",
        "",
    ]
    without = messages.text(a_delivery(a_workspace(name="Other"), blocked_event())).split("\n")
    assert without[:2] == ["An entry is blocked.", ""] and sorted(without[2:6]) == sorted(lines[3:7]) and without[6] == "By: ana"


def test_a_subject_is_one_line_of_two_hundred_characters_at_most(shop: Workspace) -> None:
    Workspace.objects.update(name="a\r\n" + "x" * 197)
    delivery = a_delivery(Workspace.objects.get(), None)
    assert messages.subject(delivery) == "[a " + "x" * 197


def test_a_report_is_the_same_in_a_mail_and_in_a_chat_with_each_link(shop: Workspace) -> None:
    delivery = a_delivery(shop, DIGEST, "discord", object_id="chan_1")
    here = f"https://muster.example/w/{shop.pk}/"
    lines = ["Landed: #1 One.", "Spent $1.50; $2.00 of the cap of $10.00 in all.", "Waits for a person:"]
    assert messages.subject(delivery) == "[Shop] Daily digest: 1 landed, 0 failed, 2 wait for you"
    assert messages.text(delivery).split("\n") == [
        *lines, "- #2 Two", f"  {here}backlog/entry_2/", "- 1 more", f"  {here}", "", here, ""]  # fmt: skip
    message = messages.message(delivery)
    assert (message.title, list(message.lines), message.link) == (messages.subject(delivery), lines, here)
    assert message.more == (("#2 Two", f"{here}backlog/entry_2/"), ("1 more", here))


def test_a_chat_names_the_entry_and_the_reason_or_what_is_asked(shop: Workspace) -> None:
    blocked = messages.message(a_delivery(shop, blocked_event(), "slack", object_id="entry_1", reason="no money"))
    assert (blocked.title, blocked.lines) == ("[Shop] An entry is blocked", ("#1 Do it", "no money"))
    asked = QuestionAsked(entry="entry_1", text="Which bank?")
    other = messages.message(a_delivery(a_workspace(name="Other"), asked, "slack", object_id="entry_1"))
    assert other.lines == ("Which bank?",) and other.link.endswith("/backlog/entry_1/")
    trial = messages.message(a_delivery(a_workspace(name="Third"), None, "slack"))
    assert (trial.title, trial.lines) == ("[Third] This is a test", ("The channel Team works.",))


def test_an_event_leads_to_its_page_and_to_the_overview_where_there_is_none(shop: Workspace) -> None:
    here = f"https://muster.example/w/{shop.pk}/"
    limit = LimitReached(category="total", period="day", limit_usd=1.0)
    for event, name, page in ((blocked_event(), "entry_1", "backlog/entry_1/"), (limit, "total", "money/")):
        line = activity.row(shop.pk, event, by=ANA, object_id=name)
        assert messages.link(shop, line) == f"{here}{page}"
    assert messages.link(shop, Event(verb="of.another.version", object_id="entry_1")) == here == messages.link(shop, None)
    assert messages.page_url(shop, "entry") == here and messages.page_url(shop, "nowhere", "x") == here


def test_a_delivery_is_due_while_it_waits_and_its_answer_is_for_admins_unless_there_was_none(shop: Workspace) -> None:
    delivery = a_delivery(shop, blocked_event())
    delivery.status, delivery.answer = 500, "no route"
    for state, due_at in (("pending", delivery.due_at), ("delivered", None), ("failed", None)):
        delivery.state = state
        shown = [schemas.delivery(delivery, whole=whole) for whole in (True, False)]
        assert [row["due_at"] for row in shown] == [due_at, due_at] and [row["answer"] for row in shown] == ["no route", None]
    delivery.status = None
    assert schemas.delivery(delivery, whole=False)["answer"] == "no route"
    assert (shown[0]["type"], schemas.delivery(a_delivery(a_workspace(), None), whole=True)["type"]) == (
        "entry.blocked", "muster.test")  # fmt: skip
