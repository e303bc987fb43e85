"""An agent gets each word of people once, of its own entry, oldest first."""

import pytest
from django.utils.timezone import now

from orchestration.dialogue import delivery, messages, questions
from orchestration.dialogue.questions import QuestionRefused
from orchestration.models import Entry, Message, Question, Round, Session
from tests.factories import ANA, CLOSED, a_session, an_entry
from workspaces.errors import Invalid, NotFound
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def answered(session: Session, name: str, answer: str) -> Question:
    questions.ask(session, name, f"question {name}")
    return questions.answer(session.workspace_id, Question.objects.get(session=session, name=name).pk, answer, by=ANA)


def test_a_prompt_has_what_waits_for_its_entry_with_who_wrote_it(session: Session) -> None:
    other = a_session(an_entry(session.workspace))
    messages.instruct(other.entry, "theirs", by=ANA)
    answered(other, "1", "theirs too")
    messages.instruct(session.entry, "first", by=ANA)
    messages.send(session, "second\n\nline", by=ANA)
    answered(session, "1", "this one")
    questions.ask(session, "2", "not answered")
    assert delivery.waiting(session.entry_id).text == (
        "# What people say\n\nThis comes first, before anything else below.\n\n> first\n\n(ana)\n\n> second\n>\n> line\n\n(ana)\n\n"
        "# Answers to your questions\n\nYou asked:\n\n> question 1\n\nThe answer:\n\n> this one\n"
    )
    assert delivery.messages_of(session.entry_id).answers == () and len(delivery.messages_of(session.entry_id).messages) == 2


def test_nothing_comes_before_a_prompt_where_nothing_waits(session: Session) -> None:
    mail = delivery.waiting(session.entry_id)
    assert not mail and mail.before("Task") == "Task"
    answered(session, "1", "this one")
    assert delivery.waiting(session.entry_id).before("Task").endswith("> this one\n\nTask")


def test_what_is_given_has_its_round_and_what_is_confirmed_waits_no_longer(session: Session) -> None:
    first, later = messages.instruct(session.entry, "first", by=ANA), messages.instruct(session.entry, "later", by=ANA)
    answer, late = answered(session, "1", "this one"), answered(session, "2", "that one")
    mail = delivery.Mail([first], [answer])
    number = Round.objects.get(entry=session.entry).pk
    delivery.give(mail, number)
    assert list(Message.objects.filter(round=number)) == [first] and list(Question.objects.filter(round=number)) == [answer]
    delivery.confirm(mail, session.workspace_id)
    waiting = delivery.waiting(session.entry_id)
    assert (list(waiting.messages), list(waiting.answers)) == ([later], [late])
    delivered_at = Message.objects.get(pk=first.pk).delivered_at
    delivery.give(mail, number + 1)
    delivery.confirm(mail, session.workspace_id)
    assert Message.objects.get(pk=first.pk).delivered_at == delivered_at and Message.objects.get(pk=first.pk).round_id == number


def test_a_session_gets_at_its_next_tool_only_what_was_written_to_it(session: Session) -> None:
    other = a_session(an_entry(session.workspace))
    messages.instruct(session.entry, "for the next prompt", by=ANA)
    messages.send(other, "theirs", by=ANA)
    mine = messages.send(session, "mine", by=ANA)
    assert list(delivery.for_session(session, unless=()).messages) == [mine]
    delivery.confirm(delivery.Mail([mine]), session.workspace_id)
    assert not delivery.for_session(session, unless=())


def test_messages_of_other_entries_and_those_that_were_delivered_leave_room(session: Session) -> None:
    other = an_entry(session.workspace)
    for n in range(20):
        messages.instruct(other, f"{n}", by=ANA)
    Message.objects.filter(text="0").update(delivered_at=now())
    messages.instruct(session.entry, "mine", by=ANA)
    messages.instruct(other, "one more", by=ANA)
    with pytest.raises(Invalid, match="20 messages wait"):
        messages.instruct(other, "too many", by=ANA)


@pytest.mark.parametrize(("key", "fits"), [("k", True), ("k" * 200, True), ("", False), ("k" * 201, False)])
def test_a_key_is_bounded(session: Session, key: str, fits: bool) -> None:
    if fits:
        assert messages.instruct(session.entry, "x", by=ANA, key=key) == messages.instruct(session.entry, "x", by=ANA, key=key)
    else:
        with pytest.raises(Invalid, match="1 to 200"):
            messages.instruct(session.entry, "x", by=ANA, key=key)


def test_a_key_is_one_entrys(session: Session) -> None:
    other = an_entry(session.workspace)
    assert messages.instruct(session.entry, "x", by=ANA, key="k") != messages.instruct(other, "y", by=ANA, key="k")


def test_a_split_entry_takes_no_instruction(shop: Workspace) -> None:
    entry = an_entry(shop)
    Entry.objects.filter(pk=entry.pk).update(is_container=True)
    with pytest.raises(Invalid, match="give its children"):
        messages.instruct(entry, "x", by=ANA)


@pytest.mark.parametrize(("fields", "state"), [({}, "queued"), (CLOSED, "refused"), ({"deleted_at": now()}, "refused")])
def test_a_message_is_delivered_queued_or_refused(session: Session, fields: dict[str, object], state: str) -> None:
    message = messages.instruct(session.entry, "x", by=ANA)
    Entry.objects.filter(pk=session.entry_id).update(**fields)
    assert messages.state(message, Entry.objects.get(pk=session.entry_id)) == state
    message.delivered_at = now()
    assert messages.state(message, Entry.objects.get(pk=session.entry_id)) == "delivered"


def test_an_instruction_is_an_event_of_its_entry_with_its_beginning(session: Session) -> None:
    messages.instruct(session.entry, "x" * 300, by=ANA, retry=True)
    [event] = Event.objects.filter(verb="entry.instructed")
    assert (event.object_id, event.data["text"]) == (session.entry_id, "x" * 200)
    assert not Event.objects.filter(verb="entry.resumed").exists(), "an entry at work goes on as it is"


def test_questions_are_counted_by_their_entry_and_named_by_their_session(session: Session) -> None:
    other = a_session(an_entry(session.workspace))
    for name in "123":
        questions.ask(session, name, "?")
    questions.ask(other, "1", "theirs")
    questions.ask(session, "3", "again")
    with pytest.raises(QuestionRefused):
        questions.ask(session, "4", "?")
    assert (Question.objects.count(), questions.first_of(other), questions.first_of(session)) == (4, "theirs", "?")
    asked = Event.objects.filter(verb="question.asked")
    assert set(asked.values_list("object_id", flat=True)) == {session.entry_id, other.entry_id}


def test_a_question_of_a_deleted_entry_takes_no_answer(session: Session) -> None:
    questions.ask(session, "1", "?")
    Entry.objects.filter(pk=session.entry_id).update(deleted_at=now())
    with pytest.raises(NotFound):
        questions.answer(session.workspace_id, Question.objects.get().pk, "x", by=ANA)
