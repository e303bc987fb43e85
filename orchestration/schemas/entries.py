"""Requests and responses of the backlog calls."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, Field

from budget.schemas import Usd
from orchestration.configuration.config.fields import Labels
from orchestration.configuration.config.routes import Route, Step, Steps
from workspaces.schemas import Json, Line, Name, NonBlank, Number, Strict, Text, not_blank

TestList = Annotated[
    list[Annotated[Line, Field(min_length=1, max_length=300), AfterValidator(not_blank)]],
    Field(max_length=200),
]
FileList = Annotated[list[Annotated[Line, Field(min_length=1)]], Field(max_length=500)]
MAX_TEST_FILES_CHARS = 100_000


def _files(files: dict[str, str]) -> dict[str, str]:
    if folders := [path for path in files if path.endswith("/")]:
        raise ValueError(f"has files alone, and {folders[0]} is a folder")
    if sum(len(text) for text in files.values()) > MAX_TEST_FILES_CHARS:
        raise ValueError(f"may have at most {MAX_TEST_FILES_CHARS:,} characters in all")
    return files


TestFiles = Annotated[
    dict[Annotated[Line, Field(min_length=1)], Text], Field(min_length=1, max_length=20), AfterValidator(_files)
]


class Spec(Strict):
    """What is to be done, and how one sees that it is. The files lists are what the entry locks; `tests` are names or patterns of the
    test cases that it is to make pass. `test_files`: path to text of files with such tests, which Muster writes and no agent changes."""

    requirements: Text | list[Text] | None = None
    acceptance_criteria: Annotated[list[Text], Field(max_length=200)] | None = None
    files_to_create: FileList | None = None
    files_to_modify: FileList | None = None
    tests: TestList | None = None
    test_files: TestFiles | None = None
    patterns: Text | list[Text] | None = None
    api_contract: Text | dict[Text, Json] | list[Json] | None = None
    examples: Text | dict[Text, Json] | list[Json] | None = None
    integration_points: Text | list[Text] | None = None


def _each_once(labels: list[str]) -> list[str]:
    return list(dict.fromkeys(labels))


Requires = Annotated[Labels, AfterValidator(_each_once)]
Priority = Literal["critical", "high", "medium", "low"]
AgentName = Annotated[Line, Field(min_length=1, max_length=63)]
Rounds = Annotated[int, Field(ge=1, le=1000)]


class EntryIn(Strict):
    """`requires`: labels (MUSTER_LABELS) of the host that runs its sessions, besides those in the config. `agent`: one of the config's `agents`
    by its name; null: the usual one."""

    ref: Annotated[Name, Field(max_length=100)] | None = None
    type: Literal["task"] = "task"
    content: NonBlank
    spec: Spec | None = None
    priority: Priority = "medium"
    depends_on: Annotated[list[Annotated[Line, Field(min_length=1, max_length=100)]], Field(max_length=500)] = []
    parallelizable: bool = True
    parallel_group: Annotated[Name, Field(max_length=100)] | None = None
    group: Annotated[Name, Field(max_length=200)] | None = None
    requires: Requires = []
    agent: AgentName | None = None
    route: Route | None = None
    budget_usd: Usd | None = None
    budget_rounds: Rounds | None = None


class EntriesIn(Strict):
    entries: Annotated[list[EntryIn], Field(min_length=1, max_length=1000)]


class SplitIn(Strict):
    """The children. Without a priority or rounds of its own, a child has its parent's; without a budget, its part of what is left of its
    parent's."""

    entries: Annotated[list[EntryIn], Field(min_length=2, max_length=50)]
    reason: Line = ""


class ReasonOut(Schema):
    code: str
    message: str
    observed: str
    needed: str


class SourceOut(Schema):
    """Where an imported entry stands in its plan. `id`: its own id there; null: it is known by its headings and its title."""

    plan: str
    id: str | None
    path: str


class EntryOut(Schema):
    """`parent`: the entry that was split into this one and others."""

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
    parent: str | None
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
    group: str | None
    requires: list[str]
    agent: str | None
    route: list[Step]
    step: int
    next_agent: str
    next_effort: str | None
    next_candidates: int
    source: SourceOut | None
    version: str


class EntriesOut(Schema):
    entries: list[EntryOut]


class SplitOut(Schema):
    """The entry that was split, and its children."""

    entry: EntryOut
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


class EntryChange(Strict):
    """A missing value stays. `spec` replaces the whole spec; `depends_on` is the whole list of ids; `requires` all labels; an empty `agent` is the usual one. `version`: the entry's version as you
    read it; 409 when it has changed since."""

    content: NonBlank | None = None
    group: Annotated[Line, Field(max_length=200)] | None = None
    spec: Spec | None = None
    depends_on: Annotated[list[Annotated[Line, Field(min_length=1, max_length=100)]], Field(max_length=500)] | None = None
    requires: Requires | None = None
    agent: Annotated[Line, Field(max_length=63)] | None = None
    route: Steps | None = None
    version: Annotated[Line, Field(max_length=40)] | None = None


class PriorityIn(Strict):
    priority: Priority


class RoundsIn(Strict):
    budget_rounds: Rounds


class SpecOut(Schema):
    spec: dict[str, Any]
    spec_frozen: bool
    paths: list[str]
