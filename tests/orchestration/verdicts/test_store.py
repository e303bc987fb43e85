"""Stored verdicts: the newest of a tree and its checks counts, and what rounds gained is kept at their landing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils.timezone import now

from orchestration.models import Round, TreeVerdict
from orchestration.verdicts import gains, store
from orchestration.verdicts.comparison import Result
from orchestration.verdicts.evidence import CheckRun
from tests.factories import a_session, a_workspace, an_entry
from tests.orchestration.verdicts.test_comparison import exits, report
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
Kind = TreeVerdict.Kind


def record(workspace: Workspace, run: CheckRun, *, tree: str = "t", checks: str = "h", **more: object) -> TreeVerdict:
    kept = {"kind": Kind.TIP, "commit": "c", **more}
    return store.record(workspace.pk, tree=tree, checks_hash=checks, runs=[run], **kept)  # type: ignore[arg-type]


def test_the_newest_verdict_of_a_tree_counts() -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    record(shop, report("a"))
    newest = record(shop, report("", "a"))
    for verdict in (record(other, report("a")), record(shop, report("a"), tree="u"), record(shop, report("a"), checks="g")):
        assert verdict.pk > newest.pk
    assert store.newest(shop.pk, "t", "h") == newest


def test_a_verdict_that_is_too_old_does_not_count_where_its_age_matters() -> None:
    shop = a_workspace()
    verdict = record(shop, report("a"))
    TreeVerdict.objects.update(at=now() - timedelta(hours=2))
    hours = [store.newest(shop.pk, "t", "h", max_age=timedelta(hours=n)) for n in (1, 3)]
    assert hours == [None, verdict] and store.newest(shop.pk, "t", "h") == verdict


def test_the_evidence_of_a_verdict_is_read_as_it_was_kept() -> None:
    run = replace(report("a", "bé", skipped="c", flaky="d"), weight=2.0, seconds=1.5, tail="end", flaky=True)
    verdict = record(a_workspace(), run)
    verdict.refresh_from_db()
    assert store.runs_of(verdict) == {"tests": run}
    assert (verdict.passed, verdict.seconds, store.is_green(verdict)) == (True, 1.5, False)


def test_a_verdict_of_a_round_passes_as_it_was_judged_and_keeps_what_was_seen() -> None:
    run = report("a", "b")
    result = Result(passed=True, score=1.0, base_score=1.0, checks=({**run.as_json(), "passed": True, "score": 1.0},))
    verdict = record(a_workspace(), run, result=result, kind=Kind.ROUND, seconds=7)
    assert (verdict.passed, verdict.seconds, store.is_green(verdict)) == (True, 7, False)
    assert store.runs_of(verdict)["tests"].score == 0.5
    for check in verdict.checks:
        for name in ("raw_score", "raw_passed", "raw_findings"):
            del check[name]  # of a release before these
    assert store.is_green(verdict) and store.runs_of(verdict)["tests"].score == 1.0


def test_what_a_person_accepts_is_the_same_evidence_and_the_newest_verdict() -> None:
    shop = a_workspace()
    result = Result(passed=False, score=0.5, base_score=1.0, checks=(report("a", "b").as_json(),))
    refused = record(shop, report("a", "b"), result=result, base_tree="base")
    accepted = store.accept(refused, by="ana")
    assert not refused.passed
    assert store.newest(shop.pk, "t", "h") == accepted and store.runs_of(accepted) == store.runs_of(refused)
    kept = (accepted.kind, accepted.passed, accepted.by, accepted.commit, accepted.base_tree, accepted.seconds)
    assert kept == (Kind.ACCEPTED, True, "ana", "c", "base", 0)


@pytest.fixture
def round_() -> Round:
    """It made b and c pass, which failed on its base."""
    session = a_session(an_entry(a_workspace()))
    record(session.workspace, report("a", "b c"), tree="base")
    result = Result(passed=True, score=1.0, base_score=0.5, checks=(report("a b c").as_json(),))
    passing_round = Round.objects.get(session=session)
    record(session.workspace, report("a b c"), kind=Kind.ROUND, result=result, base_tree="base", round_=passing_round)
    return passing_round


def test_what_a_round_made_pass_counts_as_passed_on_the_tip(round_: Round) -> None:
    [tip] = gains.added({"tests": report("a", "b c")}, [round_.pk], "h").values()
    assert tip.cases is not None and (tip.cases.passed, dict(tip.cases.failed)) == ({"a", "b", "c"}, {})


def test_a_round_gains_nothing_where_its_checks_were_others_or_its_base_is_not_known(round_: Round) -> None:
    tip = {"tests": report("a", "b c"), "lint": exits(0)}
    assert gains.added(tip, [], "h") == gains.added(tip, [round_.pk], "g") == tip
    assert gains.added({"lint": exits(0)}, [round_.pk], "h") == {"lint": exits(0)}
    assert gains.added({"tests": exits(1)}, [round_.pk], "h") == {"tests": exits(1)}
    TreeVerdict.objects.filter(tree="base").delete()
    assert gains.added(tip, [round_.pk], "h") == tip


def test_of_a_round_that_was_judged_twice_the_later_verdict_counts(round_: Round) -> None:
    result = Result(passed=True, score=1.0, base_score=0.5, checks=(report("a b", "c").as_json(),))
    record(round_.session.workspace, report("a b", "c"), kind=Kind.ROUND, result=result, base_tree="base", round_=round_)
    [tip] = gains.added({"tests": report("a", "b c")}, [round_.pk], "h").values()
    assert tip.cases is not None and set(tip.cases.failed) == {"c"}


def test_a_case_that_others_removed_is_no_gain(round_: Round) -> None:
    """It cannot be missing at the landing: it was not there any more."""
    [tip] = gains.added({"tests": report("a", "b")}, [round_.pk], "h").values()
    assert tip.cases is not None and (tip.cases.passed, dict(tip.cases.failed)) == ({"a", "b"}, {})


def test_a_case_that_passed_before_the_round_too_is_no_gain(round_: Round) -> None:
    """Others have broken it on the tip since: this work need not repair it."""
    [tip] = gains.added({"tests": report("", "a b c")}, [round_.pk], "h").values()
    assert tip.cases is not None and (tip.cases.passed, set(tip.cases.failed)) == ({"b", "c"}, {"a"})


def test_a_case_that_the_round_added_itself_is_a_gain() -> None:
    session = a_session(an_entry(a_workspace()))
    record(session.workspace, report("a", "b"), tree="base")
    begun = Round.objects.get(session=session)
    result = Result(passed=True, score=1.0, base_score=0.5, checks=(report("a b new").as_json(),))
    record(session.workspace, report("a b new"), kind=Kind.ROUND, result=result, base_tree="base", round_=begun)
    [tip] = gains.added({"tests": report("a", "b")}, [begun.pk], "h").values()
    assert tip.cases is not None and tip.cases.passed == {"a", "b", "new"}
