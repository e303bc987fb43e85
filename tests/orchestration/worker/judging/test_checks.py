"""The evidence of a check: its output, its comparison with the round before, and whether it can be trusted."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.configuration import Check
from orchestration.processes.agent_process import Ended
from orchestration.verdicts.comparison import Question, Result
from orchestration.verdicts.evidence import Cases, CheckRun
from orchestration.worker.judging import checks
from tests.orchestration.worker.judging.running import Ends, RunCheck

OnLine = Callable[[str, str], None]


def verdict_on(configured: list[Check], checkout: Path, run: RunCheck, before: dict[str, CheckRun] | None = None) -> Result:
    return checks.judge(configured, checkout, Ends(run), before or {}, Question())[1]


class Runs:
    """A command with these exit codes, one for each run."""

    def __init__(self, *codes: int, junit: Path | None = None, xml: str = "") -> None:
        self.codes = list(codes)
        self.count = 0
        self.junit, self.xml = junit, xml

    def __call__(self, check: Check, on_line: OnLine) -> Ended:
        code = self.codes[min(self.count, len(self.codes) - 1)]
        self.count += 1
        if self.junit is not None:
            self.junit.write_text(self.xml)
        on_line(f"run {self.count}", "stderr")
        return Ended(cause="exited", exit_code=code)


def test_a_check_that_passes_is_run_once(tmp_path: Path) -> None:
    runs = Runs(0)
    verdict = verdict_on([Check(name="a", run="true")], tmp_path, runs)
    assert (verdict.passed, verdict.score, runs.count) == (True, 1.0, 1)
    assert verdict.checks[0]["command"] == "true"


def test_a_check_that_fails_twice_fails(tmp_path: Path) -> None:
    runs = Runs(1)
    verdict = verdict_on([Check(name="a", run="false")], tmp_path, runs)
    assert (verdict.passed, runs.count, "flaky" in verdict.checks[0]) == (False, 2, False)
    assert list(verdict.findings) == ["a: exited with 1. Last output:\nrun 1"]


@pytest.mark.parametrize(("code", "note"), [(1, None), (126, checks.NOT_FOUND[126]), (127, checks.NOT_FOUND[127])])
def test_a_check_whose_program_cannot_be_started_names_the_correction(tmp_path: Path, code: int, note: str | None) -> None:
    assert verdict_on([Check(name="a", run="x")], tmp_path, Runs(code)).checks[0].get("note") == note


def test_a_check_that_passes_the_second_time_is_flaky(tmp_path: Path) -> None:
    verdict = verdict_on([Check(name="a", run="x")], tmp_path, Runs(1, 0))
    assert verdict.passed
    assert verdict.checks[0]["flaky"] is True
    assert verdict.checks[0]["first_failure"] == ["exited with 1. Last output:\nrun 1"]


def test_the_second_run_can_be_disabled(tmp_path: Path) -> None:
    runs = Runs(1, 0)
    assert not verdict_on([Check(name="a", run="x", rerun=False)], tmp_path, runs).passed
    assert runs.count == 1


def test_cases_are_compared_with_the_base(tmp_path: Path) -> None:
    xml = (
        '<testsuite><testcase classname="t" name="old"/><testcase classname="t" name="new"/>'
        '<testcase classname="t" name="broken"><failure message="no"/></testcase></testsuite>'
    )
    runs = Runs(1, junit=tmp_path / "j.xml", xml=xml)
    cases = Cases(passed=frozenset({"t.old", "t.broken", "t.deleted"}))
    before = {"a": CheckRun(name="a", command="x", exit_code=0, score=1.0, scored_by="junit", cases=cases)}
    verdict = verdict_on([Check(name="a", run="x", junit="j.xml", rerun=False)], tmp_path, runs, before)
    shown = verdict.checks[0]["cases"]
    assert (shown["newly_passing"], shown["newly_failing"], shown["gone"]) == (["t.new"], ["t.broken"], ["t.deleted"])


def test_a_report_that_is_a_pipe_does_not_block(tmp_path: Path) -> None:
    def run(check: Check, on_line: OnLine) -> Ended:
        os.mkfifo(tmp_path / "j.xml")
        return Ended(cause="exited", exit_code=0)

    verdict = verdict_on([Check(name="a", run="x", junit="j.xml", rerun=False)], tmp_path, run)
    assert list(verdict.findings) == ["a: j.xml is not a file"]


def test_a_committed_folder_at_the_reports_path_is_removed(tmp_path: Path) -> None:
    (tmp_path / "j.xml" / "deep").mkdir(parents=True)
    xml = '<testsuite><testcase classname="t" name="a"/></testsuite>'
    runs = Runs(0, junit=tmp_path / "j.xml", xml=xml)
    assert verdict_on([Check(name="a", run="x", junit="j.xml")], tmp_path, runs).passed


def test_no_file_outside_the_checkout_is_removed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "j.xml").write_text("mine")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "out").symlink_to(tmp_path / "outside")
    verdict = verdict_on([Check(name="a", run="x", junit="out/j.xml", rerun=False)], checkout, Runs(0))
    assert (tmp_path / "outside" / "j.xml").read_text() == "mine"
    assert not verdict.passed


@pytest.mark.parametrize("line", ['{"a": ' + "[" * 100_000, '{"type": "score", "score": 1, "findings": ["\\ud800\\u0000"]}'])
def test_no_output_of_a_check_breaks_the_session(tmp_path: Path, line: str) -> None:
    def run(check: Check, on_line: OnLine) -> Ended:
        on_line(line, "stdout")
        return Ended(cause="exited", exit_code=1)

    verdict = verdict_on([Check(name="a", run="x")], tmp_path, run)
    assert not verdict.passed and "\0" not in "".join(verdict.findings)
    "".join(verdict.findings).encode()
