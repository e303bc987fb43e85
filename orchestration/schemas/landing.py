"""Requests and responses of the landing calls."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field, StringConstraints

from workspaces.schemas import Strict

Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{7,64}$")]


class TipIn(Strict):
    """The tip that the caller saw."""

    tip: Commit


class AcceptIn(TipIn):
    from_now_on: bool = False


class RevertIn(Strict):
    commit: Commit


class VerdictOut(Schema):
    """What the checks say of a tree. `green`: every check passes by itself; `passed`: compared with its base."""

    tree: str
    commit: str
    kind: Literal["baseline", "round", "landing", "tip", "accepted"]
    passed: bool
    green: bool
    passing: int
    failing: int
    seconds: float
    accepted_by: str | None
    at: datetime
    checks: list[dict[str, Any]]


class QueuedOut(Schema):
    """`waits`: for which host, where its commit is on another one that has not shared it."""

    id: int
    kind: Literal["entry", "base", "revert"]
    entry_id: str | None
    seq: int | None
    title: str | None
    commit: str
    state: Literal["queued", "checking"]
    waits: str | None
    queued_at: datetime


class LandingOut(Schema):
    """`message`: why nothing starts. `phase`: what is done now. `ahead` and `behind`: commits, against the base branch."""

    branch: str
    base_branch: str
    state: Literal["unknown", "good", "red", "waiting", "unusable"]
    tip: str | None
    message: str | None
    foreign_tip: str | None
    culprit: str | None
    phase: str | None
    phase_since: datetime | None
    undelivered: str | None
    base_problem: str | None
    ahead: int | None
    behind: int | None
    verdict: VerdictOut | None
    queue: list[QueuedOut]


class LandedOut(Schema):
    """A commit that Muster wrote on the integration branch. `reused`: its tree had been judged before, nothing ran."""

    id: int
    kind: Literal["entries", "base", "revert", "restore"]
    commit: str
    tree: str
    subject: str
    entry_ids: list[str]
    reused: bool
    seconds: float | None
    at: datetime


class HistoryOut(Schema):
    landed: list[LandedOut]
    next_cursor: str | None


class RevertOut(Schema):
    queued: bool
    id: int = Field(description="Of its place in the landing queue.")


class PutBackOut(Schema):
    """`kept`: the ref of the commits that left the branch."""

    put_back: bool
    kept: str


class MergedOut(Schema):
    """`before`: the base branch's commit before."""

    merged: bool
    before: str
