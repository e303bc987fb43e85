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
