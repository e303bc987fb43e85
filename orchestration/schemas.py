"""What the orchestration calls take and answer."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field

from budget.schemas import Usd
from workspaces.schemas import Json, Line, Name, NonBlank, Number, Strict, Text


class Started(Schema):
    started: bool


class Paused(Schema):
    paused: bool


class Resumed(Schema):
    resumed: bool


class Stopped(Schema):
    stopped: bool


class Ok(Schema):
    ok: bool


class ExecutorStatus(Schema):
    state: Literal["stopped", "running", "paused"]
    paused: bool
    activeWorkers: int


class WorkerOut(Schema):
    sessionID: str
    entryID: str
    phase: str
    status: str


class Workers(Schema):
    workers: list[WorkerOut]


class EntryCounts(Schema):
    total: int
    pending: int
    blocked: int
    inProgress: int
    done: int
    failed: int


class Diagnostics(Schema):
    state: str
    paused: bool
    initialized: bool
    trackedSessions: int
    activeSessions: int
    dispatchingCount: int
    entries: EntryCounts
    readyToDispatch: int
    blockedReasons: list[str]


class Dispatched(Schema):
    dispatched: bool
    diagnostics: Diagnostics


class CheckOut(Schema):
    code: str
    passed: bool
    observed: str
    needed: str
    message: str


class ExplainedEntry(Schema):
    entry_id: str
    why: str | None
    checks: list[CheckOut]


class Explained(Schema):
    entries: list[ExplainedEntry]
    next_cursor: str | None


class WorkspaceIn(Strict):
    name: Name
    repo: Annotated[Line, Field(min_length=1)]
    base_branch: Annotated[Line, Field(min_length=1, max_length=100)] | None = None
    total_budget_usd: Usd
    max_project_spend_usd: Usd
    config: dict[str, Any] | None = None


class WorkspaceChange(Strict):
    name: Name | None = None
    total_budget_usd: Usd | None = None
    max_project_spend_usd: Usd | None = None


class WorkspaceOut(Schema):
    id: str
    name: str
    repo: str
    base_branch: str
    total_budget_usd: Number
    max_project_spend_usd: Number
    state: str
    config: dict[str, Any]
    created_at: datetime


class WorkspacesOut(Schema):
    workspaces: list[WorkspaceOut]
    next_cursor: str | None


class Deleted(Schema):
    deleted: bool


FileList = Annotated[list[Annotated[Line, Field(min_length=1)]], Field(max_length=500)]


class Spec(Strict):
    """What is to be done, and how one sees that it is. The files lists are what the entry locks."""

    requirements: Text | list[Text] | None = None
    acceptance_criteria: Annotated[list[Text], Field(max_length=200)] | None = None
    files_to_create: FileList | None = None
    files_to_modify: FileList | None = None
    patterns: Text | list[Text] | None = None
    api_contract: Text | dict[Text, Json] | list[Json] | None = None
    examples: Text | list[Json] | dict[Text, Json] | None = None
    integration_points: Text | list[Text] | None = None


Priority = Literal["critical", "high", "medium", "low"]
Rounds = Annotated[int, Field(ge=1, le=1000)]


class EntryIn(Strict):
    ref: Annotated[Name, Field(max_length=100)] | None = None
    type: Literal["task"] = "task"
    content: NonBlank
    spec: Spec | None = None
    priority: Priority = "medium"
    depends_on: Annotated[list[Annotated[Line, Field(min_length=1, max_length=100)]], Field(max_length=500)] = []
    parallelizable: bool = True
    parallel_group: Annotated[Name, Field(max_length=100)] | None = None
    budget_usd: Usd | None = None
    budget_rounds: Rounds | None = None


class EntriesIn(Strict):
    entries: Annotated[list[EntryIn], Field(min_length=1, max_length=1000)]


class ReasonOut(Schema):
    code: str
    message: str
    observed: str
    needed: str


class EntryOut(Schema):
    id: str
    seq: int
    type: str
    content: str
    spec: dict[str, Any]
    spec_frozen: bool
    status: str
    reasons: list[ReasonOut]
    priority: str
    depends_on: list[str]
    children: list[str]
    parallelizable: bool
    parallel_group: str | None
    budget_usd: Number
    budget_human_locked: bool
    spent_usd: Number
    budget_rounds: int
    rounds_completed: int
    score: float | None
    branch: str | None
    created_by: str | None
    assigned_to: str | None
    session_ids: list[str]
    created_at: datetime
    updated_at: datetime


class EntriesOut(Schema):
    entries: list[EntryOut]


class Todo(Schema):
    id: str
    version: int
    created_at: datetime
    entries: list[EntryOut]
    next_cursor: str | None


class StatusIn(Strict):
    """blocked: hold it back. pending: release it, or reopen it. done: say that it is done."""

    status: Literal["blocked", "pending", "done"]
    reason: Line = ""


class PriorityIn(Strict):
    priority: Priority


class RoundsIn(Strict):
    budget_rounds: Rounds


class SpecOut(Schema):
    spec: dict[str, Any]
    spec_frozen: bool
    paths: list[str]


class RoundOut(Schema):
    number: int
    session_id: str
    cost_usd: Number
    score: float | None
    improvement_score: float | None
    verdict: str
    summary: str
    findings: list[str]
    checks: list[dict[str, Any]]
    review: dict[str, Any] | None
    commit: str | None
    diffstat: dict[str, Any]
    prompt: str
    started_at: datetime
    ended_at: datetime | None


class RoundsOut(Schema):
    rounds: list[RoundOut]
    next_cursor: str | None


class EventOut(Schema):
    id: int
    at: datetime
    actor: str
    actor_kind: str
    verb: str
    object_id: str | None
    data: dict[str, Any]
    reason: str


class EventsOut(Schema):
    events: list[EventOut]
    next_cursor: str | None


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


class SessionOut(Schema):
    id: str
    entry_id: str
    attempt: int
    phase: str
    status: str
    round: int | None
    agent: str
    model: str | None
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


class PushOut(Schema):
    remote: str
    commit: str | None
    error: str | None


class HostAgents(Schema):
    host: str
    versions: dict[str, str]


class AgentOut(Schema):
    """`code`: why no agent of the workspace can work at the moment, null when they can. `until`: then one session is tried."""

    kind: str
    code: str | None
    message: str | None
    since: datetime | None
    until: datetime | None
    programs: list[HostAgents]
    push: PushOut | None


class SecretIn(Strict):
    value: Annotated[str, Field(min_length=1, max_length=16_000)]


class SecretOut(Schema):
    name: str
    changed_by: str
    changed_at: datetime


class SecretsOut(Schema):
    secrets: list[SecretOut]


class UsageIn(Strict):
    """One request's usage: what it cost, or its tokens for Muster to price. `id` is unique in the session: a repeat counts once."""

    id: Annotated[Name, Field(max_length=100)]
    cost_usd: Usd | None = None
    model: Annotated[Line, Field(max_length=200)] | None = None
    input_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    output_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    cache_read_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    cache_write_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0


class UsageOut(Schema):
    recorded: bool
    budget_left_usd: Number


class ProgressIn(Strict):
    text: Annotated[Line, Field(min_length=1)]
