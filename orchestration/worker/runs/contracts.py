"""Runs of proposed entries' tests on the run's commit: each must fail there, and pass after the work."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from orchestration import sessions
from orchestration.git import changes
from orchestration.git.clones import working_copies
from orchestration.models import Proposal
from orchestration.proposals import base_tests
from orchestration.proposals.answering.proposed import Answer, Proposed
from orchestration.proposals.base_tests import BaseTests
from orchestration.proposals.kinds.schema import ProposedEntry
from orchestration.verdicts import store
from orchestration.verdicts.evidence import CheckRun
from orchestration.worker.judging import checks, turns
from orchestration.worker.judging.checks import CannotJudge
from orchestration.worker.runs.place import Place
from orchestration.worker.steps import given_tests, protected_files
from orchestration.worker.steps.runner import SessionRunner


def examined(place: Place, answer: Answer) -> Answer:
    """The answer with its tests' results on the base, and their problems. Raises SessionOver."""
    entries = list(_entries(answer))
    named = {n: entry for n, (_, entry) in enumerate(entries) if entry.tests or entry.test_files}
    if answer.problems or not named or not place.commit or not place.bench.config.verify:
        return answer
    number = f"{len(named)} {'entry' if len(named) == 1 else 'entries'}"
    sessions.write(place.session, progress=f"Muster runs the tests of {number}: they must fail before the work")
    judged = {**_judged(place, named), **_configuring(place, named)}
    by_proposal: dict[int, list[tuple[str, BaseTests]]] = defaultdict(list)
    for n, each in sorted(judged.items()):
        by_proposal[entries[n][0]].append((entries[n][1].title, each))
    return replace(
        answer,
        proposed=[_marked(each, by_proposal[n]) for n, each in enumerate(answer.proposed)],
        doubts=[f"Entry {n + 1}: {judged[n].problem}" for n in sorted(judged) if judged[n].problem],
    )


def _entries(answer: Answer) -> Iterator[tuple[int, ProposedEntry]]:
    """The entries of the proposals in order, each with its proposal's index: new entries, children of a split, better descriptions."""
    for n, each in enumerate(answer.proposed):
        for entry in each.after.get("entries") or [each.after]:
            if "content" in entry:
                yield n, ProposedEntry.model_validate({"content": entry["content"], "spec": entry.get("spec")})


def _marked(proposed: Proposed, judged_by_title: Sequence[tuple[str, BaseTests]]) -> Proposed:
    """Add the test results on the base to a proposal."""
    if not judged_by_title:
        return proposed
    together = base_tests.together(judged_by_title) if proposed.kind == Proposal.Kind.SPLIT else judged_by_title[0][1]
    return replace(proposed, tests_on_base=together.as_json(), note=f"{together.problem} {proposed.note}".strip())


def _judged(place: Place, named: dict[int, ProposedEntry]) -> dict[int, BaseTests]:
    judged = _judge(place, named)
    broken = {n for n, each in judged.items() if each.state == "broken"}
    others = {n: entry for n, entry in named.items() if n not in broken}
    if broken and others:  # an import error in one file may keep all others from running
        judged |= _judge(place, others)
    return judged


def _judge(place: Place, named: dict[int, ProposedEntry]) -> dict[int, BaseTests]:
    files = {path: text for entry in named.values() for path, text in given_tests.normalised(entry.test_files).items()}
    try:
        runs = _run(place, files)
    except CannotJudge as why:
        return dict.fromkeys(named, BaseTests("unknown", remark=f"The checks cannot run before the work: {why}"[:300]))
    if endless := next((run for run in runs if not run.is_evidence), None):
        end = "; ".join(endless.findings) or endless.cause
        return dict.fromkeys(named, BaseTests("broken", problem=f"With its test files, {endless.name} {end}"[:300]))
    return base_tests.judge(named, runs, _before(place))


def _run(place: Place, files: dict[str, str]) -> list[CheckRun]:
    """Run the checks with these files. Raises CannotJudge if the workspace's setup fails."""
    name = f"{place.session.pk}-base"  # the reaper removes it
    runner = SessionRunner(place, label="tests", with_entry=False)
    with (
        turns.turn(runner),
        working_copies.checkout(place.bench.store, place.bench.copies, name, place.commit) as folder,
        runner.staged(folder, place.commit),
    ):
        given_tests.put(files, Path(folder))
        runner.set_up(folder)
        return checks.observe(place.bench.config.verify, folder, runner)


def _before(place: Place) -> list[CheckRun]:
    """The known results of the checks on the base alone, or none."""
    tree = changes.tree_of(place.bench.repo, place.commit)
    verdict = store.newest(place.session.workspace_id, tree, place.bench.checks_hash)
    return list(store.runs_of(verdict).values()) if verdict else []


def _configuring(place: Place, named: dict[int, ProposedEntry]) -> dict[int, BaseTests]:
    """The entries with a file of test configuration: it could make any test pass."""
    bad = {
        n: protected_files.tampered(given_tests.normalised(entry.test_files), at_base=(), patterns=place.bench.config.protected)
        for n, entry in named.items()
    }
    return {
        n: BaseTests("broken", problem=f"{names[0]} configures how tests run: test_files has tests alone.")
        for n, names in bad.items()
        if names
    }
