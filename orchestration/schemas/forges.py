"""Responses of the calls about pull requests."""

from datetime import datetime
from typing import Literal

from ninja import Schema


class CheckOnForgeOut(Schema):
    """What CI says of the head."""

    kind: Literal["ci"]
    name: str
    outcome: Literal["pending", "passed", "failed", "neutral"]
    url: str


class PullRequestOut(Schema):
    """`head`: the commit that Muster verified. `message`: what it waits for. `problem`: the forge's last error, by name. `merge_commit`: the
    commit on its base that has the work."""

    entry_id: str
    seq: int
    state: Literal["opening", "open", "merged", "closed"]
    number: int | None
    url: str
    branch: str
    base: str
    head: str
    checks: list[CheckOnForgeOut]
    message: str
    problem: str
    merge_commit: str
    ended_by: str
    opened_at: datetime
    ended_at: datetime | None

    @staticmethod
    def resolve_seq(row: object) -> int:
        return int(row.entry.seq)  # type: ignore[attr-defined]


class PullRequestsOut(Schema):
    pull_requests: list[PullRequestOut]
    next_cursor: str | None
