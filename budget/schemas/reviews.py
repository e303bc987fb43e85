"""What the review calls take and answer."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import BeforeValidator, Field, create_model

from budget import amounts
from budget.categories import ANSWER_KEYS, COLUMNS
from budget.models import Comment, Decision, Proposal, Review, ReviewLine
from budget.reviews import reading, snapshot, variance
from budget.reviews.drafting import Wish
from budget.reviews.reading import ReviewDetail
from budget.schemas import Usd
from workspaces.schemas import Line, Name, Number, Strict


def _day(value: Any) -> Any:
    """`2026-11-24` and nothing else: pydantic would take a number of seconds, too."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value) if len(value) == 10 else value
        except ValueError:
            return value
    return value


Day = Annotated[date, BeforeValidator(_day)]
Persons = Annotated[int, Field(ge=1, le=2)]


class ProposalIn(Strict):
    """With an `entry_id` its budget; without one the project's `max_project_spend` or `total_budget`."""

    entry_id: Line | None = None
    field: Literal["budget", "max_project_spend", "total_budget"] = "budget"
    after_usd: Usd
    reason: Name
    lock: bool = True

    def wish(self) -> Wish:
        return Wish(Proposal.Field(self.field), self.after_usd, self.reason, self.entry_id, self.lock)


Proposals = Annotated[list[ProposalIn], Field(max_length=500)]


class ReviewIn(Strict):
    title: Name
    period_from: Day
    period_to: Day
    due: Day | None = None
    required_approvals: Persons = 1
    proposals: Proposals = []


class ReviewChangesIn(Strict):
    """What is to change; `proposals` replaces all of them, `due` null takes the date away."""

    title: Name | None = None
    due: Day | None = None
    required_approvals: Persons | None = None
    proposals: Proposals | None = None


class CommentIn(Strict):
    text: Annotated[Name, Field(max_length=5000)]
    entry_id: Line | None = None


class DecisionIn(Strict):
    """`version`: the one that was looked at."""

    decision: Literal["approve", "request_changes"]
    note: Annotated[Name, Field(max_length=2000)]
    version: Annotated[int, Field(ge=0, le=1_000_000)]


class ReviewOut(Schema):
    id: str
    number: int
    title: str
    period_from: date
    period_to: date
    state: str
    state_reason: str | None
    version: int
    required_approvals: int
    approvals: int
    due: date | None
    author: str
    created_at: datetime
    requested_at: datetime | None
    closed_at: datetime | None
    period_spent_usd: Number
    variance_usd: Number
    variance_percent: float | None


class ReviewsOut(Schema):
    reviews: list[ReviewOut]
    next_cursor: str | None


_SNAPSHOT: dict[str, Any] = (
    {"as_of": (datetime, ...), "ledger_row": (int, ...)}
    | dict.fromkeys(("total_budget_usd", "max_project_spend_usd", *ANSWER_KEYS.values()), (Number, ...))
    | {"total_spent_usd": (Number, ...), "held_usd": (Number, ...), "moved_since": (bool, ...)}
)
SnapshotOut: Any = create_model("SnapshotOut", __base__=Schema, **_SNAPSHOT)


class ReviewLineOut(Schema):
    entry_id: str
    title: str
    status: str
    budget_usd: Number
    budget_human_locked: bool
    spent_usd: Number
    interceptor_spent_usd: Number
    period_spent_usd: Number
    rounds: int
    forecast_usd: Number | None
    variance_usd: Number
    variance_percent: float | None
    forecast_variance_usd: Number | None
    forecast_variance_percent: float | None


class ReviewLinesOut(Schema):
    lines: list[ReviewLineOut]


class ProposalOut(Schema):
    entry_id: str | None
    field: str
    before_usd: Number
    after_usd: Number
    lock: bool
    reason: str


class CommentOut(Schema):
    id: int
    entry_id: str | None
    author: str
    text: str
    at: datetime


class DecisionOut(Schema):
    version: int
    reviewer: str
    decision: str
    note: str
    at: datetime


class ReviewWholeOut(ReviewOut):
    snapshot: SnapshotOut
    lines: list[ReviewLineOut]
    proposals: list[ProposalOut]
    comments: list[CommentOut]
    decisions: list[DecisionOut]


def summary(review: Review, approvals: int) -> dict[str, Any]:
    over = reading.overall(review)
    return {
        **{name: getattr(review, name) for name in ReviewOut.model_fields if hasattr(review, name)},
        "state_reason": review.state_reason or None,
        "approvals": approvals,
        "period_spent_usd": amounts.number(review.period_spent),
        "variance_usd": amounts.number(over.amount),
        "variance_percent": over.percent,
    }


def detail(whole: ReviewDetail) -> dict[str, Any]:
    review = whole.review
    frozen = {
        "as_of": review.as_of,
        "ledger_row": review.as_of_ledger,
        **{f"{name}_usd": amounts.number(getattr(review, name)) for name in snapshot.TOTALS if name not in COLUMNS},
        **{key: amounts.number(getattr(review, f"{name}_spent")) for name, key in ANSWER_KEYS.items()},
        "moved_since": bool(snapshot.changes_since(review)),
    }
    return summary(review, whole.approvals) | {
        "snapshot": frozen,
        "lines": [line(item) for item in whole.lines],
        "proposals": [_proposal(item) for item in whole.proposals],
        "comments": [comment(item) for item in whole.comments],
        "decisions": [_decision(item) for item in whole.decisions],
    }


def line(row: ReviewLine) -> dict[str, Any]:
    now, then = variance.spent_variance(row), variance.forecast_variance(row)
    return {
        "entry_id": row.account_id,
        "title": row.title,
        "status": row.status,
        "budget_usd": amounts.number(row.budget),
        "budget_human_locked": row.human_locked,
        "spent_usd": amounts.number(row.spent),
        "interceptor_spent_usd": amounts.number(row.interceptor_spent),
        "period_spent_usd": amounts.number(row.period_spent),
        "rounds": row.rounds,
        "forecast_usd": None if row.forecast is None else amounts.number(row.forecast),
        "variance_usd": amounts.number(now.amount),
        "variance_percent": now.percent,
        "forecast_variance_usd": amounts.number(then.amount) if then else None,
        "forecast_variance_percent": then.percent if then else None,
    }


def comment(row: Comment) -> dict[str, Any]:
    return {
        "id": row.pk,
        "entry_id": row.line.account_id if row.line else None,
        "author": row.author,
        "text": row.text,
        "at": row.at,
    }


def _proposal(row: Proposal) -> dict[str, Any]:
    values = {"before_usd": amounts.number(row.before), "after_usd": amounts.number(row.after)}
    return {"entry_id": row.account_id, "field": row.field, **values, "lock": row.lock, "reason": row.reason}


def _decision(row: Decision) -> dict[str, Any]:
    return {"version": row.version, "reviewer": row.reviewer, "decision": row.verdict, "note": row.note, "at": row.at}
