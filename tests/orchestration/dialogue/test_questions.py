"""Questions of agents: noted once, three at a time, answered once."""

import pytest

from orchestration import sessions
from orchestration.backlog import entry_actions
from orchestration.dialogue import questions, reads
from orchestration.dialogue.questions import QuestionRefused
from orchestration.edge import queries
from orchestration.executor import dispatch
from orchestration.models import Entry, FileLock, Question, Session
from orchestration.sessions import Ending
from tests.factories import ANA, a_worker, a_workspace, an_entry, sessions_of
from workspaces.errors import Conflict, Invalid, NotFound
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    a_worker()
    return a_workspace()


def at_work(shop: Workspace) -> Session:
    """A session on an entry that locks a file."""
    an_entry(shop, files=["a.py"])
    dispatch.cycle(shop.pk)
    session = sessions.take(sessions_of(shop)[0].pk, attempt=1, worker=a_worker())
    assert session
    return session


def asked(shop: Workspace, text: str = "Which one?") -> Question:
    """A question whose session has ended."""
    session = at_work(shop)
    questions.ask(session, "1", text)
    assert sessions.conclude(session, Ending(Session.Outcome.ASKED))
    return Question.objects.get(session=session)


def test_the_same_question_is_noted_once(shop: Workspace) -> None:
    session = at_work(shop)
    for _ in range(2):
        questions.ask(session, "1", "Which one?")
    assert Question.objects.count() == 1 == Event.objects.filter(verb="question.asked").count()
    questions.answer(shop.pk, Question.objects.get().pk, "The first.", by=ANA)
    questions.ask(session, "1", "Which one?")  # a lost worker's journal, read once more
    assert Question.objects.get().answered_at and Event.objects.filter(verb="question.asked").count() == 1


@pytest.mark.parametrize("text", ["", " \n ", "x" * 4001])
def test_a_question_has_a_text_of_bounded_length(shop: Workspace, text: str) -> None:
    with pytest.raises(QuestionRefused):
        questions.ask(at_work(shop), "1", text)


def test_the_fourth_unanswered_question_is_refused_with_a_sentence(shop: Workspace) -> None:
    session = at_work(shop)
    for number in range(3):
        questions.ask(session, str(number), "Which one?")
    with pytest.raises(QuestionRefused, match="3 of your questions wait"):
        questions.ask(session, "4", "And now?")
    questions.answer(shop.pk, Question.objects.all()[0].pk, "The first.", by=ANA)
    questions.ask(session, "4", "And now?")


def test_it_keeps_its_files_and_starts_when_every_question_is_answered(shop: Workspace) -> None:
    session = at_work(shop)
    for number in range(2):
        questions.ask(session, str(number), "Which one?")
    sessions.conclude(session, Ending(Session.Outcome.ASKED))
    first, second = Question.objects.all()
    questions.answer(shop.pk, first.pk, "This one.", by=ANA)
    dispatch.cycle(shop.pk)
    entry = Entry.objects.get(pk=session.entry_id)
    assert entry.status == "pending" and FileLock.objects.filter(entry=entry).exists()
    assert queries.diagnostics(shop.pk)["blockedReasons"] == ["waiting_for_answer"]
    questions.answer(shop.pk, second.pk, "That one.", by=ANA)
    dispatch.cycle(shop.pk)
    assert Session.objects.filter(entry=entry, status="claimed").exists()


def test_another_answer_is_refused_and_the_same_one_changes_nothing(shop: Workspace) -> None:
    question = asked(shop)
    for text in ("This one.", "This one.\r\n"):
        assert questions.answer(shop.pk, question.pk, text, by=ANA).answer == "This one."
    with pytest.raises(Conflict, match="ana has answered"):
        questions.answer(shop.pk, question.pk, "That one.", by=ANA)
    assert Event.objects.filter(verb="question.answered").count() == 1


def test_a_question_of_another_workspace_does_not_exist(shop: Workspace) -> None:
    with pytest.raises(NotFound):
        questions.answer(a_workspace(name="Other").pk, asked(shop).pk, "Mine.", by=ANA)


@pytest.mark.parametrize("text", ["", "  ", "x" * 4001])
def test_an_answer_has_a_text(shop: Workspace, text: str) -> None:
    with pytest.raises(Invalid):
        questions.answer(shop.pk, asked(shop).pk, text, by=ANA)


def test_an_entry_that_was_on_hold_waits_for_its_answer_again(shop: Workspace) -> None:
    entry = asked(shop).entry
    entry_actions.put_on_hold(entry, by=ANA)
    entry_actions.resume(entry, by=ANA)
    dispatch.cycle(shop.pk)
    assert not Session.objects.filter(entry=entry, status="claimed").exists()


def test_unanswered_questions_are_listed_across_workspaces_in_one_query(
    shop: Workspace, django_assert_num_queries: object
) -> None:
    elsewhere = a_workspace(name="Other")
    question, other = asked(shop), asked(elsewhere, "And here?")
    with django_assert_num_queries(1):  # type: ignore[operator]
        rows = reads.unanswered([shop.pk, elsewhere.pk])
    assert [(row.workspace_id, row.entry_id, row.text) for row in rows] == [
        (shop.pk, question.entry_id, "Which one?"),
        (elsewhere.pk, other.entry_id, "And here?"),
    ]


def test_a_question_of_an_entry_that_is_done_is_not_listed(shop: Workspace) -> None:
    entry_actions.mark_done(asked(shop).entry, by=ANA)
    assert reads.unanswered([shop.pk]) == []
