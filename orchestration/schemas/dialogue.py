"""Requests and responses of the calls about what people and agents say to each other."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import AfterValidator, Field

from workspaces.schemas import Strict, clean, not_blank

Words = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(clean), AfterValidator(not_blank)]


class InstructionIn(Strict):
    """`retry`: an entry that is blocked or failed goes on with it."""

    text: Words
    retry: bool = False


class MessageIn(Strict):
    text: Words


class AnswerIn(Strict):
    answer: Words


class MessageOut(Schema):
    """`session_id` null: an instruction for the next prompt. `round`: whose agent it was given to."""

    id: int
    session_id: str | None
    text: str
    state: Literal["queued", "delivered", "refused"]
    sent_by: str
    sent_at: datetime
    delivered_at: datetime | None
    round: int | None


class MessagesOut(Schema):
    messages: list[MessageOut]
    next_cursor: str | None


class QuestionOut(Schema):
    """`round`: whose agent got the answer; null: none yet."""

    id: int
    entry_id: str
    session_id: str
    text: str
    asked_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    delivered_at: datetime | None
    round: int | None


class QuestionsOut(Schema):
    questions: list[QuestionOut]
    next_cursor: str | None


class UnansweredOut(Schema):
    id: int
    entry_id: str
    seq: int
    title: str
    text: str
    asked_at: datetime


class UnansweredListOut(Schema):
    questions: list[UnansweredOut]
    next_cursor: str | None
