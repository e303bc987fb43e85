"""Requests and responses of the calls about agents, secrets and credentials."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from workspaces.schemas import Float, Number, Strict


class PushOut(Schema):
    remote: str
    commit: str | None
    error: str | None


class HostAgents(Schema):
    """`sandbox`: as `bubblewrap 0.12.0`, or `none: ` and the reason; null while the worker has not looked."""

    host: str
    versions: dict[str, str]
    sandbox: str | None


class NamedAgentOut(Schema):
    """`credential`: what its provider limits as one, with the family of its model: a variable, or the login of its program. `code`: why it cannot
    work at the moment, null when it can. `until`: then one session is tried."""

    name: str
    kind: str
    title: str
    model: str | None
    credential: str
    fallback: list[str]
    code: str | None
    message: str | None
    since: datetime | None
    until: datetime | None


class AgentOut(Schema):
    """`kind` to `until`: of the usual agent. `code`: why it cannot work at the moment, null when it can. `until`: then one session is tried.
    `agents`: each that an entry may ask for, the usual one first."""

    kind: str
    code: str | None
    message: str | None
    since: datetime | None
    until: datetime | None
    programs: list[HostAgents]
    push: PushOut | None
    agents: list[NamedAgentOut]


class SecretIn(Strict):
    value: Annotated[str, Field(min_length=1, max_length=16_000)]


class SecretOut(Schema):
    name: str
    changed_by: str
    changed_at: datetime


class SecretsOut(Schema):
    secrets: list[SecretOut]


class CredentialIn(Strict):
    """A field that is missing stays; null resets it. `key`: sealed, never returned. `variable`: agents get the key under this name; unset: the usual one of
    each. `stop_at`: by window (`pct_5h`, `pct_7d`, `usd_month`), percent or USD; null removes a window."""

    key: Annotated[str, Field(min_length=1, max_length=16_000)] | None = None
    variable: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    base_url: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    billing: Literal["paid", "plan"] | None = None
    stop_at: Annotated[dict[str, Float | None], Field(max_length=20)] | None = None


class WindowOut(Schema):
    """`used`: percent, as its provider reported at `read_at`; null: it reported only the reset. Of `usd_month`: USD, as the ledger has booked since the
    first of the month (UTC), with what a plan pays at its price."""

    used: Number | None
    resets_at: datetime
    read_at: datetime


class OpenBreakerOut(Schema):
    """`family`: of models; null: all of them. `until`: then one session is tried."""

    family: str | None
    code: str
    message: str
    since: datetime | None
    until: datetime | None


class CredentialOut(Schema):
    """`agents`: those that use it. `windows`: the reports of its provider on each. `breakers`: why its agents cannot work at the moment. `changed_by`
    and `changed_at`: null while nobody has set anything."""

    name: str
    agents: list[str]
    has_key: bool
    variable: str | None
    base_url: str | None
    billing: Literal["paid", "plan"]
    stop_at: dict[str, Number]
    windows: dict[str, WindowOut]
    breakers: list[OpenBreakerOut]
    changed_by: str | None
    changed_at: datetime | None


class CredentialsOut(Schema):
    credentials: list[CredentialOut]
