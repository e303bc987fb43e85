"""Two signs together: a warning, then the end. One alone is nothing, and what looks like a sign is none."""

import pytest

from orchestration.worker.agent_run.round_watch import AGAIN, FIRST, UNWARNED, RoundWatch, failing_names
from orchestration.worker.agents.shared.events import ToolUse

SAME = ToolUse("Bash", "npm run build", "error TS2307 in 0.52s")
FINDINGS = ["pytest: tests.test_core.test_rates[2]: AssertionError: assert 1 == 2", "review: it is too slow"]
FAILING = failing_names(FINDINGS)


def a_watch(**more: bool) -> RoundWatch:
    return RoundWatch(FAILING, **more)


def reading(n: int) -> ToolUse:
    return ToolUse("Read", f"src/{n}.py", "text")


def a_test_run(n: int = 0, *names: str) -> ToolUse:
    return ToolUse("Bash", f"pytest --maxfail={n}", "\n".join(f"FAILED tests/test_core.py::{name} line {n}" for name in names))


def see(progress: RoundWatch, *uses: ToolUse, changed: bool = False) -> str:
    """The first decision that is none."""
    for use in uses:
        progress.read(use)
        if changed:
            progress.files_changed()
        if decision := progress.decide():
            return decision
    return ""


def test_the_same_call_and_no_changed_file_are_a_warning_and_then_the_end() -> None:
    progress = a_watch()
    assert see(progress, *[SAME] * (FIRST.unchanged - 1)) == "" and see(progress, SAME) == "warn"
    assert (
        progress.seen
        == f"the same call {FIRST.unchanged} times with the same answer (Bash npm run build), no file changed for 24 tools"
    )
    assert see(progress, *[SAME] * 20) == "", "the warning has not arrived"
    progress.warning_arrived()
    assert see(progress, *[SAME] * (AGAIN.unchanged - 1)) == "" and see(progress, SAME) == "end"


def test_who_does_something_else_after_the_warning_goes_on() -> None:
    progress = a_watch()
    assert see(progress, *[SAME] * 24) == "warn"
    progress.warning_arrived()
    assert see(progress, *map(reading, range(40))) == ""
    progress.files_changed()
    assert see(progress, *[SAME] * (AGAIN.unchanged - 1)) == ""


def test_an_agent_that_gets_no_message_needs_more_before_its_end_and_so_does_one_whose_warning_never_arrives() -> None:
    assert see(a_watch(receives=False), *[SAME] * (UNWARNED.unchanged - 1)) == ""
    assert see(a_watch(receives=False), *[SAME] * UNWARNED.unchanged) == "end"
    progress = a_watch()
    assert [see(progress, *[SAME] * 24), see(progress, *[SAME] * 23), see(progress, SAME)] == ["warn", "", "end"]


def test_an_agent_that_was_warned_before_its_worker_died_is_not_warned_again() -> None:
    assert see(a_watch(was_warned=True), *[SAME] * 100) == "end"


def test_one_sign_alone_is_nothing() -> None:
    assert see(a_watch(), *map(reading, range(300))) == "", "no file changed"
    assert see(a_watch(), *[SAME] * 300, changed=True) == "", "the same call, after each change"
    assert see(a_watch(), *(a_test_run(n, "test_rates") for n in range(300)), changed=True) == "", "the same failures"


def test_the_failures_of_the_round_before_count_without_a_change_and_twice_as_many_with_one() -> None:
    assert see(a_watch(), *(a_test_run(n, "test_rates") for n in range(24))) == "warn"
    both = [a_test_run(0, "test_rates")] * (2 * FIRST.repeats)
    assert see(a_watch(), *both[1:], changed=True) == "" and see(a_watch(), *both, changed=True) == "warn"


def test_fewer_failures_are_progress() -> None:
    progress = RoundWatch(["test_rates", "test_dates"])
    assert see(progress, *[a_test_run(0, "test_rates", "test_dates"), reading(1)] * 7) == ""
    progress.read(a_test_run(0, "test_dates"))
    progress.files_changed()
    assert see(progress, *[a_test_run(n, "test_dates") for n in range(FIRST.failures - 1)]) == "" and progress.signs(FIRST) == []


@pytest.mark.parametrize("call", ["sleep 30; tail build.log", "gh run watch 7", "wait", "tail -f x"])
def test_a_call_that_waits_is_no_sign(call: str) -> None:
    assert see(a_watch(), *[ToolUse("Bash", call, "")] * 300) == ""
    assert see(a_watch(), *[ToolUse("BashOutput", "b1", "")] * 300) == ""


def test_answers_that_differ_by_their_times_are_the_same_and_others_are_not() -> None:
    took = [ToolUse("Bash", "pytest", f"1 failed in {n}.{n}s at 10:0{n % 9}:00") for n in range(30)]
    assert see(a_watch(), *took) == "warn"
    assert see(a_watch(), *(ToolUse("Bash", "tail build.log", f"[{n}/60] building") for n in range(60))) == ""


def test_failures_are_known_by_their_cases_or_else_by_their_lines() -> None:
    assert {"test_rates"} == FAILING
    output = "check: exited with 1. Last output:\nok 1\nTypeError: cannot read 'rate' of undefined\n"
    assert failing_names([output]) == {"TypeError: cannot read 'rate' of undefined"}
    assert failing_names(["check: exited with 1. Last output:\nFAILED tests/a.py::test_dates - x"]) == {"test_dates"}
    assert failing_names(["nothing_changed: no file was changed"]) == frozenset()
