"""A check of scope `auto` that looks at its entry is found out by what it reports without the entry's variables."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestration import configuration
from orchestration.verdicts.evidence import CheckRun
from orchestration.worker.steps import verifying
from tests.orchestration.verdicts.test_comparison import exits, report

WITHOUT_REPORT = exits(0)


def found_out(
    monkeypatch: pytest.MonkeyPatch,
    run: CheckRun,
    before: CheckRun | None,
    without_entry: CheckRun,
    *,
    scope: str = "auto",
    junit: str | None = "report.xml",
) -> tuple[set[str], int]:
    """The names, which are kept too, and how often the check ran again."""
    check = {"name": "tests", "run": "x", "scope": scope, "junit": junit, "rerun": True}
    bench = SimpleNamespace(config=configuration.load({"verify": [check]}))
    context: Any = SimpleNamespace(bench=bench, session=SimpleNamespace(workspace_id="ws"))
    runs: list[bool] = []
    kept: list[set[str]] = []

    class Runner:
        def __init__(self, _: Any, *, label: str, with_entry: bool) -> None:
            assert not with_entry

    def observe(checks: Any, *_: Any) -> list[CheckRun]:
        runs.extend(each.rerun for each in checks)
        return [without_entry]

    monkeypatch.setattr(verifying, "SessionRunner", Runner)
    monkeypatch.setattr(verifying.checks, "observe", observe)
    monkeypatch.setattr(verifying.scopes, "keep", lambda workspace_id, config, names: kept.append(set(names)))
    names = verifying._found_out(context, Path(), [run], {} if before is None else {"tests": before})
    assert kept == [names] and not any(runs), "one run is enough"
    return names, len(runs)


@pytest.mark.parametrize(
    ("run", "before", "without_entry", "expected"),
    [
        (report("a"), report("a b"), report("b"), ({"tests"}, 1)),
        (report("a"), report("a b c"), report("b"), ({"tests"}, 1)),  # c was removed by the work
        (report("a"), report("a", "b"), report("", "b"), ({"tests"}, 1)),
        (report("a"), report("a b"), report("a"), (set(), 1)),
        (report("a"), report("a b"), report("c"), (set(), 1)),
        (report("a"), report("a b"), WITHOUT_REPORT, (set(), 1)),
        (report("a b"), report("a"), report("a"), (set(), 0)),
        (report("a"), WITHOUT_REPORT, WITHOUT_REPORT, ({"tests"}, 1)),
        (report("a"), report(""), report(""), ({"tests"}, 1)),
        (report("a"), WITHOUT_REPORT, report("a"), (set(), 1)),
        (WITHOUT_REPORT, WITHOUT_REPORT, WITHOUT_REPORT, (set(), 0)),
        (report("a"), None, WITHOUT_REPORT, (set(), 0)),
    ],
)  # fmt: skip
def test_what_comes_back_without_the_entry_shows_that_the_check_looks_at_it(
    monkeypatch: pytest.MonkeyPatch,
    run: CheckRun,
    before: CheckRun | None,
    without_entry: CheckRun,
    expected: tuple[set[str], int],
) -> None:
    assert found_out(monkeypatch, run, before, without_entry) == expected


@pytest.mark.parametrize("more", [{"scope": "entry"}, {"scope": "repository"}, {"junit": None}])
def test_a_check_whose_scope_is_named_or_that_reports_no_cases_is_not_looked_into(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    assert found_out(monkeypatch, report("a"), report("a b"), report("b"), **more) == (set(), 0)
