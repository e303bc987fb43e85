"""Evidence: what a check said, what it compares with, and whether it can be trusted."""

from collections.abc import Callable
from pathlib import Path

from orchestration.configuration import Check
from orchestration.rounds import Cases
from orchestration.runtime import verification
from orchestration.runtime.processes import Ended

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
    verdict = verification.verify([Check(name="a", run="true")], tmp_path, runs, {})
    assert (verdict.passed, verdict.score, runs.count) == (True, 1.0, 1)
    assert verdict.checks[0]["command"] == "true"


def test_one_that_fails_twice_failed(tmp_path: Path) -> None:
    runs = Runs(1)
    verdict = verification.verify([Check(name="a", run="false")], tmp_path, runs, {})
    assert (verdict.passed, runs.count, "flaky" in verdict.checks[0]) == (False, 2, False)
    assert verdict.findings == ["a: exited with 1. Last output:\nrun 1"]


def test_one_that_passes_the_second_time_is_marked_as_flaky(tmp_path: Path) -> None:
    verdict = verification.verify([Check(name="a", run="x")], tmp_path, Runs(1, 0), {})
    assert verdict.passed
    assert verdict.checks[0]["flaky"] is True
    assert verdict.checks[0]["first_failure"] == ["exited with 1. Last output:\nrun 1"]


def test_a_second_run_can_be_declined(tmp_path: Path) -> None:
    runs = Runs(1, 0)
    assert not verification.verify([Check(name="a", run="x", rerun=False)], tmp_path, runs, {}).passed
    assert runs.count == 1


def test_cases_are_compared_with_the_round_before(tmp_path: Path) -> None:
    xml = (
        '<testsuite><testcase classname="t" name="old"/><testcase classname="t" name="new"/>'
        '<testcase classname="t" name="broken"><failure message="no"/></testcase></testsuite>'
    )
    runs = Runs(1, junit=tmp_path / "j.xml", xml=xml)
    before = {"a": Cases(frozenset({"t.old", "t.broken", "t.deleted"}))}
    verdict = verification.verify([Check(name="a", run="x", junit="j.xml", rerun=False)], tmp_path, runs, before)
    cases = verdict.checks[0]["cases"]
    assert (cases["newly_passing"], cases["newly_failing"], cases["gone"]) == (["t.new"], ["t.broken"], ["t.deleted"])
