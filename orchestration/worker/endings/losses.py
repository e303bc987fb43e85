"""A session whose worker is gone: what it left decides. Pure."""

from dataclasses import dataclass, replace

from orchestration.sessions.ending import Verdict
from orchestration.worker.endings.table import Facts, What


@dataclass(frozen=True, slots=True)
class Left:
    """The writings of a session whose worker is lost. `verdict`: of its round. `question`: the first that its agent asked. `away`: its
    host, where that is away. `by_database`: the worker lives, and only the database was away. `at_most`: micro-USD of a request under way."""

    is_run: bool = False
    has_proposals: bool = False
    verdict: Verdict | None = None
    question: str = ""
    is_done: bool = False
    cost_known: bool = True
    at_most: int | None = None
    away: str = ""
    by_database: bool = False


def of_lost(left: Left) -> Facts:
    """The facts of a session whose worker died. If it had a failed verdict, a question or proposals, it ends as that: only its end was missing. If its round
    had passed, or its work was done, the next session only verifies and merges that."""
    return replace(
        _happened(left),
        is_run=left.is_run,
        is_done=left.is_done,
        cost_unknown=not left.cost_known,
        at_most=left.at_most,
        awaits_host=left.away,
    )


def _happened(left: Left) -> Facts:
    if left.has_proposals:
        return Facts("proposed", "worker")
    if left.verdict is not None and not left.verdict.passed:
        what: What = "doomed" if left.verdict.is_doomed else "unchanged" if left.verdict.is_unchanged else "refused"
        return Facts(what, "worker", verdict=left.verdict)
    if left.question:
        return Facts("asked", "worker", (left.question,))
    if left.by_database:
        return Facts("lost", "database")
    if left.away:
        return Facts("lost", "host", (left.away,))
    return Facts("lost", "worker", how="" if left.cost_known else "; its cost is not fully known")
