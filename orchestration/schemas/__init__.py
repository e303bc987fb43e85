"""Requests and responses of the orchestration calls, as openapi.json publishes them.

`executor`, `entries`, `rounds`, `sessions`, `events`, `workspaces`, `agents`: one module for each subject of the API.
"""

from orchestration.schemas.agents import AgentOut, HostAgents, PushOut, SecretIn, SecretOut, SecretsOut
from orchestration.schemas.entries import (
    EntriesIn,
    EntriesOut,
    EntryIn,
    EntryOut,
    PriorityIn,
    ReasonOut,
    RoundsIn,
    Spec,
    SpecOut,
    StatusIn,
    Todo,
)
from orchestration.schemas.events import EventOut, EventsOut
from orchestration.schemas.executor import (
    CheckOut,
    Diagnostics,
    Dispatched,
    EntryCounts,
    ExecutorStatus,
    Explained,
    ExplainedEntry,
    Ok,
    Paused,
    Resumed,
    Started,
    Stopped,
    WorkerOut,
    Workers,
)
from orchestration.schemas.rounds import RoundOut, RoundsOut
from orchestration.schemas.sessions import CostOut, ProgressIn, SessionOut, TokensOut, UsageIn, UsageOut
from orchestration.schemas.workspaces import Deleted, WorkspaceChange, WorkspaceIn, WorkspaceOut, WorkspacesOut

__all__ = [
    "AgentOut",
    "CheckOut",
    "CostOut",
    "Deleted",
    "Diagnostics",
    "Dispatched",
    "EntriesIn",
    "EntriesOut",
    "EntryCounts",
    "EntryIn",
    "EntryOut",
    "EventOut",
    "EventsOut",
    "ExecutorStatus",
    "Explained",
    "ExplainedEntry",
    "HostAgents",
    "Ok",
    "Paused",
    "PriorityIn",
    "ProgressIn",
    "PushOut",
    "ReasonOut",
    "Resumed",
    "RoundOut",
    "RoundsIn",
    "RoundsOut",
    "SecretIn",
    "SecretOut",
    "SecretsOut",
    "SessionOut",
    "Spec",
    "SpecOut",
    "Started",
    "StatusIn",
    "Stopped",
    "Todo",
    "TokensOut",
    "UsageIn",
    "UsageOut",
    "WorkerOut",
    "Workers",
    "WorkspaceChange",
    "WorkspaceIn",
    "WorkspaceOut",
    "WorkspacesOut",
]
