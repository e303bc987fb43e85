"""The state of a pull request on its forge decides the next step."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestration.forges.shared.interface import Check, Comment, PullRequest
from orchestration.pull_requests import deciding
from orchestration.pull_requests.deciding import Adopt, Closed, Merge, Merged, SendBack, View, Wait, decide

NOW = datetime(2026, 5, 15, 16, tzinfo=UTC)
PULL = PullRequest("1", 2, "https://x", "muster/1", "main", "a" * 40, "open")
VIEW = View(PULL, "a" * 40, waits=True, now=NOW)
LONG_AGO = NOW - timedelta(hours=1)
ASKED = Comment("1", "ana", "Rename it", LONG_AGO, "x.py", 3, is_trusted=True, asks=True)
RED, GREEN, RUNNING = Check("tests", "failed"), Check("lint", "passed"), Check("slow", "pending")


def test_the_forge_decides_when_it_is_merged_whatever_its_commits_are() -> None:
    merged = replace(PULL, state="merged", merge_commit="b" * 40, ended_by="ana", head="c" * 40)
    for view in (VIEW, replace(VIEW, waits=False, checks=[RED])):
        assert decide(replace(view, pull=merged)) == Merged("b" * 40, "ana")


def test_a_closed_one_was_rejected() -> None:
    assert decide(replace(VIEW, pull=replace(PULL, state="closed", ended_by="ana"))) == Closed("ana")


def test_other_commits_are_verified_before_anything_else() -> None:
    view = replace(VIEW, pull=replace(PULL, head="b" * 40), checks=[RED], comments=[ASKED])
    assert decide(view) == Adopt("b" * 40)


def test_while_its_entry_is_at_work_nothing_but_the_end_counts() -> None:
    assert decide(replace(VIEW, waits=False, pull=replace(PULL, head="b" * 40), checks=[RED])) == Wait(
        "Its entry is at work again"
    )


def test_a_red_check_sends_it_back_once_all_have_ended() -> None:
    assert decide(replace(VIEW, checks=[RED, GREEN, RUNNING])) == Wait("Waiting for slow in CI")
    assert decide(replace(VIEW, checks=[RED, GREEN])) == SendBack([RED], [])


def test_a_comment_on_a_line_sends_it_back_with_all_comments() -> None:
    opinion = replace(ASKED, id="2", text="Good start", asks=False, path="", line=None)
    assert decide(replace(VIEW, checks=[RUNNING, RED], comments=[ASKED, opinion])) == SendBack([RED], [ASKED, opinion])
    assert isinstance(decide(replace(VIEW, comments=[opinion])), Wait)


@pytest.mark.parametrize(("seconds", "waits"), [(5, True), (59, True), (60, False)])
def test_comments_of_one_review_start_one_round(seconds: int, waits: bool) -> None:
    newest = replace(ASKED, at=NOW - timedelta(seconds=seconds), asks=False)
    assert isinstance(decide(replace(VIEW, comments=[ASKED, newest])), Wait) is waits
    assert isinstance(decide(replace(VIEW, comments=[newest, ASKED])), Wait) is waits


def test_strangers_start_no_round() -> None:
    stranger = replace(ASKED, is_trusted=False)
    assert decide(replace(VIEW, comments=[stranger])) == Wait("Waiting for a person to merge it")
    assert decide(replace(VIEW, comments=[stranger, ASKED])) == SendBack([], [ASKED])


def test_muster_merges_what_is_green_and_approved_if_it_may() -> None:
    green = replace(VIEW, checks=[GREEN], merges=True, pushed_at=LONG_AGO)
    assert decide(replace(green, is_approved=True)) == Merge()
    assert decide(green) == Wait("Waiting for an approval there")
    assert decide(replace(green, is_approved=True, merges=False)) == Wait("Waiting for a person to merge it")
    assert isinstance(decide(replace(green, is_approved=True, checks=[GREEN, RUNNING])), Wait)


def test_nothing_is_merged_before_ci_can_have_begun() -> None:
    approved = replace(VIEW, merges=True, is_approved=True, checks=[GREEN])
    for checks, seconds, merges in (([GREEN], 59, False), ([GREEN], 60, True), ([], 299, False), ([], 300, True)):
        view = replace(approved, checks=checks, pushed_at=NOW - timedelta(seconds=seconds))
        assert (decide(view) == Merge()) is merges
    assert decide(approved) == Wait("Approved: waiting for CI to begin")


def test_an_empty_comment_asks_for_nothing() -> None:
    assert isinstance(decide(replace(VIEW, comments=[replace(ASKED, text=" \n")])), Wait)


def test_red_checks_take_the_opinions_of_people_along() -> None:
    opinion = replace(ASKED, asks=False)
    assert decide(replace(VIEW, checks=[RED], comments=[opinion])) == SendBack([RED], [opinion])


def test_a_merge_without_a_commit_of_its_own_is_its_head() -> None:
    assert decide(replace(VIEW, pull=replace(PULL, state="merged", ended_by="ana"))) == Merged(PULL.head, "ana")


def test_what_it_waits_for_is_named_in_short() -> None:
    running = [Check(f"c{n}" + "x" * 100, "pending") for n in range(5)]
    names = ", ".join(check.name[:60] for check in running[:3])
    assert decide(replace(VIEW, checks=running)) == Wait(f"Waiting for {names} and 2 more in CI")
    assert decide(replace(VIEW, checks=running[:3])) == Wait(f"Waiting for {names} in CI")
    for below, words in (((7,), "pull request 7"), ((7, 8), "pull requests 7, 8")):
        assert decide(replace(VIEW, below=below, merges=True, is_approved=True)) == Wait(
            f"Waiting for {words} to be merged first"
        )


def test_of_a_log_its_end_counts() -> None:
    log = "\n".join(f"line {n}" for n in range(1000)) + "\n"
    assert deciding.log_end(log).splitlines()[0] == "line 800" and len(deciding.log_end("x" * 10**6)) == 20_000
