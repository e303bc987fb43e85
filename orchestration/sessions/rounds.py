"""Rounds: opened when a session starts, closed with the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Now

from budget.models import RoundSpend
from orchestration.models import Entry, Landing, Round, Session
from orchestration.sessions.ending import Verdict

JUDGED = (Round.Verdict.PASSED, Round.Verdict.FAILED, Round.Verdict.NO_CHANGE, Round.Verdict.DOOMED)
NO_REVIEW = "missing"
"""A review that must be made again: its agent gave no verdict, and one is required."""


@dataclass(frozen=True)
class Passed:
    """A round that passed: its commit, and the verdict on it."""

    commit: str
    verdict: Verdict


@transaction.atomic
def begin(session: Session, *, base_commit: str, sandbox: str = "") -> Round:
    """Open the next round of the session's entry, or, for a candidate, that which another one has opened. `sandbox`: how its processes are
    confined, in a sentence."""
    round_ = Round.of_any_candidate.create(
        entry_id=session.owner_id,
        session=session,
        number=_number(session),
        candidate=session.candidate,
        is_set_aside=bool(session.candidate),
        base_commit=base_commit,
        sandbox=sandbox[:300],
    )
    RoundSpend.objects.bulk_create([RoundSpend(account_id=session.owner_id, number=round_.number)], ignore_conflicts=True)
    return round_


def _number(session: Session) -> int:
    everything = Round.of_any_candidate.filter(entry_id=session.entry_id)
    if session.candidate:
        Entry.objects.select_for_update().get(pk=session.entry_id)  # two of them at once
        if (opened := everything.filter(session__in=together(session)).first()) is not None:
            return opened.number
    return (everything.aggregate(newest=Max("number"))["newest"] or 0) + 1


def together(session: Session) -> QuerySet[Session]:
    """The sessions that were claimed with this candidate, itself among them."""
    return Session.objects.filter(
        entry_id=session.entry_id, candidate__gt=0, attempt=F("candidate") + (session.first_attempt - 1)
    )


@transaction.atomic
def close(opened: Round, verdict: Verdict | None, *, findings: Sequence[str] = ()) -> None:
    """Write the verdict; None: not verified."""
    if verdict is None:
        opened.verdict = Round.Verdict.UNVERIFIED
        opened.findings = [*opened.findings, *findings]
    elif verdict.is_unchanged or verdict.is_doomed:
        opened.verdict = Round.Verdict.DOOMED if verdict.is_doomed else Round.Verdict.NO_CHANGE
        opened.findings, opened.checks = [*findings, *verdict.findings], verdict.checks
    else:
        opened.verdict = Round.Verdict.PASSED if verdict.passed else Round.Verdict.FAILED
        opened.score = verdict.score
        opened.base_score = verdict.base_score
        opened.improvement_score = _improvement(opened, verdict)
        opened.findings = [*findings, *verdict.findings]
        opened.checks, opened.is_unproven = verdict.checks, verdict.is_unproven
        if not opened.candidate:
            count(opened)
    Round.of_any_candidate.filter(pk=opened.pk, verdict=Round.Verdict.OPEN).update(
        verdict=opened.verdict,
        score=opened.score,
        improvement_score=opened.improvement_score,
        base_score=opened.base_score,
        is_unproven=opened.is_unproven,
        findings=opened.findings,
        checks=opened.checks,
        summary=opened.summary,
        commit=opened.commit,
        diffstat=opened.diffstat,
        ended_at=Now(),
    )


def count(closed: Round) -> None:
    """Let a round's score and its gain be its entry's, if it has any."""
    if closed.score is None:
        return
    spend = RoundSpend.objects.filter(account_id=closed.entry_id, number=closed.number)
    spend.update(improvement_score=closed.improvement_score)
    better = Q(score__isnull=True) | Q(score__lt=closed.score)
    Entry.objects.filter(better, pk=closed.entry_id).update(score=closed.score)


def _improvement(opened: Round, verdict: Verdict) -> float:
    """Between -1 and 1. An earlier round may have been measured otherwise: before a check was found to look at its entry, or on another base."""
    gain = verdict.score - verdict.base_score - _best_gain(opened, verdict.base_score)
    return round(min(max(gain, -1.0), 1.0), 6)


def _best_gain(opened: Round, base_score: float) -> float:
    """The most that an earlier round of the entry gained over its own base: what others landed meanwhile is no improvement of this entry."""
    earlier = Round.objects.filter(entry_id=opened.entry_id, number__lt=opened.number, score__isnull=False)
    gain = F("score") - Coalesce(F("base_score"), Value(base_score))
    return float(earlier.aggregate(best=Max(gain))["best"] or 0.0)


def record_work(opened: Round, findings: Sequence[str]) -> None:
    """Save the commit and the findings against it before verification, so that an interrupted verification does not repeat the work."""
    opened.findings = list(findings)
    Round.of_any_candidate.filter(pk=opened.pk).update(commit=opened.commit, diffstat=opened.diffstat, findings=opened.findings)


def record_agent_done(opened: Round, summary: str, *, ended_early: str = "") -> None:
    """The agent ended well, or Muster has ended it early: whatever happens to the session from now on, its work is not paid again."""
    opened.ended_early = ended_early
    Round.of_any_candidate.filter(pk=opened.pk).update(agent_done=True, summary=summary, ended_early=ended_early)


def is_work_done(session: Session, *, is_here: bool = True) -> bool:
    """True if the agent's work is complete and without findings: only its review, its verification or the merge is missing. `is_here`: its
    host is this one; no other host has what a host that is away did not commit."""
    newest = Round.of_any_candidate.filter(session=session).order_by("-number").first()
    if newest is None or not (is_here or newest.commit):
        return False
    if newest.verdict == Round.Verdict.PASSED:
        return bool(newest.commit)
    if newest.verdict != Round.Verdict.OPEN or newest.findings or newest.review.get("verdict") == "objections":
        return False
    return newest.agent_done or bool(newest.commit and session.phase == Session.Phase.VERIFICATION)


def continue_from_unfinished(opened: Round) -> bool:
    """Take over summary and review of the round before, if its agent ended well and its session then ended without a verdict. Returns
    whether that was so: what follows an agent is then this round's to do.
    """
    before = Round.objects.filter(entry_id=opened.entry_id, number=opened.number - 1, verdict=Round.Verdict.UNVERIFIED).first()
    if before is None or not before.agent_done:
        return False
    review = before.review if before.review.get("verdict") not in (None, "open", NO_REVIEW) else {}
    opened.agent_done, opened.summary, opened.review = True, before.summary, review
    opened.ended_early = before.ended_early
    opened.save(update_fields=["agent_done", "summary", "review", "ended_early"])
    return True


def load_verdict(session: Session) -> Verdict | None:
    """The session's verdict; None without one."""
    closed = Round.of_any_candidate.filter(session=session, verdict__in=JUDGED).first()
    return verdict_of(closed) if closed is not None else None


def verdict_of(closed: Round) -> Verdict:
    """The verdict that was written."""
    passed, unchanged = closed.verdict == Round.Verdict.PASSED, closed.verdict == Round.Verdict.NO_CHANGE
    return Verdict(
        passed,
        closed.score or 0.0,
        closed.findings,
        closed.checks,
        closed.base_score or 0.0,
        unchanged,
        closed.is_unproven,
        is_doomed=closed.verdict == Round.Verdict.DOOMED,
    )


def drop_if_empty(opened: Round) -> None:
    """Delete a round without changes and without cost, as after an unavailable provider or a fault of the host; its session stays. One whose
    agent ended well stays too: the next round goes on from there."""
    spent = RoundSpend.objects.filter(account_id=opened.entry_id, number=opened.number)
    is_kept = opened.agent_done or (opened.commit and opened.commit != opened.base_commit)
    if not is_kept and spent.filter(cost=0).exists():
        Round.of_any_candidate.filter(pk=opened.pk).delete()
        if not Round.of_any_candidate.filter(entry_id=opened.entry_id, number=opened.number).exists():
            spent.delete()


def improvements(entry: Entry) -> list[float]:
    """Gains of the verified rounds since the entry's rounds were last reset, oldest first. Work that had passed
    and that a person sent back, and the round that they asked for, are no plateau."""
    newest_first = _completed(entry).values_list("number", "improvement_score")[: entry.rounds_completed]
    sent_back = Landing.objects.filter(entry=entry, state=Landing.State.SENT_BACK, round__isnull=False)
    passed = set(sent_back.values_list("round__number", flat=True))
    counted = [(number, gain) for number, gain in newest_first if gain is not None]
    return [gain for number, gain in counted if number not in passed and number - 1 not in passed][::-1]


def unchanged_in_a_row(entry: Entry) -> int:
    """Count the newest rounds in a row that changed nothing, since they were last reset."""
    newest_first = _completed(entry).values_list("verdict", flat=True)[: entry.rounds_completed]
    return len(list(takewhile(lambda verdict: verdict == Round.Verdict.NO_CHANGE, newest_first)))


def _completed(entry: Entry) -> QuerySet[Round]:
    """The rounds that count as completed, the newest first."""
    return Round.objects.filter(entry=entry, verdict__in=JUDGED).order_by("-number")


def newest_judged(entry_id: str) -> Round | None:
    """The entry's newest round with a verdict."""
    return Round.objects.filter(entry_id=entry_id, verdict__in=JUDGED).order_by("-number").first()


def findings_for(entry: Entry) -> list[tuple[int, list[str]]]:
    """Findings of earlier rounds for the next prompt: (number, findings), newest first, from at most three rounds."""
    newest = Round.objects.filter(entry=entry).exclude(verdict=Round.Verdict.OPEN).order_by("-number")[:3]
    return [(round_.number, round_.findings) for round_ in newest if round_.findings]
