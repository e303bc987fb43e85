"""Requests and responses of the session calls."""

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field

from budget.schemas import Usd
from workspaces.schemas import Line, Name, Number, Strict


class CostOut(Schema):
    """Booked: what the ledger counts. Reported by the agent, computed from tokens: kept side by side. null: not told."""

    booked_usd: Number
    reported_usd: Number | None
    computed_usd: Number | None


class TokensOut(Schema):
    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_write_1h: int


class ConsideredOut(Schema):
    """An agent that a claim considered, with the most that it reserves at its start. `code`, `until`: why it could not start, and until when."""

    agent: str
    reservation_usd: Number
    code: str | None
    until: datetime | None


class ChoiceOut(Schema):
    """The choice of a session's agent. `step`, `steps`: its place on the entry's route."""

    agent: str
    effort: str | None
    step: int
    steps: int
    considered: list[ConsideredOut]
    why: str


class SessionOut(Schema):
    id: str
    entry_id: str
    attempt: int
    candidate: int | None
    phase: str
    status: str
    round: int | None
    agent: str
    model: str | None
    choice: ChoiceOut | None
    host: str | None
    claimed_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    stop_reason: str | None
    progress: str | None
    failure: str | None
    waiting_for: str | None
    waiting_until: datetime | None
    unpriced_model: str | None
    cost_note: str | None
    anomaly: str | None
    cost: CostOut
    tokens: TokensOut


class UsageIn(Strict):
    """One request's usage: what it cost, or its tokens for Muster to price. `id` is unique in the session: a repeat counts once.
    `cache_write_1h_tokens`: a part of `cache_write_tokens`."""

    id: Annotated[Name, Field(max_length=100)]
    cost_usd: Usd | None = None
    model: Annotated[Line, Field(max_length=200)] | None = None
    input_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    output_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    cache_read_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    cache_write_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    cache_write_1h_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0


class UsageOut(Schema):
    recorded: bool
    budget_left_usd: Number


class ProgressIn(Strict):
    text: Annotated[Line, Field(min_length=1)]


class SpendAnswerIn(Strict):
    """Whether what a session reported beyond its reservation is true. `reason`: required where it is not."""

    is_true: bool
    reason: Annotated[Line, Field(max_length=400)] = ""


class SpendAnswerOut(Schema):
    """`corrected_usd`: what was taken back, 0 or less."""

    session_id: str
    is_true: bool
    corrected_usd: Number
