"""Requests and responses of the session calls."""

from datetime import datetime
from typing import Annotated, Literal

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
    """`meter`: `gateway` reserves each request before it is sent, with `cli` the agent reports its spend afterwards; null: its agents have not
    started."""

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
    meter: Literal["gateway", "cli"] | None
    cost_note: str | None
    anomaly: str | None
    cost: CostOut
    tokens: TokensOut


class RequestTokensOut(Schema):
    input: int
    output: int
    cache_read: int
    cache_write: int


class GatewayRequestOut(Schema):
    """A request to a model provider. `bound_usd`: the most that it can cost, and reserved while it is `sent`. `amount_usd`: what is booked of it; while it is
    `unknown`, the rest of its bound may still be owed. `overrun_usd`: booked beyond its bound, since its provider made more than it was asked for. `answer_model`: the model that answered. `output_limit`: null where none was set."""

    id: int
    state: Literal["waiting", "sent", "settled", "unknown", "refused"]
    api: str
    credential: str | None
    model: str
    answer_model: str | None
    bound_usd: Number
    overrun_usd: Number
    amount_usd: Number
    tokens: RequestTokensOut
    output_limit: int | None
    is_clamped: bool
    is_exact: bool
    status: int | None
    reason: str | None
    created_at: datetime
    sent_at: datetime | None
    first_byte_at: datetime | None
    ended_at: datetime | None


class GatewayRequestsOut(Schema):
    """The sums are of all requests, whatever the page. `at_bound_usd`: the part of `booked_usd` that was charged at bounds, by releases that did so; `unknown_usd`: reserved
    for requests whose cost is not known, beyond what is booked of them."""

    requests: list[GatewayRequestOut]
    booked_usd: Number
    at_bound_usd: Number
    unknown_usd: Number
    under_way_usd: Number
    next_cursor: str | None


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
