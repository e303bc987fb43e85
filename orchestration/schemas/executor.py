"""Requests and responses of the executor calls."""

from typing import Literal

from ninja import Schema

from budget.schemas import GlobalOut
from orchestration.schemas.approvals import WaitingOut
from orchestration.schemas.dialogue import UnansweredOut
from orchestration.schemas.entries import EntryOut
from orchestration.schemas.landing import LandingOut


class Started(Schema):
    started: bool


class Paused(Schema):
    paused: bool


class Resumed(Schema):
    resumed: bool


class Stopped(Schema):
    stopped: bool


class StoppedAll(Schema):
    """`alive`: the sessions that are not proven to have ended yet, while Muster goes on ending them. Only where `stopped` is false."""

    stopped: bool
    alive: list[str] = []


class Killed(Schema):
    killed: bool


class Ok(Schema):
    ok: bool


class StandingOut(Schema):
    """The number of entries with this status and this reason; the empty reason is none."""

    status: str
    reason: str
    number: int


class ExecutorStatus(Schema):
    state: Literal["stopped", "running", "paused"]
    paused: bool
    activeWorkers: int
    entries: list[StandingOut] | None = None


class WorkerOut(Schema):
    sessionID: str
    entryID: str
    phase: str
    status: str


class Workers(Schema):
    workers: list[WorkerOut]


class AtWorkOut(WorkerOut):
    """A session at work, with the number and the first line of its entry."""

    seq: int
    title: str


class SummaryOut(Schema):
    """`approvals` and `questions`: the first 100, those that wait longest; their totals count all."""

    executor: ExecutorStatus
    workers: list[AtWorkOut]
    approvals: list[WaitingOut]
    approvals_total: int
    questions: list[UnansweredOut]
    questions_total: int
    landing: LandingOut
    budget: GlobalOut


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
    sandbox: str
    entry: EntryOut | None = None
