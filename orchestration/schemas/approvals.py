"""Requests and responses of the approval calls."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints

from workspaces.schemas import Strict, clean, not_blank

WholeCommit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40,64}$")]
CommentText = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(clean), AfterValidator(not_blank)]
FilePath = Annotated[str, Field(max_length=1024), AfterValidator(clean)]


class ApproveIn(Strict):
    """The commit that the caller saw, its whole hash."""

    commit: WholeCommit


class WorkCommentIn(Strict):
    """Without `line`: about the file. Without `path`: about the work. `side`: old counts the line before the change."""

    text: CommentText
    path: FilePath = ""
    line: Annotated[int, Field(ge=1, le=9_999_999)] | None = None
    side: Literal["new", "old"] = "new"


class SendBackIn(ApproveIn):
    note: Annotated[str, Field(max_length=2000), AfterValidator(clean)] = ""
    comments: Annotated[list[WorkCommentIn], Field(max_length=200)] = []


class NameTestsIn(ApproveIn):
    """Names or patterns of tests, as in `spec.tests`."""

    tests: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=500), AfterValidator(clean)]], Field(min_length=1, max_length=200)
    ]


class ApprovalOut(Schema):
    """Who let which commit land."""

    entry_id: str
    commit: str
    by: str
    at: datetime


class SentBackOut(Schema):
    """`findings`: how many the next round begins with."""

    sent_back: bool
    findings: int


class ChosenOut(Schema):
    commit: str


class NamedTestsOut(Schema):
    tests: list[str]


class ReleasedLocksOut(Schema):
    released: int


class WaitingOut(Schema):
    """`why`: the rule that asks for a person."""

    entry_id: str
    seq: int
    title: str
    commit: str
    why: str
    since: datetime


class ApprovalsOut(Schema):
    approvals: list[WaitingOut]


class WorkCommentOut(Schema):
    """`quote`: the line itself. `sent_at`: since when an agent has it."""

    id: int
    commit: str
    path: str
    line: int | None
    side: Literal["new", "old"]
    quote: str
    text: str
    by: str
    at: datetime
    sent_at: datetime | None


class WorkCommentsOut(Schema):
    comments: list[WorkCommentOut]
