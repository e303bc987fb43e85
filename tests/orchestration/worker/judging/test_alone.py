"""Checks that listen on one address of the host: a run that found it taken counts only after one alone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestration.configuration import Check
from orchestration.processes.agent_process import Ended
from orchestration.verdicts.comparison import Question, Result
from orchestration.worker.judging import alone, checks
from tests.orchestration.worker.judging.running import Ends
from tests.orchestration.worker.judging.test_checks import OnLine, Runs, verdict_on

TAKEN = "OSError: [Errno 98] Address already in use"


def test_checks_on_one_port_refuse_no_work_of_each_other(tmp_path: Path) -> None:
    port, everyone, again = threading.Lock(), threading.Barrier(4), threading.local()

    def run(check: Check, on_line: OnLine) -> Ended:
        got = port.acquire(blocking=False)
        if not hasattr(again, "yes"):
            again.yes = everyone.wait() >= 0  # the first runs are beside each other, whatever the machine does
        if got:
            port.release()
            return Ended(cause="exited", exit_code=0)
        on_line(TAKEN, "stderr")
        return Ended(cause="exited", exit_code=1)

    def judged(_: int) -> Result:
        return checks.judge([Check(name="a", run="listen")], tmp_path, Ends(run), {}, Question())[1]

    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(judged, range(4)))
    assert [(verdict.passed, "flaky" in verdict.checks[0]) for verdict in verdicts] == [(True, False)] * 4


def test_the_words_of_a_taken_address_earn_a_run_and_no_pass(tmp_path: Path) -> None:
    def run(check: Check, on_line: OnLine) -> Ended:
        on_line(TAKEN, "stdout")
        return Ended(cause="exited", exit_code=1)

    verdict = verdict_on([Check(name="a", run="x")], tmp_path, run)
    assert (verdict.passed, verdict.checks[0]["note"]) == (False, checks.IN_USE)


def test_a_check_that_never_gets_its_turn_counts_as_it_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "PATIENCE_S", 0)
    with alone.with_others("x", lambda: None), alone.without_others("x", lambda: None) as is_alone:
        assert not is_alone
        assert verdict_on([Check(name="a", run="x", rerun=False)], tmp_path, Runs(1)).passed is False


def test_a_wait_to_be_alone_ends_when_its_session_stops() -> None:
    def stop() -> None:
        raise checks.CannotJudge("stopped")

    with alone.with_others("x", stop), pytest.raises(checks.CannotJudge), alone.without_others("x", stop):
        raise AssertionError("another of its command runs")
    with alone.without_others("x", stop) as is_alone, alone.with_others("y", stop):
        assert is_alone


@pytest.mark.parametrize(
    ("line", "is_it"),
    [
        ("Error: listen EADDRINUSE: address already in use :::3000", True),
        ("Bind for 0.0.0.0:5432 failed: port is already allocated", True),
        ("Error: That port is already in use.", True),
        ("Error: Port 5173 is already in use", True),
        ("thread 'main' panicked: Os { code: 98, kind: AddrInUse }", True),
        ("AssertionError: the e-mail address of Ann is in use by Bob", False),
        ("E  assert 3 == 4", False),
    ],
)
def test_words_of_programs_for_a_taken_address(line: str, is_it: bool) -> None:
    assert alone.reports_in_use(line) is is_it
