"""The newest work of an entry, as its rounds have it: what is on the integration branch once the entry has landed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestration.backlog.rules import ways
from orchestration.backlog.rules.ways import Done
from orchestration.git import history
from orchestration.git.command import GitError
from orchestration.models import Entry, Round


@dataclass(frozen=True, slots=True)
class Newest:
    """`has_diff`: it changed something; else its agent found nothing to do."""

    round: Round
    has_diff: bool


def of(entry_id: str) -> Newest | None:
    """The newest round that has a diff. Where none has, the newest whose agent ended well. None: neither, or what there was is given up."""
    nothing: Newest | None = None
    rows = Round.objects.filter(entry_id=entry_id).select_related("session").defer("prompt", "review", "checks", "findings")
    for round_ in rows.order_by("-number").iterator(chunk_size=20):
        if round_.given_up:
            break
        if has_diff(round_):
            return Newest(round_, has_diff=True)
        if nothing is None and _found_nothing(round_):
            nothing = Newest(round_, has_diff=False)
    return nothing


def has_diff(round_: Round) -> bool:
    """True if the round has a diff. If its worker was lost, only its commit may be known."""
    return round_.commit not in ("", round_.base_commit) and round_.diffstat.get("files") != 0


def proof(entry_id: str, repo: Path, tip: str) -> Done | None:
    """The way in which its newest work makes the entry done, given this tip of the integration branch. None: its work is not on the branch, or there
    is none. Raises GitError."""
    newest = of(entry_id)
    if newest is None:
        return None
    if not newest.has_diff:
        return ways.nothing_to_do(round=newest.round.number)
    return ways.landed(tip, round=newest.round.number) if is_on(repo, tip, newest.round.commit) else None


def is_on(repo: Path, tip: str, commit: str) -> bool:
    """True if the commit is part of a tip. One that is not in this repository is part of none. Raises GitError."""
    try:
        return history.contains(repo, tip, commit)
    except GitError:
        if history.has(repo, commit):
            raise
        return False


def _found_nothing(round_: Round) -> bool:
    """A verification alone finds nothing out about what is to be done."""
    ended_well = round_.agent_done or round_.verdict in (Round.Verdict.PASSED, Round.Verdict.FAILED)
    return round_.session.work == Entry.Work.IMPLEMENT and ended_well


def add_finding(entry_id: str, finding: str) -> None:
    """Add a finding to the newest round after its verdict: the next prompt contains it."""
    newest = Round.objects.filter(entry_id=entry_id).order_by("-number").first()
    if newest is not None and finding not in newest.findings:
        Round.objects.filter(pk=newest.pk).update(findings=[*newest.findings, finding])


def put_findings_first(entry_id: str, findings: Sequence[str]) -> None:
    """Put these before the findings of the newest round: the next prompt begins with them."""
    newest = Round.objects.filter(entry_id=entry_id).order_by("-number").first()
    if newest is not None:
        Round.objects.filter(pk=newest.pk).update(findings=[*findings, *newest.findings])
