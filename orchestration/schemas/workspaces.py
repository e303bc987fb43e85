"""Requests and responses of the workspace calls."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import Field

from budget.schemas import Usd
from workspaces.schemas import Line, Name, Number, Strict


class WorkspaceIn(Strict):
    name: Name
    repo: Annotated[Line, Field(min_length=1)]
    base_branch: Annotated[Line, Field(min_length=1, max_length=100)] | None = None
    total_budget_usd: Usd
    max_project_spend_usd: Usd
    config: dict[str, Any] | None = None


class WorkspaceChange(Strict):
    name: Name | None = None
    total_budget_usd: Usd | None = None
    max_project_spend_usd: Usd | None = None


class WorkspaceOut(Schema):
    id: str
    name: str
    repo: str
    base_branch: str
    total_budget_usd: Number
    max_project_spend_usd: Number
    state: str
    config: dict[str, Any]
    created_at: datetime


class WorkspacesOut(Schema):
    workspaces: list[WorkspaceOut]
    next_cursor: str | None


class Deleted(Schema):
    deleted: bool
