"""The results of proposed entries' tests on the commit where their work starts: there they must run, and fail. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestration.proposals.kinds.schema import ProposedEntry
from orchestration.verdicts import targets
from orchestration.verdicts.evidence import Cases, CheckRun

MAX_SHOWN = 50
State = Literal["red", "green", "broken", "missing", "unknown"]
WORDS: dict[str, str] = {
    "red": "fail before the work, as they must",
    "green": "pass before the work already",
    "broken": "cannot run before the work",
    "missing": "are not there before the work",
    "unknown": "were not seen to fail before the work",
}
"""After "its tests"."""
WORST_FIRST: tuple[State, ...] = ("broken", "green", "missing", "unknown", "red")
GREEN = "Its tests pass already before the work: name tests that fail until the entry is done."
UNKNOWN = "No check names its test cases (config verify[].junit), so nothing shows that these fail before the work."


@dataclass(frozen=True)
class BaseTests:
    """red: they run and fail, as they must. broken: a file with them cannot be imported. missing: no test has such a name. `failing`: the
    first line of each message, by case. `problem`: a sentence for the agent and then for people; empty: none."""

    state: State
    failing: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    remark: str = ""

    def as_json(self) -> dict[str, Any]:
        failing = {name: message[:200] for name, message in sorted(self.failing.items())[:MAX_SHOWN]}
        return {"state": self.state, "failing": failing, "remark": self.problem or self.remark}


def judge(
    entries: Mapping[int, ProposedEntry], runs: Sequence[CheckRun], before: Iterable[CheckRun] = ()
) -> dict[int, BaseTests]:
    """The state of each entry's tests before the work, by its place in the answer. `runs`: the checks on the base with the test files of all these entries;
    `before`: without them."""
    reports = _reports(runs)
    if not reports:
        all_green = bool(runs) and all(run.is_green for run in runs)
        same = BaseTests("green", problem=GREEN) if all_green else BaseTests("unknown", remark=UNKNOWN)
        return dict.fromkeys(entries, same)
    names = frozenset().union(*(cases.names for cases in reports))
    failed = {name: message for cases in reports for name, message in cases.failed.items()}
    gone = frozenset().union(*(cases.good for cases in _reports(before))) - names
    return {place: _judge(entry, names, failed, gone) for place, entry in entries.items()}


def together(judged: Sequence[tuple[str, BaseTests]]) -> BaseTests:
    """Join the results of a split's children, by their titles: the worst state, and all that is wrong."""
    state = min((each.state for _, each in judged), key=WORST_FIRST.index)
    failing = {name: message for _, each in judged for name, message in each.failing.items()}
    problems = [f"{title}: {each.problem}" for title, each in judged if each.problem]
    remark = next((each.remark for _, each in judged if each.remark), "")
    return BaseTests(state, failing, " ".join(problems), remark)


def _judge(entry: ProposedEntry, names: frozenset[str], failed: Mapping[str, str], gone: frozenset[str]) -> BaseTests:
    own_files = targets.files([*entry.tests, *entry.test_files])
    if unread := sorted(own_files & failed.keys()):
        words = f"{unread[0]} cannot be imported before the work ({failed[unread[0]][:150]})"
        return BaseTests("broken", problem=f"{words}: import what is not there yet inside a test, so that it runs and fails.")
    if removed := sorted(name for name in gone if any(name.startswith(f"{file}.") for file in own_files)):
        return BaseTests("broken", problem=f"Its test files take away {removed[0]}, which passes before the work: keep it.")
    matched = {pattern: targets.matching(pattern, names) for pattern in entry.tests}
    if missing := [pattern for pattern, cases in matched.items() if not cases]:
        return BaseTests(
            "missing", problem=f"No test is named {missing[0]} before the work: bring its file in test_files, or do not name it."
        )
    failing = {name: failed[name] for cases in matched.values() for name in cases if name in failed}
    return BaseTests("red", failing) if failing else BaseTests("green", problem=GREEN)


def _reports(runs: Iterable[CheckRun]) -> list[Cases]:
    return [run.cases for run in runs if run.cases is not None and run.cases.any]
