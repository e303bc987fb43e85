"""Rounds: their improvement counts against the best before, and the entry keeps its best score."""

import pytest
from django.db import IntegrityError, transaction

from budget.models import RoundSpend
from orchestration import sessions
from orchestration.models import Entry, Round, Session
from orchestration.sessions import rounds
from tests.factories import a_charge, a_session, a_workspace, an_entry, ended

pytestmark = pytest.mark.django_db


def test_improvement_is_against_the_best_score_so_far_and_the_entry_keeps_the_best() -> None:
    entry = an_entry(a_workspace(), budget="9")
    for score in (0.8, 0.5, 0.6):
        ended(a_session(entry), score=score)
    gains = Round.objects.filter(entry=entry).order_by("number").values_list("improvement_score", flat=True)
    assert list(gains) == [0.8, -0.3, -0.2]
    entry = Entry.objects.get(pk=entry.pk)
    assert (entry.score, rounds.improvements(entry)) == (0.8, [0.8, -0.3, -0.2])


def test_what_others_landed_between_two_rounds_is_no_improvement() -> None:
    entry = an_entry(a_workspace(), budget="9")
    for score, base in ((0.5, 0.5), (0.9, 0.9), (0.95, 0.9)):
        session = a_session(entry)
        rounds.close(Round.objects.get(session=session), rounds.Verdict(False, score, base_score=base))
        ended(session)
    gains = Round.objects.filter(entry=entry).order_by("number").values_list("improvement_score", flat=True)
    assert list(gains) == [0.0, 0.0, 0.05]


def test_a_round_without_a_verdict_has_no_score_and_no_improvement() -> None:
    entry = an_entry(a_workspace(), budget="9")
    session = a_session(entry)
    sessions.conclude(session, sessions.Ending(Session.Outcome.CRASHED, "no", findings=("it crashed",)))
    closed = Round.objects.get(entry=entry)
    assert (closed.verdict, closed.score, closed.improvement_score, closed.findings) == ("unverified", None, None, ["it crashed"])
    assert (Entry.objects.get(pk=entry.pk).score, rounds.improvements(entry)) == (None, [])


def test_the_next_prompt_gets_the_findings_of_the_last_three_rounds_newest_first() -> None:
    entry = an_entry(a_workspace(), budget="9")
    for _ in range(4):
        ended(a_session(entry))
    assert [number for number, _ in rounds.findings_for(entry)] == [4, 3, 2]


@pytest.mark.parametrize("outcome", [Session.Outcome.UNAVAILABLE, Session.Outcome.INTERRUPTED])
@pytest.mark.parametrize(("commit", "spent", "count"), [("", "0", 0), ("0" * 40, "0", 0), ("1" * 40, "0", 1), ("", "0.01", 1)])
def test_a_round_that_provider_or_host_refused_is_dropped_unless_it_changed_or_cost_something(
    outcome: Session.Outcome, commit: str, spent: str, count: int
) -> None:
    session = a_session(an_entry(a_workspace()))
    Round.objects.filter(session=session).update(commit=commit)
    a_charge(session.entry, spent)
    sessions.conclude(session, sessions.Ending(outcome, "Too many requests"))
    assert Round.objects.filter(session=session).count() == count


def test_a_round_whose_agent_ended_well_is_kept_though_it_changed_and_cost_nothing() -> None:
    session = a_session(an_entry(a_workspace()))
    rounds.record_agent_done(Round.objects.get(session=session), "nothing to do")
    sessions.conclude(session, sessions.Ending(Session.Outcome.INTERRUPTED, "the worker was shut down"))
    assert rounds.continue_from_unfinished(Round.objects.get(session=a_session(session.entry)))


@pytest.mark.parametrize("model", [Round, RoundSpend])
@pytest.mark.parametrize("gain", [-1.42, 1.01])
def test_the_database_refuses_an_improvement_beyond_one(model: type[Round | RoundSpend], gain: float) -> None:
    ended(a_session(an_entry(a_workspace(), budget="9")), score=0.5)
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.update(improvement_score=gain)


def test_an_improvement_is_at_most_one_where_earlier_rounds_were_measured_otherwise() -> None:
    """Before its check was found to look at its entry, a round counted against nothing; the next one against a base."""
    entry = an_entry(a_workspace(), budget="9")
    for score, base in ((0.9, 0.0), (0.4, 0.92), (1.0, 0.0), (0.0, 1.0)):
        session = a_session(entry)
        rounds.close(Round.objects.get(session=session), rounds.Verdict(False, score, base_score=base))
        ended(session)
    gains = Round.objects.filter(entry=entry).order_by("number").values_list("improvement_score", flat=True)
    assert list(gains) == [0.9, -1.0, 0.1, -1.0]
