"""Rounds: their improvement counts against the best before, and the entry keeps its best score."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from budget.models import RoundSpend
from orchestration import sessions
from orchestration.backlog import newest_work
from orchestration.models import Entry, Landing, Round, Session
from orchestration.sessions import rounds
from orchestration.sessions.ending import Verdict
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
        rounds.close(Round.objects.get(session=session), Verdict(False, score, base_score=base))
        ended(session)
    gains = Round.objects.filter(entry=entry).order_by("number").values_list("improvement_score", flat=True)
    assert list(gains) == [0.0, 0.0, 0.05]


def test_a_round_without_a_verdict_has_no_score_and_no_improvement() -> None:
    entry = an_entry(a_workspace(), budget="9")
    session = a_session(entry)
    sessions.conclude(session, sessions.Ending(Session.Outcome.CRASHED, "no", findings=("it crashed",)))
    closed = Round.objects.get(entry=entry)
    assert (closed.verdict, closed.score, closed.improvement_score, closed.findings) == ("unverified", None, None, ["it crashed"])
    opened = Round.objects.get(session=a_session(entry))
    rounds.record_work(opened, ["a file of others"])
    rounds.close(Round.objects.get(pk=opened.pk), None, findings=["it was lost"])
    assert Round.objects.get(pk=opened.pk).findings == ["a file of others", "it was lost"]
    assert (Entry.objects.get(pk=entry.pk).score, rounds.improvements(entry)) == (None, [])


def test_the_next_prompt_gets_the_findings_of_the_last_three_rounds_newest_first() -> None:
    entry = an_entry(a_workspace(), budget="9")
    for _ in range(4):
        ended(a_session(entry))
    assert [number for number, _ in rounds.findings_for(entry)] == [4, 3, 2]
    opened = {"verdict": "open", "score": None, "improvement_score": None, "base_score": None, "findings": ["not judged yet"]}
    Round.objects.filter(entry=entry, number=4).update(**opened)
    Round.objects.filter(entry=entry, number=2).update(findings=[])
    assert rounds.findings_for(entry) == [(3, ["a finding"]), (1, ["a finding"])]


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
        rounds.close(Round.objects.get(session=session), Verdict(False, score, base_score=base))
        ended(session)
    gains = Round.objects.filter(entry=entry).order_by("number").values_list("improvement_score", flat=True)
    assert list(gains) == [0.9, -1.0, 0.1, -1.0]


def test_a_verdict_is_read_back_as_it_was_written() -> None:
    for verdict in (
        Verdict(True, 0.9, [], [{"name": "tests"}], 0.4, is_unproven=True),
        Verdict(False, 0.2, ["it fails"], [{"name": "tests"}], 0.4),
        Verdict(False, 0.0, ["nothing changed"], [{"name": "tests"}], is_unchanged=True),
    ):
        session = a_session(an_entry(a_workspace(), budget="9"))
        assert rounds.load_verdict(session) is None
        rounds.close(Round.objects.get(session=session), verdict)
        assert rounds.load_verdict(session) == verdict


def test_a_verdict_is_written_once_and_after_the_findings_of_its_session() -> None:
    session = a_session(an_entry(a_workspace(), budget="9"))
    opened = Round.objects.get(session=session)
    rounds.close(opened, Verdict(False, 0.2, ["it fails"]), findings=["a file of others"])
    rounds.close(Round.objects.get(pk=opened.pk), Verdict(True, 1.0))
    closed = Round.objects.get(pk=opened.pk)
    assert (closed.verdict, closed.score, closed.findings) == ("failed", 0.2, ["a file of others", "it fails"])
    assert closed.ended_at is not None


def test_a_finding_is_added_to_the_newest_round_once_and_others_are_put_before_it() -> None:
    entry = an_entry(a_workspace(), budget="9")
    newest_work.add_finding(entry.pk, "nothing to add it to")
    newest_work.put_findings_first(entry.pk, ["nor this"])
    other = ended(a_session(an_entry(entry.workspace, budget="9")))
    for _ in range(2):
        ended(a_session(entry))
    for finding in ("it conflicts", "it conflicts"):
        newest_work.add_finding(entry.pk, finding)
    newest_work.put_findings_first(entry.pk, ["read this", "and this"])
    findings = {round_.number: round_.findings for round_ in Round.objects.filter(entry=entry)}
    assert findings == {1: ["a finding"], 2: ["read this", "and this", "a finding", "it conflicts"]}
    assert Round.objects.get(session=other).findings == ["a finding"]


@pytest.mark.parametrize(
    ("fields", "phase", "is_here", "is_done"),
    [
        ({}, "implementation", True, False),
        ({"agent_done": True}, "implementation", True, True),
        ({"agent_done": True}, "implementation", False, False),
        ({"agent_done": True, "commit": "a" * 40}, "implementation", False, True),
        ({"agent_done": True, "findings": ["a file of others"]}, "implementation", True, False),
        ({"agent_done": True, "review": {"verdict": "objections"}}, "interception", True, False),
        ({"agent_done": True, "review": {"verdict": "approved"}}, "interception", True, True),
        ({"commit": "a" * 40}, "implementation", True, False),
        ({"commit": "a" * 40}, "verification", True, True),
        ({}, "verification", True, False),
        ({"verdict": "passed", "commit": "a" * 40, "score": 1.0}, "merging", True, True),
        ({"verdict": "passed", "score": 1.0}, "merging", True, False),
        ({"verdict": "failed", "commit": "a" * 40, "agent_done": True, "score": 0.5}, "verification", True, False),
        ({"verdict": "unverified", "commit": "a" * 40, "agent_done": True}, "verification", True, False),
    ],
)
def test_work_is_done_if_only_its_review_its_verification_or_its_landing_is_missing(
    fields: dict[str, Any], phase: str, is_here: bool, is_done: bool
) -> None:
    session = a_session(an_entry(a_workspace()))
    session.phase = phase
    Round.objects.filter(session=session).update(**fields)
    assert rounds.is_work_done(session, is_here=is_here) is is_done


@pytest.mark.parametrize(
    ("before", "review", "kept"),
    [
        ({"agent_done": True}, {}, {}),
        ({"agent_done": True}, {"verdict": "approved"}, {"verdict": "approved"}),
        ({"agent_done": True}, {"verdict": "objections"}, {"verdict": "objections"}),
        ({"agent_done": True}, {"verdict": "open"}, {}),
        ({"agent_done": True}, {"verdict": rounds.NO_REVIEW}, {}),
        ({"agent_done": False}, {"verdict": "approved"}, None),
        ({"agent_done": True, "verdict": "failed", "score": 0.5}, {}, None),
    ],
)
def test_a_round_goes_on_from_one_whose_agent_had_ended_well(
    before: dict[str, Any], review: dict[str, str], kept: dict[str, str] | None
) -> None:
    entry = an_entry(a_workspace(), budget="9")
    session = a_session(entry)
    sessions.conclude(session, sessions.Ending(Session.Outcome.CRASHED, "no"))
    Round.objects.filter(session=session).update(**{"verdict": "unverified", "summary": "I did it", "review": review, **before})
    opened = Round.objects.get(session=a_session(entry))
    assert rounds.continue_from_unfinished(opened) is (kept is not None)
    opened.refresh_from_db()
    expected = (True, "I did it", kept) if kept is not None else (False, "", {})
    assert (opened.agent_done, opened.summary, opened.review) == expected
    ended(opened.session)
    assert not rounds.continue_from_unfinished(Round.objects.get(session=a_session(entry))), "another round came between"


def test_neither_work_that_a_person_sent_back_nor_the_round_that_they_asked_for_is_a_plateau() -> None:
    entry = an_entry(a_workspace(), budget="9", budget_rounds=9)
    for n in range(4):
        ended(a_session(entry), score=(n + 1) / 10)
    sent_back = Round.objects.get(entry=entry, number=2)
    landing = Landing.objects.create(
        workspace=entry.workspace, entry=entry, commit="a" * 40, round=sent_back, state="withdrawn", ended_at=now()
    )
    entry.refresh_from_db()
    assert rounds.improvements(entry) == [0.1, 0.1, 0.1, 0.1]
    Landing.objects.filter(pk=landing.pk).update(state=Landing.State.SENT_BACK)
    assert len(rounds.improvements(entry)) == 2
    entry.rounds_completed = 1
    assert rounds.improvements(entry) == [0.1], "its rounds were reset since"


def test_rounds_that_changed_nothing_count_in_a_row_since_they_were_reset() -> None:
    entry = an_entry(a_workspace(), budget="9")
    for verdict in ("no_change", "failed", "no_change", "no_change"):
        session = a_session(entry)
        ended(session)
        score = 0.5 if verdict == "failed" else None
        Round.objects.filter(session=session).update(verdict=verdict, score=score, improvement_score=None, base_score=None)
    entry.refresh_from_db()
    assert rounds.unchanged_in_a_row(entry) == 2
    entry.rounds_completed = 1
    assert rounds.unchanged_in_a_row(entry) == 1


def test_a_round_counts_from_one_in_its_entry_with_a_row_of_its_spend() -> None:
    shop = a_workspace()
    entry = an_entry(shop, budget="9")
    ended(a_session(an_entry(shop, budget="9")))
    for number in (1, 2):
        opened = Round.objects.get(session=a_session(entry))
        assert (opened.number, opened.verdict) == (number, "open")
        assert RoundSpend.objects.filter(account_id=entry.pk, number=number).exists()
        ended(opened.session)
