"""Questions of agents: noted once, a few at a time, answered once. While one is unanswered, the plan does not start the entry."""

from django.db import transaction
from django.db.models.functions import Now

from orchestration.dialogue import texts
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Question, Session
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, NotFound

MAX_UNANSWERED = 3
NOTED = "Your question is noted, and people will answer it. End your turn now: the answer is your next prompt."
EMPTY = 'A question needs a text: muster-ask "Which of the two files is right?"'
TOO_LONG = f"A question has at most {texts.MAX_CHARS} characters: ask the essential part, and name files for the rest."
TOO_MANY = f"{MAX_UNANSWERED} of your questions wait for an answer: end your turn now, the answers are your next prompt."


class QuestionRefused(Exception):
    """The question is not noted. The message is for the agent."""


def ask(session: Session, name: str, text: str) -> None:
    """Note a question of a session at work; a second time with the same name changes nothing. `name`: at most 100 characters. Raises
    QuestionRefused."""
    text = text.strip()
    if not text:
        raise QuestionRefused(EMPTY)
    if len(text) > texts.MAX_CHARS:
        raise QuestionRefused(TOO_LONG)
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=session.workspace_id)
        if Question.objects.filter(session=session, name=name).exists():
            return
        if Question.objects.filter(entry_id=session.entry_id, answered_at__isnull=True).count() >= MAX_UNANSWERED:
            raise QuestionRefused(TOO_MANY)
        Question.objects.create(
            workspace_id=session.workspace_id, entry_id=session.owner_id, session=session, name=name, text=text
        )
        event = events.QuestionAsked(entry=session.owner_id, text=text[:200])
        activity.record(session.workspace_id, event, by=_agent_of(session), object_id=session.owner_id)
    wake_ups.publish_change(session.workspace_id, "entries", "workers")


def first_of(session: Session) -> str:
    """The first question that the session asked; empty: it asked none."""
    return Question.objects.filter(session=session).values_list("text", flat=True).first() or ""


def answer(workspace_id: str, question_id: int, text: str, *, by: Caller) -> Question:
    """Answer a question: the entry goes on when none of its questions is unanswered. The same answer again changes nothing. Raises NotFound,
    Invalid, and Conflict if it was answered otherwise."""
    text = texts.checked(text, "answer")
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        question = _question(workspace_id, question_id)
        if question.answered_at is not None:
            if question.answer == text:
                return question
            raise Conflict(f"{question.answered_by} has answered this question already")
        Question.objects.filter(pk=question.pk).update(answer=text, answered_by=by.name, answered_at=Now())
        event = events.QuestionAnswered(entry=question.entry_id, text=text[:200])
        activity.record(workspace_id, event, by=by, object_id=question.entry_id)
    question.refresh_from_db()
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "entries", "workers")
    return question


def _question(workspace_id: str, question_id: int) -> Question:
    question = Question.objects.filter(pk=question_id, workspace_id=workspace_id, entry__deleted_at__isnull=True).first()
    if question is None:
        raise NotFound("Question not found")
    return question


def _agent_of(session: Session) -> Caller:
    return Caller(session.agent or "agent")
