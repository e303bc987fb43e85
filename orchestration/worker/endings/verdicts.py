"""The facts of a session with a verdict. Pure."""

from collections.abc import Sequence

from orchestration.backlog.rules.ways import Done
from orchestration.facts.reasons import Reason
from orchestration.sessions.ending import Verdict
from orchestration.worker.endings.table import Facts, What

MAX_NAMED = 20


def verified(commit: str, verdict: Verdict) -> Facts:
    """The facts of a queued commit."""
    return Facts("verified_unproven" if verdict.is_unproven else "verified", "nobody", verdict=verdict, lands=commit)


def landed(commit: str, verdict: Verdict, done: Done) -> Facts:
    """The facts of work already in the integration branch, or unnecessary."""
    what: What = "landed" if done.kind == "landed" else "nothing_to_do"
    return Facts(what, "nobody", (commit[:12],), verdict=verdict, done=done)


def refused(verdict: Verdict, *, has_conflicts: bool) -> Facts:
    """The facts of a failed round. The sentence is the first finding: its only line, or its first and last, since tools print the cause there."""
    lines = [line.strip() for finding in verdict.findings[:1] for line in finding.split("\n") if line.strip()]
    text = " ".join([lines[0], lines[-1]] if len(lines) > 1 else lines) or "Verification failed"
    if has_conflicts:
        return Facts("conflicted", "work", (text,), verdict=verdict)
    if verdict.is_doomed:
        return Facts("doomed", "agent", (text,), verdict=verdict)
    if verdict.is_unchanged:
        return Facts("unchanged", "agent", (text,), verdict=verdict)
    return Facts("refused", "work", (text,), verdict=verdict)


def conflict(branch: str, files: Sequence[str], git_notes: Sequence[str]) -> str:
    """The finding for a conflict with newer landings."""
    named = ", ".join(files[:MAX_NAMED]) + "".join(f"\n{note}" for note in git_notes)
    return f"{Reason.MERGE_CONFLICT}: merging into {branch} conflicts in {named}"


def without_work(verdict: Verdict, newest_round: int | None, branch: str) -> Facts:
    """The facts of a verified tree without the entry's newest work: no pass, whatever the base's results."""
    lacks = "its rounds have made no work" if newest_round is None else f"the work of round {newest_round} is not on {branch}"
    return Facts("not_judged", "work", (lacks,), verdict=verdict)
