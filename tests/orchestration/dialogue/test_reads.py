"""Pages and the API list what people and agents wrote; each word counts for its own session and entry."""

import pytest
from django.utils.timezone import now

from orchestration import sessions
from orchestration.dialogue import delivery, messages, questions, reads, texts
from orchestration.dialogue.questions import QuestionRefused
from orchestration.models import Entry, Message, Question, Round, Session
from orchestration.sessions import Ending
from tests.factories import ANA, CLOSED, a_session, a_workspace, an_entry, ended
from workspaces.errors import Conflict, Invalid
from workspaces.models import Event, Workspace
from workspaces.values import ids

pytestmark = pytest.mark.django_db


def asked(session: Session, name: str, text: str = "") -> Question:
    questions.ask(session, name, text or f"Question {name}?")
    return Question.objects.get(session=session, name=name)


def next_of(session: Session) -> Session:
    """The entry's next session."""
    return a_session(Entry.objects.get(pk=ended(session).entry_id))


def claimed_again(session: Session, attempt: int) -> Session:
    """A session of the entry that began although a question waits: it was claimed just before."""
    assert sessions.conclude(session, Ending(Session.Outcome.ASKED))
    return Session.objects.create(
        id=ids.session(), workspace=session.workspace, entry=session.entry, attempt=attempt, status="running", agent="codex"
    )


def test_the_questions_that_wait_are_listed_oldest_first_with_what_a_person_needs(shop: Workspace, session: Session) -> None:
    elsewhere, done, deleted = (
        a_session(an_entry(a_workspace(name="Other"))),
        a_session(an_entry(shop)),
        a_session(an_entry(shop)),
    )
    first, theirs, second, third = asked(session, "1"), asked(elsewhere, "1"), asked(session, "2"), asked(session, "3")
    for other in (done, deleted):
        asked(other, "1")
    questions.answer(shop.pk, second.pk, "That one", by=ANA)
    Entry.objects.filter(pk=done.entry_id).update(**CLOSED)
    Entry.objects.filter(pk=deleted.entry_id).update(deleted_at=now())
    rows = reads.unanswered([shop.pk])
    assert [(row.workspace_id, row.entry_id, row.seq, row.title, row.question_id, row.text, row.since) for row in rows] == [
        (shop.pk, session.entry_id, 1, "Do it", each.pk, each.text, each.asked_at) for each in (first, third)
    ]  # fmt: skip
    assert [row.question_id for row in reads.unanswered([shop.pk, theirs.workspace_id])] == [first.pk, theirs.pk, third.pk]
    assert [row.question_id for row in reads.unanswered([shop.pk], after=first.pk)] == [third.pk]
    assert [row.question_id for row in reads.unanswered([shop.pk], limit=1)] == [first.pk] and reads.unanswered([]) == []


def test_questions_and_messages_of_an_entry_are_listed_newest_first(shop: Workspace, session: Session) -> None:
    other = a_session(an_entry(shop))
    mine = [asked(session, name) for name in "123"]
    asked(other, "1")
    written = [
        messages.instruct(session.entry, "One", by=ANA),
        messages.send(session, "Two", by=ANA),
        messages.instruct(session.entry, "3", by=ANA),
    ]
    messages.instruct(other.entry, "Theirs", by=ANA)
    assert list(reads.questions(session.entry)) == mine[::-1] and list(reads.messages(session.entry)) == written[::-1]


def test_a_question_is_one_of_its_session_and_three_of_an_entry_may_wait(session: Session) -> None:
    first = asked(session, "1")
    asked(session, "2")
    later = claimed_again(session, 2)
    assert questions.first_of(later) == ""
    assert asked(later, "1", "Another?").pk != first.pk
    with pytest.raises(QuestionRefused, match="3 of your questions wait"):
        questions.ask(later, "3", "?")
    questions.answer(session.workspace_id, first.pk, "Yes", by=ANA)
    asked(later, "3")
    assert questions.first_of(session) == "Question 1?", "also once it is answered"
    assert (questions.first_of(later), Question.objects.filter(entry=session.entry).count()) == ("Another?", 4)


def test_an_answer_is_kept_with_who_gave_it_and_when_and_recorded_once(shop: Workspace, session: Session) -> None:
    first, second = asked(session, "1"), asked(session, "2")
    answer = questions.answer(shop.pk, first.pk, " This one.\r\nThe first. ", by=ANA)
    assert (answer.answer, answer.answered_by, answer.answered_at is not None) == ("This one.\nThe first.", "ana", True)
    with pytest.raises(Conflict, match="ana has answered this question already"):
        questions.answer(shop.pk, first.pk, "That one", by=ANA)
    second.refresh_from_db()
    assert (second.answer, second.answered_at) == ("", None)
    [event] = Event.objects.filter(verb="question.answered")
    assert (event.object_id, event.actor, event.data["text"]) == (session.entry_id, "ana", "This one.\nThe first.")
    [event, _] = Event.objects.filter(verb="question.asked").order_by("id")
    assert (event.object_id, event.actor, event.data["text"]) == (session.entry_id, session.agent or "agent", "Question 1?")


def test_an_answer_that_has_arrived_stays_with_the_round_that_got_it(shop: Workspace, session: Session) -> None:
    answer = questions.answer(shop.pk, asked(session, "1").pk, "Yes", by=ANA)
    number = Round.objects.get(session=session).pk
    mail = delivery.waiting(session.entry_id)
    delivery.give(mail, number)
    delivery.confirm(mail, shop.pk)
    later = next_of(session)
    delivery.give(mail, Round.objects.get(session=later).pk)
    answer.refresh_from_db()
    assert answer.round_id == number and not delivery.waiting(session.entry_id)


def test_a_message_to_a_session_that_ended_is_in_the_next_prompt_and_a_new_one_is_refused(session: Session) -> None:
    message = messages.send(session, "Hurry", by=ANA)
    later = next_of(session)
    assert list(delivery.waiting(session.entry_id).messages) == [message] and not delivery.for_session(later, unless=())
    with pytest.raises(Conflict, match="has ended"):
        messages.send(session, "Hurry more", by=ANA)
    [event] = Event.objects.filter(verb="message.sent")
    assert (event.object_id, event.data["session"], event.data["text"]) == (session.entry_id, session.pk, "Hurry")


def test_a_repeated_request_is_answered_though_its_session_has_ended_since(session: Session) -> None:
    message = messages.send(session, "Hurry", by=ANA, key="k")
    next_of(session)
    assert messages.send(session, "Hurry", by=ANA, key="k") == message
    Entry.objects.filter(pk=session.entry_id).update(status="blocked", reason_code="human_hold", reason_message="x")
    first = messages.instruct(session.entry, "Go on", by=ANA, key="i", retry=True)
    Entry.objects.filter(pk=session.entry_id).update(**CLOSED, reason_code="")
    assert messages.instruct(session.entry, "Go on", by=ANA, key="i", retry=True) == first and Message.objects.count() == 2


@pytest.mark.parametrize(("status", "goes_on"), [("blocked", True), ("failed", True), ("pending", False)])
def test_to_try_again_resumes_what_is_stuck_and_nothing_else(shop: Workspace, status: str, goes_on: bool) -> None:
    entry = an_entry(shop)
    stuck = {"reason_code": "no_improvement", "reason_message": "x"} if goes_on else {}
    Entry.objects.filter(pk=entry.pk).update(status=status, **stuck)
    messages.instruct(entry, "Go on", by=ANA, retry=True)
    entry.refresh_from_db()
    assert entry.status == "pending" and Event.objects.filter(verb__in=["entry.released", "entry.reopened"]).exists() is goes_on


@pytest.mark.parametrize(
    ("text", "kept"), [("x" * 4000, True), (" " + "x" * 4000 + "\r\n", True), ("x" * 4001, False), ("\r\n", False)]
)
def test_a_text_is_measured_as_it_is_kept(text: str, kept: bool) -> None:
    if kept:
        assert texts.checked(text, "text") == "x" * 4000
    else:
        with pytest.raises(Invalid, match="1 to 4000"):
            texts.checked(text, "text")
