"""What the budget calls take and answer."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, create_model

from budget import amounts
from budget.categories import ANSWER_KEYS
from budget.models import Category
from workspaces.schemas import Line, Number, Strict, clean, not_blank

Usd = Annotated[
    int,
    BeforeValidator(amounts.from_json),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1_000_000_000}),
]
"""USD in JSON, micro-USD in code."""


def _day(value: Any) -> Any:
    """YYYY-MM-DD alone: a date may be told as a number too, and nobody means that."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("must be a day like 2026-08-31")
    return value


SignedUsd = Annotated[
    int,
    BeforeValidator(amounts.signed_from_json),
    WithJsonSchema({"type": "number", "minimum": -1_000_000_000, "maximum": 1_000_000_000}),
]

Day = Annotated[date, BeforeValidator(_day)]


class GlobalIn(Strict):
    max_project_spend_usd: Usd


class EntryBudgetIn(Strict):
    budget_usd: Usd


_GLOBAL: dict[str, Any] = dict.fromkeys(
    ("total_budget_usd", "max_project_spend_usd", *ANSWER_KEYS.values(), "total_spent_usd"), (Number, ...)
)
GlobalOut: Any = create_model("GlobalOut", __base__=Schema, **_GLOBAL)


class RoundSpendOut(Schema):
    round: int
    cost: Number
    improvement_score: float | None


class EntryBudgetOut(Schema):
    entryID: str
    budget_usd: Number
    budget_human_locked: bool
    spent_usd: Number
    interceptor_spent_usd: Number
    rounds: list[RoundSpendOut]


class StatusOut(Schema):
    global_: Annotated[GlobalOut, Field(alias="global")]
    entries: list[EntryBudgetOut]


class EditedOut(Schema):
    entryID: str
    budget_usd: Number
    locked: bool


class LockedOut(Schema):
    entryID: str
    locked: bool


class LedgerOut(Schema):
    id: int
    at: datetime
    category: str
    entry_id: str | None
    session_id: str | None
    round: int | None
    amount_usd: Number
    price_source: str
    model: str | None
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    actor: str
    reason: str


class LedgerPage(Schema):
    entries: list[LedgerOut]
    next_cursor: str | None


class HoldOut(Schema):
    """Of a session, or of a permit: one of the two ids is null. Only of ended ones there is `state`. Where the host is away: until `awaits_until` the rest is kept for
    what `awaits_host` says that it spent. With `unknown_since`: the rest is kept for requests whose answer is not known."""

    id: int
    session_id: str | None
    entry_id: str | None
    amount_usd: Number
    drawn_usd: Number
    opened_at: datetime
    category: str
    permit_id: str | None
    expires_at: datetime | None
    state: Literal["awaiting"] = "awaiting"
    awaits_host: str = ""
    awaits_until: datetime | None = None
    unknown_since: datetime | None = None


class HoldsOut(Schema):
    holds: list[HoldOut]
    held_usd: Number
    unknown_usd: Number
    next_cursor: str | None


class UnknownSettleIn(Strict):
    reason: Line = ""


class UnknownSettledOut(Schema):
    """The number of requests, what the estimate has booked of them, and what is released."""

    requests: int
    booked_usd: Number
    freed_usd: Number


class ChangeOut(Schema):
    id: int
    at: datetime
    entry_id: str | None
    field: str
    before: Any
    after: Any
    source: str
    actor: str
    reason: str


class ChangesOut(Schema):
    changes: list[ChangeOut]
    next_cursor: str | None


class ChargeIn(Strict):
    """What something outside spent: an amount, or tokens of a model that has a price. `cache_write_1h_tokens`: a part of `cache_write_tokens`."""

    category: Annotated[Category, Field(strict=False)]
    permit_id: Line | None = None
    amount_usd: Usd | None = None
    entry_id: Line | None = None
    round: Annotated[int, Field(ge=1, le=2_000_000_000)] | None = None
    model: Annotated[Line, Field(max_length=200)] | None = None
    input_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    output_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    cache_read_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    cache_write_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    cache_write_1h_tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    reason: Line = ""


class AdjustmentIn(Strict):
    """What to add to a booked amount; a minus takes back."""

    amount_usd: SignedUsd
    reason: Annotated[Line, AfterValidator(not_blank)]


class ReconciliationIn(Strict):
    """A provider's CSV as text. `columns`: for `generic`, what its columns are called."""

    csv: Annotated[str, Field(max_length=5_000_000), AfterValidator(clean)]
    provider: Literal["anthropic", "openai", "generic"]
    columns: dict[Literal["date", "model", "cost", "input", "output"], Line] | None = None
    apply: bool = False


class DifferenceOut(Schema):
    """One day of one model: what the provider says, what the ledger says, and what is booked to make them equal. Null: not told."""

    day: date
    model: str
    provider_usd: Number | None
    ledger_usd: Number
    provider_tokens: int | None
    ledger_tokens: int
    difference_usd: Number | None
    note: str


class ReconciliationOut(Schema):
    lines: list[DifferenceOut]
    booked: int


class ReallocateIn(Strict):
    dry_run: bool = False


class ShareOut(Schema):
    entryID: str
    before_usd: Number
    after_usd: Number
    reason: str


class SkippedOut(Schema):
    entryID: str
    reason: str


class ReallocateOut(Schema):
    dry_run: bool
    pool_usd: Number
    unallocated_usd: Number
    changes: list[ShareOut]
    skipped: list[SkippedOut]


class ForecastOut(Schema):
    """Rates per active hour. What is not known is null; `why_not` says why."""

    enough: bool
    why_not: str
    method: str
    paused: bool
    rate_usd: Number | None
    low_rate_usd: Number | None
    high_rate_usd: Number | None
    cap_at: datetime | None
    cap_from: datetime | None
    cap_until: datetime | None
    end_spend_usd: Number | None
    end_low_usd: Number | None
    end_high_usd: Number | None
