"""Instructions and messages: queued once, first in the next prompt, and never called delivered before they are."""

import pytest

from orchestration import sessions
from orchestration.backlog import entry_actions
from orchestration.dialogue import delivery, messages
from orchestration.executor import dispatch
from orchestration.models import Entry, Message, Session
from orchestration.sessions import Ending
from tests.factories import ANA, a_worker, a_workspace, an_entry, sessions_of
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    a_worker()
    return a_workspace()


@pytest.fixture
def session(shop: Workspace) -> Session:
    an_entry(shop)
    dispatch.cycle(shop.pk)
    return sessions_of(shop)[0]


def state(message: Message) -> str:
    message.refresh_from_db()
    return messages.state(message, Entry.objects.get(pk=message.entry_id))


def test_an_instruction_is_queued_until_an_agent_has_it(shop: Workspace) -> None:
    message = messages.instruct(an_entry(shop), "Use *tabs*.\r\nEverywhere.", by=ANA)
    assert state(message) == "queued"
    mail = delivery.waiting(message.entry_id)
    assert mail.before("# Task").startswith("# What people say") and "> Use *tabs*.\n> Everywhere.\n" in mail.text
    delivery.confirm(mail, shop.pk)
    assert state(message) == "delivered" and not delivery.waiting(message.entry_id)


def test_try_again_with_an_instruction_reopens_a_failed_entry(shop: Workspace) -> None:
    entry = an_entry(shop)
    entry_actions.mark_failed(entry, by=ANA)
    messages.instruct(entry, "Look at the tests.", by=ANA, retry=True)
    entry.refresh_from_db()
    assert entry.status == "pending"
    reopened = Event.objects.get(verb="entry.reopened")
    assert (reopened.actor, reopened.reason) == ("ana", "Try again with: Look at the tests.")


def test_an_instruction_alone_moves_nothing(shop: Workspace) -> None:
    entry = an_entry(shop)
    entry_actions.put_on_hold(entry, by=ANA)
    messages.instruct(entry, "Look at the tests.", by=ANA)
    entry.refresh_from_db()
    assert entry.status == "blocked"


def test_what_is_done_takes_no_instruction(shop: Workspace) -> None:
    entry = an_entry(shop)
    entry_actions.mark_done(entry, by=ANA)
    with pytest.raises(Invalid, match="reopen it first"):
        messages.instruct(entry, "One more thing.", by=ANA)


def test_a_message_is_refused_once_its_entry_is_done(session: Session) -> None:
    message = messages.send(session, "Hurry.", by=ANA)
    assert state(message) == "queued"
    sessions.stop(session.workspace_id, session.pk, by=ANA)
    entry_actions.mark_done(session.entry, by=ANA)
    assert state(message) == "refused"


def test_a_session_that_has_ended_takes_no_message(session: Session) -> None:
    sessions.conclude(session, Ending(Session.Outcome.INTERRUPTED), expected=Session.Status.CLAIMED)
    with pytest.raises(Conflict, match="has ended"):
        messages.send(session, "Hurry.", by=ANA)


def test_the_same_key_counts_once_for_each_caller(session: Session) -> None:
    first = messages.send(session, "Hurry.", by=ANA, key="a")
    assert messages.send(session, "Hurry.", by=ANA, key="a") == first
    assert messages.send(session, "Hurry.", by=Caller("bea"), key="a") != first
    with pytest.raises(Invalid, match="another message"):
        messages.send(session, "Wait.", by=ANA, key="a")
    assert Event.objects.filter(verb="message.sent").count() == 2


def test_twenty_may_wait(shop: Workspace) -> None:
    entry = an_entry(shop)
    for number in range(20):
        messages.instruct(entry, f"{number}", by=ANA)
    with pytest.raises(Invalid, match="20 messages wait"):
        messages.instruct(entry, "One more.", by=ANA)


@pytest.mark.parametrize("text", ["", " \n", "x" * 4001])
def test_a_text_is_bounded(session: Session, text: str) -> None:
    with pytest.raises(Invalid):
        messages.send(session, text, by=ANA)


def test_a_message_that_the_prompt_has_is_not_delivered_again_to_the_session(session: Session) -> None:
    known, new = (messages.send(session, text, by=ANA) for text in ("Hurry.", "Take care."))
    messages.instruct(session.entry, "For the next prompt.", by=ANA)
    assert list(delivery.for_session(session, unless={known.pk}).messages) == [new]
