"""Caps beside the hard one, warnings, and permits."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from budget.categories import Category, Scope
from budget.ledger import permits
from budget.limits.thresholds import MAX_COUNT, MAX_PERCENT
from budget.schemas import LedgerOut, Usd
from workspaces.schemas import Line, Name, Number, Strict


class LimitOut(Schema):
    category: str
    period: str
    limit_usd: Number | None
    spent_usd: Number
    held_usd: Number
    left_usd: Number | None
    reached: bool
    stops: str


class ThresholdOut(Schema):
    percent: int
    amount_usd: Number
    fired_at: datetime | None
    spent_usd: Number | None


class LimitsOut(Schema):
    limits: list[LimitOut]
    thresholds: list[ThresholdOut]


class LimitIn(Strict):
    """One cap; null takes it away."""

    category: Annotated[Scope, Field(strict=False)]
    period: Literal["all", "day"]
    limit_usd: Usd | None


class LimitsIn(Strict):
    """What is named is set, the rest stays as it is."""

    limits: Annotated[list[LimitIn], Field(max_length=20)] = Field(default_factory=list)
    thresholds: Annotated[list[Annotated[int, Field(ge=1, le=MAX_PERCENT)]], Field(max_length=MAX_COUNT)] | None = None
    reason: Line = ""


class PermitIn(Strict):
    """`credentials`: the credentials and secrets whose keys its requests in the gateway get, the first of each API; without: all of the workspace."""

    category: Annotated[Category, Field(strict=False)]
    amount_usd: Usd
    entry_id: Line | None = None
    minutes: Annotated[int, Field(ge=1, le=permits.MAX_MINUTES)] = permits.DEFAULT_MINUTES
    credentials: Annotated[list[Name], Field(min_length=1, max_length=100)] | None = None


class PermitOut(Schema):
    """`gateway_token`: in place of a provider's key at `gateway_url`, until the permit ends; null where there is none, for the reason in `gateway_note`."""

    permit_id: str
    category: str
    entry_id: str | None
    amount_usd: Number
    drawn_usd: Number
    expires_at: datetime
    gateway_url: str | None
    gateway_token: str | None
    gateway_note: str | None


class PermitClosedOut(Schema):
    permit_id: str
    freed_usd: Number


class ChargeOut(LedgerOut):
    """The booked row, and the tightest limit that it counts against: null without one."""

    limit: LimitOut | None
