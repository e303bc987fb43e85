"""Evidence: what a check said, what it compares with, and whether it can be trusted."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.configuration import Check
from orchestration.processes.agent_process import Ended
from orchestration.sessions.rounds import Cases
from orchestration.worker.steps import evidence

Hear = Callable[[str, str], None]


class Runs:
    """A command that ends as told, time after time."""

    def __init__(self, *codes: int, junit: Path | None = None, xml: str = "") -> None:
        self.codes = list(codes)
        self.count = 0
        self.junit, self.xml = junit, xml

    def __call__(self, check: Check, hear: Hear) -> Ended:
        code = self.codes[min(self.count, len(self.codes) - 1)]
        self.count += 1
        if self.junit is not None:
            self.junit.write_text(self.xml)
        hear(f"run {self.count}", "stderr")
        return Ended(cause="exited", exit_code=code)


def test_a_check_that_passes_is_run_once(tmp_path: Path) -> None:
    runs = Runs(0)
    verdict = evidence.verify([Check(name="a", run="true")], tmp_path, runs, {})
    assert (verdict.passed, verdict.score, runs.count) == (True, 1.0, 1)
    assert verdict.checks[0]["command"] == "true"


def test_one_that_fails_twice_failed(tmp_path: Path) -> None:
    runs = Runs(1)
    verdict = evidence.verify([Check(name="a", run="false")], tmp_path, runs, {})
    assert (verdict.passed, runs.count, "flaky" in verdict.checks[0]) == (False, 2, False)
    assert verdict.findings == ["a: exited with 1. Last output:\nrun 1"]


def test_one_that_passes_the_second_time_is_marked_as_flaky(tmp_path: Path) -> None:
    verdict = evidence.verify([Check(name="a", run="x")], tmp_path, Runs(1, 0), {})
    assert verdict.passed
    assert verdict.checks[0]["flaky"] is True
    assert verdict.checks[0]["first_failure"] == ["exited with 1. Last output:\nrun 1"]


def test_a_second_run_can_be_declined(tmp_path: Path) -> None:
    runs = Runs(1, 0)
    assert not evidence.verify([Check(name="a", run="x", rerun=False)], tmp_path, runs, {}).passed
    assert runs.count == 1


def test_cases_are_compared_with_the_round_before(tmp_path: Path) -> None:
    xml = (
        '<testsuite><testcase classname="t" name="old"/><testcase classname="t" name="new"/>'
        '<testcase classname="t" name="broken"><failure message="no"/></testcase></testsuite>'
    )
    runs = Runs(1, junit=tmp_path / "j.xml", xml=xml)
    before = {"a": Cases(frozenset({"t.old", "t.broken", "t.deleted"}))}
    verdict = evidence.verify([Check(name="a", run="x", junit="j.xml", rerun=False)], tmp_path, runs, before)
    cases = verdict.checks[0]["cases"]
    assert (cases["newly_passing"], cases["newly_failing"], cases["gone"]) == (["t.new"], ["t.broken"], ["t.deleted"])


def test_a_report_that_is_a_pipe_holds_nobody_up(tmp_path: Path) -> None:
    def run(check: Check, hear: Hear) -> Ended:
        os.mkfifo(tmp_path / "j.xml")
        return Ended(cause="exited", exit_code=0)

    verdict = evidence.verify([Check(name="a", run="x", junit="j.xml", rerun=False)], tmp_path, run, {})
    assert verdict.findings == ["a: j.xml is not a file"]


def test_a_committed_folder_in_the_place_of_the_report_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "j.xml" / "deep").mkdir(parents=True)
    xml = '<testsuite><testcase classname="t" name="a"/></testsuite>'
    runs = Runs(0, junit=tmp_path / "j.xml", xml=xml)
    assert evidence.verify([Check(name="a", run="x", junit="j.xml")], tmp_path, runs, {}).passed


def test_nothing_outside_of_the_checkout_is_removed_for_a_report(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "j.xml").write_text("mine")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "out").symlink_to(tmp_path / "outside")
    verdict = evidence.verify([Check(name="a", run="x", junit="out/j.xml", rerun=False)], checkout, Runs(0), {})
    assert (tmp_path / "outside" / "j.xml").read_text() == "mine"
    assert not verdict.passed


@pytest.mark.parametrize("line", ['{"a": ' + "[" * 100_000, '{"type": "score", "score": 1, "findings": ["\\ud800\\u0000"]}'])
def test_no_line_that_a_check_says_breaks_the_session(tmp_path: Path, line: str) -> None:
    def run(check: Check, hear: Hear) -> Ended:
        hear(line, "stdout")
        return Ended(cause="exited", exit_code=1)

    verdict = evidence.verify([Check(name="a", run="x")], tmp_path, run, {})
    assert not verdict.passed and "\0" not in "".join(verdict.findings)
    "".join(verdict.findings).encode()
