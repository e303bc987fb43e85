"""A session whose round has a verdict. Pure."""

from collections.abc import Sequence

from orchestration.backlog.rules.ways import Done
from orchestration.facts.reasons import Reason
from orchestration.sessions.ending import Verdict
from orchestration.worker.endings.table import Facts, What

MAX_NAMED = 20


def verified(commit: str, verdict: Verdict) -> Facts:
    """Its commit is queued for its landing."""
    return Facts("verified_unproven" if verdict.is_unproven else "verified", "nobody", verdict=verdict, lands=commit)


def landed(commit: str, verdict: Verdict, done: Done) -> Facts:
    """The integration branch contains the work already, or there was nothing to do."""
    what: What = "landed" if done.kind == "landed" else "nothing_to_do"
    return Facts(what, "nobody", (commit[:12],), verdict=verdict, done=done)


def refused(verdict: Verdict, *, has_conflicts: bool) -> Facts:
    """Its first finding is the sentence: one line, or of several the first and the last, where tools print the cause."""
    lines = [line.strip() for finding in verdict.findings[:1] for line in finding.split("\n") if line.strip()]
    text = " ".join([lines[0], lines[-1]] if len(lines) > 1 else lines) or "Verification failed"
    if has_conflicts:
        return Facts("conflicted", "work", (text,), verdict=verdict)
    if verdict.is_doomed:
        return Facts("doomed", "agent", (text,), verdict=verdict)
    if verdict.is_unchanged:
        return Facts("unchanged", "agent", (text,), verdict=verdict)
    return Facts("refused", "work", (text,), verdict=verdict)


def conflict(branch: str, files: Sequence[str], notes: Sequence[str]) -> str:
    """The finding for work that conflicts with what landed meanwhile. `notes`: git's own."""
    named = ", ".join(files[:MAX_NAMED]) + "".join(f"\n{note}" for note in notes)
    return f"{Reason.MERGE_CONFLICT}: merging into {branch} conflicts in {named}"


def without_work(verdict: Verdict, newest: int | None, branch: str) -> Facts:
    """The verified tree has nothing of the entry's newest work, which is of the round `newest`: that is no pass, whatever the base's results."""
    lacks = "its rounds have made no work" if newest is None else f"the work of round {newest} is not on {branch}"
    return Facts("not_judged", "work", (lacks,), verdict=verdict)
