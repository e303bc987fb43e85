"""Several sessions that work on one round of an entry at once: the first whose work passes is chosen, which ends the others; where none passes, the best is
once all have ended. Only the chosen one's round counts, and the entry moves as that one ended. The caller's transaction holds the executor's row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db.models import QuerySet, Sum
from django.db.models.functions import Now

from budget.models import LedgerEntry, RoundSpend
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Question, Round, Session
from orchestration.sessions import rounds
from orchestration.sessions.ending import Ending
from workspaces.access import MUSTER

Outcome = Session.Outcome
WITH_VERDICT = (Outcome.FAILED, Outcome.NO_CHANGE, Outcome.DOOMED, Outcome.CONFLICT)
"""Ended by the verdict on their work: it counts as a round."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A session that has ended without a pass, with what it leaves. `is_verified`: its work has passed, and its worker was lost before it could say so.
    `is_unjudged`: its work is complete, only its verification is missing. `score`: of its verdict, None without one. `cost`: of the session, in
    micro-USD."""

    number: int
    is_verified: bool = False
    is_unjudged: bool = False
    score: float | None = None
    cost: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """The session that stands for its round, its ending, and the round, if one was begun."""

    session: Session
    ending: Ending
    round: Round | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A candidate's round, with the cost of its session in micro-USD."""

    round: Round
    cost: int

    @property
    def may_be_taken(self) -> bool:
        """True for work that was not chosen, and that a person may choose instead."""
        return self.round.is_set_aside and bool(self.round.commit) and self.round.verdict != Round.Verdict.NO_CHANGE


def of_rounds(entry_id: str, numbers: Sequence[int]) -> dict[int, list[Shown]]:
    """The candidates of these rounds of an entry, by the round's number. Two queries."""
    rows = Round.of_any_candidate.filter(entry_id=entry_id, number__in=numbers, candidate__gt=0).select_related("session")
    of_each: dict[int, list[Round]] = {}
    for row in rows.order_by("number", "candidate"):
        of_each.setdefault(row.number, []).append(row)
    costs = _costs([row.session_id for several in of_each.values() for row in several])
    return {number: [Shown(row, costs.get(row.session_id, 0)) for row in several] for number, several in of_each.items()}


def best(ended: Sequence[Candidate]) -> int | None:
    """The number of the one whose work is kept: verified work; then complete work that nobody has judged, for it is paid and may pass; else the best
    score, at a tie the one that cost less. None: there is no work to choose. Pure."""
    with_work = [each for each in ended if each.is_unjudged or each.score is not None]
    return max(with_work, key=_worth).number if with_work else None


def _worth(each: Candidate) -> tuple[bool, bool, float, int, int]:
    return each.is_verified, each.is_unjudged, each.score or 0.0, -each.cost, -each.number


def together(session: Session) -> QuerySet[Session]:
    """The candidates of a session's round, itself among them: they were claimed at once."""
    return rounds.together(session).order_by("candidate")


def chosen(session: Session) -> Session | None:
    """The candidate of its round that passed first, another one than this."""
    return together(session).filter(outcome=Outcome.PASSED).exclude(pk=session.pk).first()


def counted(session: Session, ending: Ending) -> Ending:
    """A candidate's ending as it counts: where another one was chosen before, neither its work nor its failure does."""
    if (first := chosen(session)) is None:
        return ending
    message = f"Candidate {first.candidate} passed first: this work is kept for a week"
    return replace(ending, outcome=Outcome.NOT_CHOSEN, message=message, lands="", done=None, on_hold="", verify_next=False)


def choose(session: Session, ending: Ending) -> Choice | None:
    """Decide by the end of this candidate. None: others are at work, or one was chosen before."""
    own = Round.of_any_candidate.filter(session=session).order_by("-number").first()
    if ending.outcome == Outcome.NOT_CHOSEN:
        _withdraw_questions(session)
        return None
    if ending.outcome == Outcome.PASSED:
        _withdraw_questions(*together(session).exclude(pk=session.pk))
        return _choose(session, ending, own)
    if together(session).filter(status__in=Session.OPEN).exists():
        return None
    row = _best(session)
    if row is None or row.pk == session.pk:
        return _choose(session, ending, own)
    kept = Round.of_any_candidate.get(session=row)
    return _choose(row, _ending_of(row, kept), kept)


def _withdraw_questions(*others: Session) -> None:
    """Nobody waits for the answers to candidates that are not chosen."""
    Question.objects.filter(session__in=others, answered_at__isnull=True).delete()


def is_unjudged(closed: Round) -> bool:
    """True for complete work whose session ended before its verdict: it is paid."""
    ended_well = closed.agent_done and closed.commit and closed.verdict == Round.Verdict.UNVERIFIED
    return bool(ended_well and not closed.given_up and closed.review.get("verdict") != "objections")


def take_up_another(verified: Session) -> bool:
    """The complete work of a candidate did not pass its verification alone: let that of another one be verified next, as a round of its own,
    where there is one that nobody has judged. No agent is paid again."""
    everything = Round.of_any_candidate.filter(entry_id=verified.entry_id)
    last = everything.filter(session__work=Entry.Work.IMPLEMENT).select_related("session").order_by("-session__attempt").first()
    if last is None or not last.candidate:
        return False
    others = everything.filter(session__in=together(last.session), is_set_aside=True).select_related("session")
    other = next((each for each in others.order_by("candidate") if is_unjudged(each)), None)
    if other is not None:
        take_up(other)
    return other is not None


def take_up(other: Round) -> None:
    """Let the work of a candidate that was not chosen be the entry's newest: verified next, as a round of its own."""
    everything = Round.of_any_candidate.filter(entry_id=other.entry_id)
    number = everything.order_by("-number").values_list("number", flat=True)[0] + 1
    everything.filter(pk=other.pk).update(number=number, is_set_aside=False)
    RoundSpend.objects.bulk_create([RoundSpend(account_id=other.entry_id, number=number)], ignore_conflicts=True)
    Entry.objects.filter(pk=other.entry_id).update(
        host_id=other.session.host_id, is_shared=False, has_rounds=True, next_work=Entry.Work.VERIFY
    )


def ask_others_to_end(session: Session) -> list[Session]:
    """Ask the other candidates of a session that was chosen to end. Returns those that have not begun: the caller ends them."""
    others = together(session).filter(status__in=Session.OPEN).exclude(pk=session.pk)
    others.filter(stop_wanted_at__isnull=True).update(stop_wanted_at=Now(), stop_wanted_by=MUSTER.name)
    wake_ups.request_check()
    return list(others.filter(status=Session.Status.CLAIMED))


def _best(session: Session) -> Session | None:
    rows = {row.candidate: row for row in together(session)}
    sessions = [row.pk for row in rows.values()]
    by_session = {each.session_id: each for each in Round.of_any_candidate.filter(session__in=sessions)}
    costs = _costs(sessions)
    ended = [
        Candidate(number, _is_verified(row, its), is_unjudged(its), its.score, costs.get(row.pk, 0))
        for number, row in rows.items()
        if (its := by_session.get(row.pk)) is not None
    ]
    number = best(ended)
    return None if number is None else rows[number]


def _is_verified(row: Session, closed: Round) -> bool:
    return row.outcome not in WITH_VERDICT and closed.verdict == Round.Verdict.PASSED and bool(closed.commit)


def _costs(session_ids: Sequence[str]) -> dict[str, int]:
    spent = LedgerEntry.objects.filter(session_ref__in=session_ids).order_by().values("session_ref")
    return dict(spent.annotate(cost=Sum("amount")).values_list("session_ref", "cost"))


def _ending_of(row: Session, kept: Round) -> Ending:
    """The ending of a candidate that ended before the last one."""
    return Ending(
        row.outcome,
        row.outcome_message,
        verdict=rounds.verdict_of(kept) if row.outcome in WITH_VERDICT else None,
        failure=row.failure,
        verify_next=_is_verified(row, kept) or is_unjudged(kept),
    )


def _choose(row: Session, ending: Ending, kept: Round | None) -> Choice:
    """Let this candidate's work be the entry's: it is on its host alone, until that host shares it."""
    if kept is not None:
        Round.of_any_candidate.filter(pk=kept.pk).update(is_set_aside=False)
        rounds.count(kept)
    Entry.objects.filter(pk=row.entry_id).update(host_id=row.host_id, is_shared=False)
    return Choice(row, ending, kept)
