"""The ending of a dead worker's session, by its records. Pure."""

from dataclasses import dataclass, replace

from orchestration.sessions.ending import Verdict
from orchestration.worker.endings.table import Facts, What


@dataclass(frozen=True, slots=True)
class Left:
    """The records of a dead worker's session."""

    is_run: bool = False
    has_proposals: bool = False
    verdict: Verdict | None = None  # of its round
    question: str = ""  # the first of its agent
    is_done: bool = False
    cost_known: bool = True
    at_most: int | None = None  # micro-USD of a request in flight
    away: str = ""  # its absent host
    by_database: bool = False  # only the database was unavailable: the worker lives


def of_lost(left: Left) -> Facts:
    """The facts of a dead worker's session. A failed verdict, a question or proposals decide: only the end was missing. After a passed round, or finished work, the
    next session only verifies and merges."""
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
