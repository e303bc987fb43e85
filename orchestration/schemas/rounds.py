"""Responses of the calls about rounds."""

from datetime import datetime
from typing import Any

from ninja import Schema

from workspaces.schemas import Number


class CandidateOut(Schema):
    candidate: int
    session_id: str
    is_chosen: bool
    verdict: str
    score: float | None
    cost_usd: Number
    commit: str | None


class RoundOut(Schema):
    number: int
    session_id: str
    cost_usd: Number
    score: float | None
    improvement_score: float | None
    base_score: float | None
    verdict: str
    is_unproven: bool
    ended_early: str
    summary: str
    findings: list[str]
    checks: list[dict[str, Any]]
    review: dict[str, Any] | None
    commit: str | None
    diffstat: dict[str, Any]
    prompt: str
    candidates: list[CandidateOut]
    started_at: datetime
    ended_at: datetime | None


class RoundsOut(Schema):
    rounds: list[RoundOut]
    next_cursor: str | None
