"""Requests and responses of the calls about triggers."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, Field

from budget.schemas import Usd
from orchestration.configuration.config.routes import Route
from orchestration.schemas.entries import AgentName, Priority, Requires, Rounds, Spec
from workspaces.schemas import Line, Name, NonBlank, Number, Strict, not_blank

TriggerName = Annotated[Name, Field(max_length=100)]
Cron = Annotated[Line, Field(min_length=1, max_length=100), AfterValidator(not_blank)]
Label = Annotated[Name, Field(max_length=100, pattern="^[^,]*$")]
Accounts = Annotated[list[Annotated[Line, Field(min_length=1, max_length=100)]], Field(max_length=50)]
Zone = Annotated[Line, Field(min_length=1, max_length=64)]


def _positive(amount: int) -> int:
    if amount <= 0:
        raise ValueError("must be more than nothing")
    return amount


Budget = Annotated[Usd, AfterValidator(_positive)]


class TriggerEntry(Strict):
    """A new entry without its place in the backlog, as in `todoEntriesCreate`."""

    content: NonBlank
    spec: Spec | None = None
    priority: Priority = "medium"
    parallelizable: bool = True
    parallel_group: Annotated[Name, Field(max_length=100)] | None = None
    group: Annotated[Name, Field(max_length=200)] | None = None
    requires: Requires = []
    agent: AgentName | None = None
    route: Route | None = None
    budget_rounds: Rounds | None = None


class TriggerIn(Strict):
    """`kind` schedule: `schedule` has five fields of cron, in `time_zone`. issue: a person who may write to the repository of the config's forge adds `label` to an issue;
    `ignored_accounts`: of agents, whose labels do not count. webhook: its `url` is called. `firing_budget_usd`: the budget of each entry; `month_budget_usd`: what the entries of
    one month may cost, null: no limit. `overlap`: while an entry of it is open; null: skip for a schedule, else queue. `catch_up`: after times that passed while Muster was down."""

    name: TriggerName
    kind: Literal["schedule", "issue", "webhook"] = "schedule"
    schedule: Cron | None = None
    label: Label | None = None
    ignored_accounts: Accounts = []
    time_zone: Zone = "UTC"
    entry: TriggerEntry
    firing_budget_usd: Budget
    month_budget_usd: Usd | None = None
    overlap: Literal["skip", "queue"] | None = None
    catch_up: Literal["none", "one"] = "none"
    enabled: bool = True


class TriggerChange(Strict):
    """A missing value stays; `entry` replaces the whole entry. `new_secret`: of its webhook; the old one is refused from then on."""

    name: TriggerName | None = None
    schedule: Cron | None = None
    label: Label | None = None
    ignored_accounts: Accounts | None = None
    time_zone: Zone | None = None
    entry: TriggerEntry | None = None
    firing_budget_usd: Budget | None = None
    month_budget_usd: Usd | None = None
    overlap: Literal["skip", "queue"] | None = None
    catch_up: Literal["none", "one"] | None = None
    enabled: bool | None = None
    new_secret: bool = False


class TriggerOut(Schema):
    """`sentence`: its event in English. `url`: of its webhook; `secret`: null unless it is new. `message`: why its issues are not looked at, and what to do. `next_times`: the next five. `month_committed_usd`: what its entries of this month have cost, and
    may still cost."""

    id: str
    name: str
    kind: str
    schedule: str
    label: str
    ignored_accounts: list[str]
    url: str | None
    secret: str | None
    message: str | None
    sentence: str
    time_zone: str
    next_times: list[datetime]
    entry: dict[str, Any]
    firing_budget_usd: Number
    month_budget_usd: Number | None
    month_committed_usd: Number
    overlap: str
    catch_up: str
    enabled: bool
    created_by: str
    created_at: datetime


class TriggersOut(Schema):
    triggers: list[TriggerOut]


class FiringOut(Schema):
    """`skipped`: why there is no entry; null: there is. `fired_by`: the person; null: the trigger itself."""

    id: int
    key: str
    at: datetime
    entry_id: str | None
    issue_url: str | None
    skipped: str | None
    message: str | None
    fired_by: str | None


class FiringsOut(Schema):
    firings: list[FiringOut]
    next_cursor: str | None
