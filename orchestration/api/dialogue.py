"""The calls about what people say to agents and what agents ask. An agent's own token cannot make them."""

from collections.abc import Sequence
from typing import Annotated, Any

from ninja import Header, Path, Router, Status

from orchestration import schemas
from orchestration.dialogue import messages, questions, reads
from orchestration.edge import queries
from orchestration.models import Entry, Message, Question
from workspaces import access, paging
from workspaces.access import Need, Request
from workspaces.schemas import Cursor, Limit, responses

router = Router(tags=["todo"])

Key = Annotated[str | None, Header(alias="Idempotency-Key")]


@router.get(
    "/todo/entries/{entryID}/messages",
    response=responses(schemas.MessagesOut),
    operation_id="agent.orchestration.todoEntryMessages",
)
def list_messages(request: Request, workspaceID: Path[str], entryID: str, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """The instructions of an entry and the messages to its sessions, newest first, each with its state."""
    workspace = access.workspace_for(request.auth, workspaceID)
    entry = queries.entry_for(workspace.pk, entryID)
    rows, following = paging.page(reads.messages(entry), "-id", limit=limit, cursor=cursor)
    return {"messages": [_shown_message(message, entry) for message in rows], "next_cursor": following}


@router.post(
    "/todo/entries/{entryID}/instructions",
    response=responses(schemas.MessageOut, status=201),
    operation_id="agent.orchestration.todoEntryInstructionsCreate",
)
def instruct(
    request: Request, workspaceID: Path[str], entryID: str, body: schemas.InstructionIn, idempotency_key: Key = None
) -> Any:
    """Say something to the entry's agent, first in its next prompt. With `retry`, an entry that is blocked or failed goes on with it. The same
    `Idempotency-Key` counts once."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    entry = queries.entry_for(workspace.pk, entryID)
    message = messages.instruct(entry, body.text, by=request.auth, key=idempotency_key, retry=body.retry)
    return Status(201, _shown_message(message, entry))


@router.post(
    "/executor/sessions/{sessionID}/messages",
    response=responses(schemas.MessageOut, status=201, conflict=True),
    operation_id="agent.orchestration.sessionMessagesCreate",
    tags=["sessions"],
)
def send(request: Request, workspaceID: Path[str], sessionID: str, body: schemas.MessageIn, idempotency_key: Key = None) -> Any:
    """Say something to the agent of a session at work: it gets it at its next tool where its CLI has a hook, else with its next prompt. The
    same `Idempotency-Key` counts once."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    session = queries.session_for(workspace.pk, sessionID)
    message = messages.send(session, body.text, by=request.auth, key=idempotency_key)
    return Status(201, _shown_message(message, session.entry))


@router.get(
    "/todo/questions", response=responses(schemas.UnansweredListOut), operation_id="agent.orchestration.todoQuestionsUnanswered"
)
def list_unanswered(request: Request, workspaceID: Path[str], limit: Limit = 100, cursor: Cursor = None) -> Any:
    """The questions of agents that nobody has answered, oldest first."""
    workspace = access.workspace_for(request.auth, workspaceID)
    after = paging.position(cursor) if cursor is not None else 0
    rows, following = paging.cut(reads.unanswered([workspace.pk], limit=limit + 1, after=after), limit, "question_id")
    return {"questions": shown_unanswered(rows), "next_cursor": following}


@router.get(
    "/todo/entries/{entryID}/questions",
    response=responses(schemas.QuestionsOut),
    operation_id="agent.orchestration.todoEntryQuestions",
)
def list_questions(request: Request, workspaceID: Path[str], entryID: str, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """The questions of an entry's agent, newest first, with their answers."""
    workspace = access.workspace_for(request.auth, workspaceID)
    entry = queries.entry_for(workspace.pk, entryID)
    rows, following = paging.page(reads.questions(entry), "-id", limit=limit, cursor=cursor)
    return {"questions": [_shown_question(row) for row in rows], "next_cursor": following}


@router.post(
    "/todo/questions/{questionID}/answer",
    response=responses(schemas.QuestionOut, conflict=True),
    operation_id="agent.orchestration.todoQuestionAnswer",
)
def answer(request: Request, workspaceID: Path[str], questionID: str, body: schemas.AnswerIn) -> Any:
    """Answer a question: the entry goes on with it. The same answer again changes nothing; another one is 409."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    number = int(questionID) if questionID.isascii() and questionID.isdigit() and len(questionID) <= 18 else 0
    return _shown_question(questions.answer(workspace.pk, number, body.answer, by=request.auth))


def shown_unanswered(rows: Sequence[reads.Unanswered]) -> list[dict[str, Any]]:
    """Unanswered questions as the API shows them."""
    return [
        {
            "id": row.question_id,
            "entry_id": row.entry_id,
            "seq": row.seq,
            "title": row.title,
            "text": row.text,
            "asked_at": row.since,
        }
        for row in rows
    ]


def _shown_message(message: Message, entry: Entry) -> dict[str, Any]:
    return {
        "id": message.pk,
        "session_id": message.session_id,
        "text": message.text,
        "state": messages.state(message, entry),
        "sent_by": message.sent_by,
        "sent_at": message.sent_at,
        "delivered_at": message.delivered_at,
        "round": message.round.number if message.round else None,
    }


def _shown_question(question: Question) -> dict[str, Any]:
    return {
        "id": question.pk,
        "entry_id": question.entry_id,
        "session_id": question.session_id,
        "text": question.text,
        "asked_at": question.asked_at,
        "answer": question.answer or None,
        "answered_by": question.answered_by or None,
        "answered_at": question.answered_at,
        "delivered_at": question.delivered_at,
        "round": question.round.number if question.round else None,
    }
