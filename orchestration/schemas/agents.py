"""Requests and responses of the calls about agents and secrets."""

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field

from workspaces.schemas import Strict


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
