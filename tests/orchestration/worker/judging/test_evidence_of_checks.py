"""The evidence of a check's run: which checks run a second time, which part of the output counts, and each case of the report."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now

from orchestration.configuration import Check
from orchestration.models import Integration, TreeVerdict
from orchestration.processes.agent_process import Ended
from orchestration.verdicts import store
from orchestration.verdicts.comparison import Question
from orchestration.verdicts.evidence import Cases
from orchestration.worker.judging import baseline, checks, junit
from tests.factories import a_workspace
from tests.orchestration.worker.judging.running import Ends, RunCheck

CHECKS = [
    Check(name="green", run="x"),
    Check(name="red", run="x"),
    Check(name="once", run="x", rerun=False),
    Check(name="slow", run="x"),
]


def counted(ran: Counter[str]) -> RunCheck:
    """`red` passes when it runs again, `once` fails, and `slow` never ends."""

    def run(check: Check, on_line: object) -> Ended:
        ran[check.name] += 1
        if check.name == "slow":
            return Ended(cause="wall_timeout", exit_code=None)
        is_bad = check.name == "once" or (check.name == "red" and ran["red"] == 1)
        return Ended(cause="exited", exit_code=int(is_bad))

    return run


def test_only_what_ended_and_failed_runs_a_second_time_on_a_base_and_in_a_round(tmp_path: Path) -> None:
    for judge in (checks.observe, lambda *args: checks.judge(*args, {}, Question())[0]):
        ran: Counter[str] = Counter()
        runs = judge(CHECKS, tmp_path, Ends(counted(ran)))
        assert ran == {"green": 1, "red": 2, "once": 1, "slow": 1}
        shown = [(run.name, run.exit_code, run.cause, run.is_green, run.flaky) for run in runs]
        assert shown == [
            ("green", 0, "exited", True, False),
            ("red", 0, "exited", True, True),
            ("once", 1, "exited", False, False),
            ("slow", None, "wall_timeout", False, False),
        ]


def observed(tmp_path: Path, ended: Ended, *lines: tuple[str, str], report: str = "") -> tuple[float, tuple[str, ...], str]:
    """Score, findings and the end of the output of one check."""

    def run(check: Check, on_line: Callable[[str, str], None]) -> Ended:
        for line, stream in lines:
            on_line(line, stream)
        if report:
            (tmp_path / "j.xml").write_text(report)
        return ended

    check = Check(name="a", run="x", rerun=False, junit="j.xml" if report else None)
    [only] = checks.observe([check], tmp_path, Ends(run))
    return only.score, only.findings, only.tail


GREEN = '{"type": "score", "score": 1, "findings": []}'
LOW = '{"type": "score", "score": 0.25, "findings": ["few", 7]}'
REPORT = '<testsuite><testcase name="a"/></testsuite>'


def test_the_last_score_line_of_its_output_counts_and_none_of_its_errors(tmp_path: Path) -> None:
    good = Ended(cause="exited", exit_code=0)
    assert observed(tmp_path, good, (GREEN, "stdout"), (LOW, "stdout"), (GREEN, "stderr")) == (
        0.25, ("few", "7"), f"{GREEN}\n{LOW}\n{GREEN}\n",
    )  # fmt: skip
    assert observed(tmp_path, good, (LOW, "stdout"), (GREEN, "stdout"))[:2] == (1.0, ())
    assert observed(tmp_path, good, ('{"type": "score", "score": 0.5}', "stdout"))[:2] == (0.5, ("scored 0.5",))


def test_of_a_long_output_the_end_is_kept_and_the_last_lines_are_the_finding(tmp_path: Path) -> None:
    lines = [(f"line {n:04}", "stdout") for n in range(1000)]
    score, findings, tail = observed(tmp_path, Ended(cause="exited", exit_code=3), *lines)
    assert score == 0.0 and len(tail) == checks.TAIL_LENGTH and tail.endswith("line 0999\n")
    assert findings == ("exited with 3. Last output:\n" + "\n".join(f"line {n:04}" for n in range(985, 1000)),)
    assert observed(tmp_path, Ended(cause="exited", exit_code=-9, signal=9))[1] == ("ended by signal 9. Last output:\n",)


def test_a_report_without_a_failure_does_not_hide_a_bad_exit(tmp_path: Path) -> None:
    score, findings, _ = observed(tmp_path, Ended(cause="exited", exit_code=2), ("boom", "stderr"), report=REPORT)
    assert (score, findings) == (1.0, ("exited with 2. Last output:\nboom",))


CROWD = """<testsuites><testsuite>
<testcase classname="t" name="good"/>
<testcase name="plain"/>
<testcase classname="t" name="twice"/><testcase classname="t" name="twice"><failure message="no&#10;more"/></testcase>
<testcase classname="t" name="kinds"><skipped/></testcase><testcase classname="t" name="kinds"/>
<testcase classname="t" name="idle"><skipped/></testcase>
<testcase classname="t" name="both"><skipped/></testcase><testcase classname="t" name="both"><error>deep
trouble</error></testcase>
<testcase classname="" name="t.new"><error message="collection failure">E   first\nsome\nE   last\nend</error></testcase>
</testsuite></testsuites>"""


def test_each_case_of_a_report_counts_by_the_worst_that_became_of_it(tmp_path: Path) -> None:
    path = tmp_path / "j.xml"
    path.write_text(CROWD)
    report = junit.read(path, tmp_path)
    failed = {"t.twice": "no", "t.both": "deep", "t.new": "last"}
    assert report.cases == Cases(frozenset({"t.good", "plain", "t.kinds"}), failed, frozenset({"t.idle"}))
    assert report.failing == ("t.twice: no", "t.both: deep", "t.new: last")
    assert (report.total, report.failed, report.skipped, report.ran_nothing) == (10, 3, 3, False)
    assert report.score == pytest.approx(4 / 7)
    path.write_text('<testsuite><testcase name="t.new"><error message="collection failure"/></testcase></testsuite>')
    assert junit.read(path, tmp_path).ran_nothing


def test_a_report_may_be_as_large_as_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "j.xml"
    path.write_text(REPORT)
    monkeypatch.setattr(junit, "MAX_BYTES", len(REPORT))
    assert junit.read(path, tmp_path).total == 1
    monkeypatch.setattr(junit, "MAX_BYTES", len(REPORT) - 1)
    assert "is larger than" in junit.read(path, tmp_path).error


def test_a_base_is_awaited_as_long_as_a_living_lander_of_the_workspace_judges_its_tree(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    checked, until = list[str](), Now() + timedelta(hours=1)

    def wait_for(tree: str) -> TreeVerdict | None:
        return baseline.wait_for(shop.pk, tree, "h", check=lambda: checked.append(tree))

    def verdict_of(tree: str) -> TreeVerdict:
        return store.record(shop.pk, tree=tree, commit="c", checks_hash="h", kind=TreeVerdict.Kind.TIP, runs=[])

    Integration.objects.create(workspace=shop, judging_tree="dead", lease_until=Now() - timedelta(seconds=1))
    Integration.objects.create(workspace=other, judging_tree="theirs", lease_until=until)
    assert [wait_for(tree) for tree in ("dead", "theirs")] == [None, None] and checked == []
    Integration.objects.filter(pk=shop.pk).update(judging_tree="t", lease_until=until)
    monkeypatch.setattr(baseline.time, "sleep", lambda _: verdict_of("t") if len(checked) == 2 else None)
    assert wait_for("u") is None and checked == []
    assert wait_for("t") == TreeVerdict.objects.get(tree="t") and checked == ["t", "t"]
    assert wait_for("t") is not None and len(checked) == 2, "known already"
