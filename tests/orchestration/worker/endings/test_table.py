"""The ending of a session, by what happened and whose fault it was: its row of the table, then who is to blame."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from orchestration.backlog.rules.ways import landed as on_branch
from orchestration.backlog.rules.ways import nothing_to_do
from orchestration.configuration.provider_trouble import Trouble
from orchestration.facts.failures import Failure
from orchestration.sessions.ending import Ending, Verdict
from orchestration.worker import endings
from orchestration.worker.endings import TABLE, Facts, Fault, Left, Surroundings, What
from orchestration.worker.endings.table import AWAY, DISK_FULL, OUTAGE

ON = Verdict(True, 1.0)


@pytest.mark.parametrize(("what", "fault"), TABLE)
def test_an_ending_is_that_of_its_row(what: What, fault: Fault) -> None:
    """docs/reference/endings.md shows the rows."""
    row = TABLE[what, fault]
    done, begun = (endings.after(Facts(what, fault, ("x" * 600,), is_done=is_done)) for is_done in (True, False))
    assert begun.outcome == done.outcome == row.outcome and done.message == begun.message
    assert (done.verify_next, begun.verify_next) == (row.verify != "never", row.verify == "always")
    assert len(begun.findings) == (row.finding is not None) and 0 < len(begun.message) <= 500
    assert bool(begun.on_hold) is row.needs_person
    assert endings.after(Facts(what, fault, ("x",), is_run=True)).findings == ()


def test_each_word_has_a_row() -> None:
    assert {what for what, _ in TABLE} == set(get_args(What)) and {fault for _, fault in TABLE} == set(get_args(Fault))


@pytest.mark.parametrize(
    ("facts", "message", "of_run"),
    [
        (Facts("stopped", "person", ("ana",)), "Stopped by ana: its work is kept", "Stopped by ana"),
        (Facts("stopped", "worker"), "The worker was shut down: its work is kept", "The worker was shut down: ask again"),
        (Facts("lost", "worker"), "Its worker was lost: its work is kept", "Its worker was lost: ask again"),
        (
            Facts("lost", "host", ("box",)),
            "box is away: its work is kept; the rest of the reservation waits for what box has counted",
            "box is away: ask again; the rest of the reservation waits for what box has counted",
        ),
        (Facts("failed", "muster", ("OSError: {0}",)), "Muster itself failed: OSError: {0}", ""),
        (Facts("lost", "database"), OUTAGE, ""),
    ],
)
def test_a_run_has_no_work_to_keep(facts: Facts, message: str, of_run: str) -> None:
    assert endings.after(facts).message == message
    assert endings.after(replace(facts, is_run=True)).message == (of_run or message)


@pytest.mark.parametrize(("code", "trouble"), [("auth", "setup"), ("overloaded", "provider"), ("crashed", "")])
def test_a_providers_failure_is_the_circuit_breakers_trouble(code: str, trouble: str) -> None:
    failure = Failure(code, "No", retry_at=7.0)
    ending = endings.after(Facts("not_judged", failure.kind.cause, ("It gave no verdict",), failure=failure))
    assert (ending.failure, ending.message) == (code, "It gave no verdict")
    assert ending.trouble == (Trouble(code, failure.sentence, trouble, 7.0) if trouble else None)  # type: ignore[arg-type]


CRASH = Ending("crashed", "it broke", exit_code=1, cost_unknown=True, findings=("it broke",))
ALL_WRONG: dict[str, Any] = {"host": "no sandbox", "repository": "locked", "was_away": True, "disk_is_full": True}


@pytest.mark.parametrize(
    ("fault", "around", "message"),
    [
        ("agent", {}, "it broke"),
        ("muster", {}, "it broke"),
        ("muster", ALL_WRONG, "no sandbox"),
        ("agent", {**ALL_WRONG, "host": ""}, f"{AWAY} locked"),
        ("agent", {"was_away": True}, f"{AWAY} it broke"),
        ("agent", {"disk_is_full": True}, "it broke"),
        ("start", {"disk_is_full": True}, "it broke"),
        ("muster", {"disk_is_full": True}, f"{DISK_FULL} it broke"),
        ("git", {"disk_is_full": True}, f"{DISK_FULL} it broke"),
    ],
)
def test_the_host_is_to_blame_before_the_repository_and_that_before_the_disk(
    fault: Fault, around: dict[str, Any], message: str
) -> None:
    ending = endings.blame(CRASH, fault, Surroundings(**around), is_done=False)
    assert (ending.message, ending.findings, ending.exit_code, ending.cost_unknown) == (message, (message,), 1, True)
    assert ending.outcome == ("crashed" if message == "it broke" else "interrupted")


@pytest.mark.parametrize(("fault", "is_blamed"), [("git", True), ("muster", False), ("agent", False)])
def test_a_repository_that_was_read_only_is_to_blame_where_git_reported_it(fault: Fault, is_blamed: bool) -> None:
    crash = Ending("crashed", "git: Read-only file system")
    assert (endings.blame(crash, fault, Surroundings(), is_done=True) == crash) is not is_blamed


@pytest.mark.parametrize(
    ("exit_code", "fault", "is_suspected"),
    [(1, "agent", False), (0, "agent", False), (None, "agent", False), (125, "agent", False), (126, "agent", True), (127, "agent", True), (1, "start", True)],
)  # fmt: skip
def test_a_host_is_examined_where_a_program_did_not_start(exit_code: int | None, fault: Fault, is_suspected: bool) -> None:
    assert endings.suspects_host(Ending("crashed", exit_code=exit_code), fault) is is_suspected


@pytest.mark.parametrize(
    ("left", "row"),
    [
        ({"verdict": Verdict(False, 0.5), "question": "Which?"}, ("refused", "worker")),
        ({"verdict": Verdict(False, 0.5, is_unchanged=True)}, ("unchanged", "worker")),
        ({"verdict": ON}, ("lost", "worker")),
        ({"verdict": ON, "question": "Which?", "away": "box"}, ("asked", "worker")),
        ({"is_run": True, "has_proposals": True}, ("proposed", "worker")),
        ({"away": "box"}, ("lost", "host")),
        ({"by_database": True}, ("lost", "database")),
    ],
)
def test_a_lost_worker_is_no_loss_where_only_the_conclusion_was_missing(left: dict[str, Any], row: tuple[str, str]) -> None:
    facts = endings.of_lost(Left(**left, cost_known=False, at_most=7))
    assert (facts.what, facts.fault) == row
    assert (facts.cost_unknown, facts.at_most, facts.awaits_host) == (True, 7, left.get("away", ""))


@pytest.mark.parametrize(
    ("findings", "message"),
    [
        ([], "Verification failed"),
        (["one line", "another"], "one line"),
        (["first\n\nmiddle\n last \n"], "first last"),
    ],
)
def test_the_first_finding_is_the_sentence(findings: list[str], message: str) -> None:
    refused = endings.after(endings.refused(Verdict(False, 0.0, findings), has_conflicts=False))
    assert (refused.outcome, refused.message) == ("failed", message)
    assert endings.after(endings.refused(Verdict(False, 0.0, is_unchanged=True), has_conflicts=False)).outcome == "no_change"
    assert endings.after(endings.refused(Verdict(False, 0.0, is_unchanged=True), has_conflicts=True)).outcome == "conflict"


def test_work_that_is_verified_waits_for_its_landing_or_is_on_the_branch_already() -> None:
    ending = endings.after(endings.verified("c" * 40, ON))
    assert (ending.lands, ending.exit_code, ending.verdict) == ("c" * 40, 0, ON)
    assert endings.verified("c", Verdict(True, 1.0, is_unproven=True)).what == "verified_unproven"
    for done, message in (
        (on_branch("d" * 40, round=1), f"Merged: {'c' * 12} is in the integration branch"),
        (nothing_to_do(round=1), "Its agent found nothing to do"),
    ):
        ending = endings.after(endings.landed("c" * 40, ON, done))
        assert (ending.outcome, ending.message, ending.lands, ending.done) == ("passed", message, "", done)


@pytest.mark.parametrize(
    ("newest", "lacks"), [(3, "the work of round 3 is not on muster/1"), (None, "its rounds have made no work")]
)
def test_a_tree_without_the_newest_work_names_what_it_lacks(newest: int | None, lacks: str) -> None:
    ending = endings.after(endings.without_work(ON, newest, "muster/1"))
    assert ending.message == f"nothing_changed: {lacks}, so there was nothing to verify"


def test_a_conflict_names_its_files_and_the_notes_of_git() -> None:
    text = endings.conflict("main", ["a", "b"], ["a was renamed"])
    assert text == "merge_conflict: merging into main conflicts in a, b\na was renamed"
    assert endings.conflict("main", [f"f{n}" for n in range(30)], []).endswith(" f19")
