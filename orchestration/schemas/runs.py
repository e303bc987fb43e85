"""Requests and responses of the calls about runs and their proposals."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import AfterValidator, Field

from workspaces.schemas import Number, Strict, clean, not_blank

MAX_GOAL = 20_000
Goal = Annotated[str, Field(min_length=1, max_length=MAX_GOAL), AfterValidator(clean), AfterValidator(not_blank)]


class PlanIn(Strict):
    goal: Goal


class OrchestrateIn(Strict):
    """`note`: what it should look at."""

    note: Annotated[str, Field(max_length=MAX_GOAL), AfterValidator(clean)] = ""


class ProposalCounts(Schema):
    open: int
    applied: int
    rejected: int
    outdated: int


class RunOut(Schema):
    """`status`: as of a session. `trigger`: what started it. `subject_id`: the entry that it is about. `problems`: what was wrong with its
    answers."""

    id: str
    role: str
    goal: str
    requested_by: str
    trigger: str
    subject_id: str | None
    status: str
    agent: str
    model: str | None
    commit: str | None
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    stop_reason: str | None
    progress: str | None
    waiting_for: str | None
    problems: list[str]
    cost_usd: Number
    reserved_usd: Number
    proposals: ProposalCounts


class RunsOut(Schema):
    runs: list[RunOut]
    next_cursor: str | None


class TestsOnBase(Schema):
    """`state`: red, green, broken, missing or unknown. `failing`: the first line of each message, by case."""

    state: str
    failing: dict[str, str]
    remark: str


class EstimateOut(Schema):
    chance_1: Number
    chance_2: Number
    chance_3: Number
    round_usd: Number


class RunProposalOut(Schema):
    """`entry`: the entry as it would be added; for another `kind`, the new values of the entry `subject_id`, which the run read as `before`.
    `entry_id`: the entry that it added or changed. `note`: what Muster found. `tests_on_base`: what
    its tests said before the work; null: it has none, or they were edited since."""

    id: int
    number: int
    kind: str
    state: str
    subject_id: str | None
    before: dict[str, Any] | None
    entry: dict[str, Any]
    reason: str | None
    note: str | None
    tests_on_base: TestsOnBase | None
    estimate: EstimateOut | None
    entry_id: str | None
    edited_by: str | None
    decided_by: str | None
    decided_at: datetime | None


class RunProposalsOut(Schema):
    proposals: list[RunProposalOut]


class ChoiceIn(Strict):
    """The ids of some of the run's proposals. Missing: all that can be decided."""

    proposals: Annotated[list[Annotated[int, Field(ge=1, le=10**15)]], Field(min_length=1, max_length=500)] | None = None


class RunAppliedOut(Schema):
    """`waiting`: they depend on an outdated one, and stay open."""

    applied: list[RunProposalOut]
    outdated: list[RunProposalOut]
    waiting: list[RunProposalOut]
